"""The shop with every key in it that a forger could hope for, and a resource server beside it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authsvc.crypto.jwk import SigningKey, load_signing_key
from authsvc.domain.parties.clients import FederatedIdentity
from authsvc.domain.parties.trusted_issuers import SUBJECTS, USERS
from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.grants import token_exchange
from authsvc.verify import TokenVerifier
from tests.flows import assertions
from tests.flows.asking import add_server
from tests.flows.assertions import a_key
from tests.flows.exchanges import BILLING, PARTNER, PARTNERS, TO_BILLING, Shop, open_shop
from tests.flows.hasty_cache import hasty_cache
from tests.flows.world import ISSUER, a_client, running_world
from tests.verify.issuer_server import AUDIENCE, Hands, IssuerServer

KUBERNETES, POD = "https://kubernetes.default.svc", "system:serviceaccount:shop:orders"
USERS_ONLY, SUBJECTS_ONLY = "https://users-only.example", "https://subjects-only.example"
"""Issuers that are trusted for one purpose each, and registered as if for every other."""
DESK = ExchangePolicy(
    BILLING, frozenset({"app"}), scopes=(("*", frozenset({"eddsa:read"})),), any_audience=True
)  # fmt: skip


@dataclass(slots=True)
class ResourceServer:
    """Somebody who imports authsvc.verify, beside an issuer on a socket."""

    issuer: IssuerServer
    verifier: TokenVerifier
    key: SigningKey


@dataclass(slots=True)
class Rig:
    """The shop, and every key that a forger could hope for."""

    shop: Shop
    ours: dict[str, SigningKey]
    revoked: SigningKey
    retired: SigningKey
    foreign: SigningKey
    resource: ResourceServer
    names: Iterator[int] = field(default_factory=lambda: iter(range(100_000)))

    @property
    def now(self) -> int:
        return int(self.shop.world.clock().timestamp())

    def published(self) -> dict[str, SigningKey]:
        """Keys whose public halves lie about: ours at /jwks, those of clients and issuers with whoever has them."""
        strangers = {f"{name}'s": a_key(algorithm, name) for name, algorithm in STRANGERS.items()}
        return {f"our {name}": key for name, key in self.ours.items()} | strangers

    def rivals(self, *but: str) -> dict[str, tuple[SigningKey, str]]:
        """Keys that may not sign what is forged, with those who sign with them; `but` are the right ones."""
        issuers = {
            "partner": PARTNER,
            "ci": assertions.CI_ISSUER,
            "spiffe": assertions.TRUST_DOMAIN,
            "pods": KUBERNETES,
            "users-only": USERS_ONLY,
            "subjects-only": SUBJECTS_ONLY,
        }
        found = {name: (a_key(algorithm, name), issuers.get(name, name)) for name, algorithm in STRANGERS.items()}
        found |= {f"our {name}": (key, ISSUER) for name, key in self.ours.items()}
        found |= {
            "our revoked": (self.revoked, ISSUER), "our retired": (self.retired, ISSUER),
            "another tenant's": (self.foreign, self.shop.world.other.issuer), "a thief's": (a_key("ES256", "thief"),
                ISSUER),
            "a thief's RSA": (a_key("RS256", "thief"), "https://thief.example"),
        }  # fmt: skip
        return {name: rival for name, rival in found.items() if name not in but}

    def someone(self) -> str:
        """The name of a new user, whose password is PASSWORD."""
        name = f"person{next(self.names)}"
        alice = self.shop.world.user()
        with self.shop.world.change() as uow:
            uow.users.add(replace(alice, id=uuid4(), username=name, email=None, email_verified=False))
        return name


STRANGERS = {
    "signer": "ES256",
    "signer-rsa": "RS256",
    "partner": "ES256",
    "ci": "RS256",
    "spiffe": "ES256",
    "pods": "RS256",
    "users-only": "ES256",
    "subjects-only": "ES256",
}
"""Clients and issuers with keys of their own."""


@contextmanager
def open_rig(directory: Path, **changed: Any) -> Iterator[Rig]:
    """The rig on SQLite, for a whole table of cases; `changed` are settings."""
    with pytest.MonkeyPatch.context() as patched, ExitStack() as opened:
        patched.setattr("authsvc.app.Cache", hasty_cache)
        url = f"sqlite:///{directory}/authsvc.db"
        shop = open_shop(opened.enter_context(running_world(url, directory, **changed)))
        _add_takers(shop)
        keyring, now = shop.keyring(), shop.world.clock()
        with shop.world.change() as uow:
            revoked = keyring.signing_key("ES256", uow, now)
            assert keyring.revoke(revoked.kid, uow, now)
            retired = keyring.signing_key("ES256", uow, now)
            assert uow.keys.retire(retired.kid, now - timedelta(seconds=1))
            ours = {name: keyring.signing_key(name, uow, now) for name in ("ES256", "RS256", "PS256", "EdDSA")}
        with shop.world.change(shop.world.other) as uow:
            foreign = keyring.signing_key("ES256", uow, now)
        assert len({revoked.kid, retired.kid, ours["ES256"].kid, foreign.kid}) == 4
        with _resource_server() as resource:
            yield Rig(shop, ours, revoked, retired, foreign, resource)


@contextmanager
def _resource_server() -> Iterator[ResourceServer]:
    hands = Hands()
    issuer = IssuerServer(hands)
    try:
        verifier = TokenVerifier(
            issuer.issuer, AUDIENCE, clock=lambda: hands.wall, monotonic=lambda: hands.monotonic, timeout_seconds=60
        )
        ((kid, (private, algorithm)),) = issuer.private_keys.items()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        yield ResourceServer(issuer, verifier, replace(load_signing_key(algorithm, pem), kid=kid))
    finally:
        issuer.go_away()


def _add_takers(shop: Shop) -> None:
    world = shop.world
    shop.policies(
        replace(TO_BILLING, clients=frozenset({"app"})), replace(PARTNERS, issuers=PARTNERS.issuers | {USERS_ONLY})
    )
    add_server(world, "api")
    shop.add_service(a_client(
        "desk", world.clock() - timedelta(minutes=1), auth_method="client_secret_post", first_party=False,
        grant_types=frozenset({token_exchange.GRANT_TYPE}), exchanges=(DESK,),
    ))  # fmt: skip
    with world.change() as uow:
        ci, workload = uow.issuers.get(assertions.CI_ISSUER), uow.clients.get("workload")
        partner = uow.issuers.get(PARTNER)
        assert ci is not None
        assert partner is not None
        assert workload is not None
        uow.issuers.add(replace(
            ci, issuer=KUBERNETES, name="Kubernetes", jwks=assertions.jwks(a_key("RS256", "pods")),
            subjects=frozenset({"system:serviceaccount:shop:*"}), max_token_seconds=3_600,
        ))  # fmt: skip
        uow.clients.add(replace(workload, id="pod", identities=(
            FederatedIdentity(KUBERNETES, POD), FederatedIdentity(USERS_ONLY, POD),
            FederatedIdentity(SUBJECTS_ONLY, POD),
        )))  # fmt: skip
        for name, issuer, purpose in (("users-only", USERS_ONLY, USERS), ("subjects-only", SUBJECTS_ONLY, SUBJECTS)):
            own = assertions.jwks(a_key("ES256", name))
            uow.issuers.add(replace(partner, issuer=issuer, name=name, jwks=own, purposes=frozenset({purpose})))
