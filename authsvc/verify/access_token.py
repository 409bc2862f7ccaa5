"""What a resource server learns from an access token it has accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from authsvc.crypto.jws import VerifiedClaims
from authsvc.verify.errors import TokenRejected


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token that passed every check. It holds the claims, not the token itself.

    `subject` is who it speaks for (a user, or the client itself), `client_id` the app that presents it: None only for a
    person's API key, which an IntrospectionVerifier takes as well. `expires_at` is None only for one that never ends by
    itself: it may be revoked at any time, so that whoever holds on to it asks again.
    `claims` holds every claim, read-only to its depths: one object serves all requests with the same token.

    Source: RFC 9068 §2.2.
    """

    subject: str
    client_id: str | None
    scopes: frozenset[str]
    expires_at: datetime | None
    # Names and addresses of people lie in here: they must not reach a log by way of repr().
    claims: Mapping[str, object] = field(repr=False)


def read_access_token(claims: VerifiedClaims) -> AccessToken:
    """Read claims that were judged; whether `exp` must be among them is the judge's to say.

    Raises:
        TokenRejected: a claim of an access token is missing or of the wrong type; or the token is bound to
            a key that the presenter would have to prove (`cnf`), which this verifier cannot ask for: taken
            as a bearer token it would be worth stealing again.

    Source: RFC 9068 §2.2; RFC 7800 §3.
    """
    if "cnf" in claims:
        raise TokenRejected("proof_required", "the token is bound to a key (cnf)")
    scope = _text(claims, "scope", default="")
    try:
        read_only = _read_only(claims)
    except RecursionError as error:
        raise TokenRejected("malformed", "nested too deeply") from error
    return AccessToken(
        subject=_text(claims, "sub"),
        client_id=_text(claims, "client_id") if "client_id" in claims else None,
        scopes=frozenset(name for name in scope.split(" ") if name),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC) if "exp" in claims else None,
        claims=read_only,
    )


def _text(claims: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = claims.get(name, default)
    if value is None:
        raise TokenRejected("missing_claim", name)
    if not isinstance(value, str):
        raise TokenRejected("wrong_claim_type", name)
    return value


def _read_only(members: Mapping[str, object]) -> Mapping[str, object]:
    # Nearly all claims are flat: only lists and objects are worth a call.
    return MappingProxyType(
        {name: _frozen(value) if isinstance(value, (dict, list)) else value for name, value in members.items()}
    )


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return _read_only(value)
    if isinstance(value, list):
        return tuple(_frozen(member) for member in value)
    return value
