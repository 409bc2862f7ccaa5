"""What an administrator may say of a client: the members of client metadata, and what no client may say of itself."""

from typing import Any

from authsvc.domain.parties.clients import AUTH_METHODS, PROFILES, FederatedIdentity
from authsvc.protocol.client_members import FLAG, OF_CLIENT, OF_PARTY, TEXT, Kind, Member, Told, WrongValue, one_of
from authsvc.protocol.errors import InvalidScope
from authsvc.protocol.scope import parse_scope

_IDENTITY = frozenset({"issuer", "subject", "audience"})


def _texts(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise WrongValue("a list of texts")
    return frozenset(value)


def _words(value: object) -> frozenset[str]:
    if not isinstance(value, str):
        raise WrongValue("names parted by single spaces")
    try:
        return (parse_scope(value) or frozenset()) if value else frozenset()
    except InvalidScope as error:
        raise WrongValue(error.description) from None


def _identities(value: object) -> tuple[FederatedIdentity, ...]:
    if not isinstance(value, list):
        raise WrongValue("a list of objects with issuer, subject and perhaps audience")
    return tuple(map(_identity, value))


def _identity(value: object) -> FederatedIdentity:
    if not isinstance(value, dict) or not value.keys() <= _IDENTITY or not {"issuer", "subject"} <= value.keys():
        raise WrongValue("each an object with issuer, subject and perhaps audience")
    if not all(isinstance(text, str) for text in value.values()):
        raise WrongValue("issuer, subject and audience are texts")
    return FederatedIdentity(**value)


def _told(identities: Any) -> Told:  # noqa: ANN401 - what `_identities` keeps
    told: Any = [
        {"issuer": known.issuer, "subject": known.subject}
        | ({} if known.audience is None else {"audience": known.audience})
        for known in identities
    ]
    return told  # type: ignore[no-any-return]


SET = Kind(_texts, sorted)
WORDS = Kind(_words, lambda names: " ".join(sorted(names)))
IDENTITIES = Kind(_identities, _told)

_METHOD = "token_endpoint_auth_method"
OF_CLIENT_BY_ADMIN = (
    *(row for row in OF_CLIENT if row.name != _METHOD),
    Member(_METHOD, one_of(AUTH_METHODS), "auth_method", always=True),
    Member("assertion_algorithms", SET, "assertion_algorithms", always=True),
    Member("identities", IDENTITIES, "identities", always=True),
    Member("grant_types", SET, "grant_types", always=True),
    Member("scope", WORDS, "scopes", always=True),
    Member("resources", SET, "resources", always=True),
    Member("serves", SET, "serves", always=True),
    Member("origins", SET, "origins", always=True),
    Member("profile", one_of(PROFILES), "profile", always=True),
    Member("first_party", FLAG, "first_party", always=True),
)
OF_PARTY_BY_ADMIN = (
    *OF_PARTY,
    Member("sector", TEXT, "sector"),
    Member("skips_consent", FLAG, "skips_consent", always=True),
)
