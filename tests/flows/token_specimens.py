"""A good token for each input, in parts, from which forgeries are made."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import jwt

from tests.flows import assertions
from tests.flows.assertions import GONE, a_key
from tests.flows.exchanges import PARTNER
from tests.flows.specimen import Rules, Specimen
from tests.flows.token_rig import KUBERNETES, POD, STRANGERS, Rig
from tests.flows.token_rules import ASSERTION, AT, OWN_TYPES, VERIFIED
from tests.flows.world import ISSUER
from tests.verify.issuer_server import AUDIENCE


def ours(
    free: Mapping[str, str], make: Callable[[Rig], str], *, strips: bool = False, typ: str = "at+jwt"
) -> Callable[[Rig], Specimen]:
    """A token that this server has issued; `free` and `strips` as in Rules."""

    def specimen(rig: Rig) -> Specimen:
        token = make(rig)
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
        signer = next(key for key in rig.ours.values() if key.kid == header["kid"])
        others = {
            "client_id": ("nobody",),
            "iss": (rig.shop.world.other.issuer, PARTNER),
            "aud": ("https://elsewhere.example",),
        }
        if "aud" in free and "near" in free["aud"].split():
            del others["aud"]
        return Specimen(
            header, claims, signer, Rules(frozenset({typ}), free, strips=strips), rig.published(),
            rig.rivals(*(f"our {name}" for name in rig.ours)),
            rig.now, others,
        )  # fmt: skip

    return specimen


def theirs(
    of: str,
    free: Mapping[str, str],
    types: frozenset[str | None],
    claims: Callable[[Rig], Mapping[str, Any]],
    trusted: str = "",
    **header: Any,
) -> Callable[[Rig], Specimen]:
    """A token of a client or a trusted issuer; `trusted` is another whose tokens count as well."""

    def specimen(rig: Rig) -> Specimen:
        key = a_key(STRANGERS[of], of)
        head = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **header}
        others = {"iss": (ISSUER, KUBERNETES, "signer-rsa", "nobody"), "sub": ("signer-rsa", "nobody", "admin"),
                  "aud": (f"{ISSUER}/introspect", rig.shop.world.other.issuer), "client_id": ("app2",),
                  "jti": ()}  # fmt: skip
        return Specimen(
            {name: value for name, value in head.items() if value is not GONE}, claims(rig), key,
            Rules(types, free, needs_kid=False), rig.published(), rig.rivals(of, trusted), rig.now, others,
        )  # fmt: skip

    return specimen


def shared(rig: Rig) -> Specimen:
    world = rig.shop.world
    claims = assertions.own_claims("sharer", ISSUER, world.clock())
    others = {
        "iss": ("signer", "nobody"),
        "sub": ("signer", "nobody"),
        "aud": (f"{ISSUER}/introspect", world.other.issuer),
    }
    return Specimen(
        {"alg": "HS256", "typ": "JWT"}, claims, world.secrets["sharer"].encode(),
        Rules(OWN_TYPES, ASSERTION, needs_kid=False), rig.published(), rig.rivals(), rig.now, others,
    )  # fmt: skip


def verified(rig: Rig) -> Specimen:
    resource = rig.resource
    claims, now = resource.issuer.claims(), int(resource.issuer.hands.wall)
    header = {"alg": resource.key.algorithm, "kid": resource.key.kid, "typ": "at+jwt"}
    published = rig.published() | {"its issuer's": resource.key}
    others = {"iss": (ISSUER, PARTNER), "aud": (f"{AUDIENCE}.elsewhere.example",), "client_id": ("nobody",)}
    return Specimen(header, claims, resource.key, Rules(AT, VERIFIED), published, rig.rivals(), now, others)


def user_token(rig: Rig) -> str:
    return rig.shop.token("es256:read", username=rig.someone())


def account_token(rig: Rig) -> str:
    return str(rig.shop.world.tokens(scope="account", username=rig.someone())["access_token"])


def identity_token(rig: Rig) -> str:
    return str(rig.shop.world.tokens(scope="openid", username=rig.someone())["access_token"])


def id_token(rig: Rig) -> str:
    return str(rig.shop.world.tokens(scope="openid", username=rig.someone())["id_token"])


def of_client(client: str) -> Callable[[Rig], Mapping[str, Any]]:
    return lambda rig: assertions.own_claims(client, ISSUER, rig.shop.world.clock())


def of_pod(rig: Rig) -> Mapping[str, Any]:
    return assertions.ci_claims(ISSUER, rig.shop.world.clock(), iss=KUBERNETES, sub=POD, aud=[ISSUER], nbf=rig.now,
                                **{"kubernetes.io": {"namespace": "shop",
                                    "serviceaccount": {"name": "orders"}}})  # fmt: skip


def of_job(rig: Rig) -> Mapping[str, Any]:
    return assertions.ci_claims(
        ISSUER, rig.shop.world.clock(), jti=uuid4().hex, repository="octo/orders", ref="refs/heads/main"
    )


def of_workload(rig: Rig) -> Mapping[str, Any]:
    return assertions.svid_claims(ISSUER, rig.shop.world.clock())


def of_partner(**changed: Any) -> Callable[[Rig], Mapping[str, Any]]:
    return lambda rig: rig.shop.partner_claims(**{"jti": uuid4().hex, **changed})
