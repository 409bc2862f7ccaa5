"""Client metadata to a client, and back (RFC 7591 §2, OpenID Connect Registration 1.0 §2).

What a client asks for beyond what it may have is left out where the specifications let a server replace it (scopes,
grant types, response types): the answer says what was registered. What protects somebody is never weakened silently.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from authsvc.crypto.ml_dsa import ML_DSA
from authsvc.domain.parties.clients import CODE_GRANT, Client
from authsvc.domain.parties.relying_parties import NO_RELYING_PARTY, RelyingParty
from authsvc.domain.parties.resources import IDENTITY_SCOPES, Resource
from authsvc.domain.web_address import UrlInvalid, read_url
from authsvc.protocol.client_members import (
    ASSERTION_ALGORITHM,
    ASSERTION_ALGORITHMS,
    LIST,
    OF_CLIENT,
    OF_PARTY,
    PEOPLES_TEXTS,
    TEXT,
    UNSUPPORTED,
    Kind,
    Member,
    Told,
    WrongValue,
)
from authsvc.protocol.errors import (
    InvalidClientMetadata,
    InvalidScope,
    InvalidSoftwareStatement,
    UnapprovedSoftwareStatement,
)
from authsvc.protocol.scope import parse_scope

REGISTRABLE_GRANTS = frozenset({CODE_GRANT, "refresh_token"})
"""Each needs a person's leave. A client that acts by itself, or takes passwords or tokens of others, is made by an
administrator."""
RESPONSE_TYPE = "code"
PROFILE = "oidc"
"""What OpenID Connect lets a confidential client do; a public one needs PKCE under every profile."""
_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"auth_method": "client_secret_basic", "id_token_algorithm": "RS256", "jwks": None, "jwks_uri": None}
)
_PEOPLES_TEXT = re.compile(rf"(?:{'|'.join(PEOPLES_TEXTS)})(?:#[A-Za-z0-9-]{{1,35}})?")
_COMPACT_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_NAME = OF_CLIENT[0].name
Metadata = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registrable:
    """What a client may have: the scopes and grant types, and the enabled resources that own the scopes."""

    scopes: frozenset[str]
    grant_types: frozenset[str]
    resources: tuple[Resource, ...]


def registrable(resources: Iterable[Resource], base: Client) -> Registrable:
    """Return what registration gives, and what the client was given besides by an administrator.

    The account API is not for strangers' clients.
    """
    enabled = tuple(item for item in resources if item.disabled_at is None)
    scopes = IDENTITY_SCOPES.union(*(item.scopes for item in enabled))
    return Registrable(scopes | base.scopes, REGISTRABLE_GRANTS | base.grant_types, enabled)


def blank_client(client_id: str, now: datetime) -> Client:
    """Return a client that may do nothing yet. It is nobody's own app, and every person is asked for their consent."""
    nothing = frozenset[str]()
    return Client(
        id=client_id, name=client_id, auth_method=_DEFAULTS["auth_method"], secrets=(), first_party=False,
        grant_types=nothing, scopes=nothing, resources=nothing, origins=nothing, profile=PROFILE,
        id_token_algorithm=_DEFAULTS["id_token_algorithm"], created_at=now,
    )  # fmt: skip


def with_metadata(base: Client, metadata: Metadata, may_have: Registrable) -> Client:
    """Return the client with this metadata in place of what it had; what registration cannot say stays as it is.

    Nothing is kept of members that are not known here (RFC 7591 §2); null counts as left out (RFC 7592 §2.2). The
    domain has not judged the values yet.
    Raises: InvalidClientMetadata naming the member, InvalidSoftwareStatement, UnapprovedSoftwareStatement.
    """
    given = {name: value for name, value in metadata.items() if value is not None}
    _refuse_what_cannot_be_kept(given)
    kept = {"name": base.id, **_DEFAULTS, **_read(OF_CLIENT, given)}
    scopes = _scopes(given, may_have)
    wanted = replace(
        base,
        **kept,
        grant_types=_grant_types(given, may_have),
        scopes=scopes,
        resources=frozenset(item.audience for item in may_have.resources if item.scopes & scopes),
        assertion_algorithms=_assertion_algorithms(given, kept["auth_method"]),
        relying_party=_relying_party(base.relying_party, given),
    )
    _refuse_keys_of_ml_dsa(wanted, base)
    return wanted


def metadata_of(client: Client) -> dict[str, Told]:
    """Return everything that is registered of the client (RFC 7591 §3.2.1); no secret and no token."""
    members: dict[str, Told] = {} if client.name == client.id else {_NAME: client.name}
    members |= _tell(OF_CLIENT[1:], client) | _tell(OF_PARTY, client.relying_party) | dict(client.relying_party.texts)
    members |= {
        "grant_types": sorted(client.grant_types),
        "response_types": [RESPONSE_TYPE] if CODE_GRANT in client.grant_types else [],
        "scope": " ".join(sorted(client.scopes)),
    }
    if len(client.assertion_algorithms) == 1:
        members["token_endpoint_auth_signing_alg"] = next(iter(client.assertion_algorithms))
    return members


def _read(members: Iterable[Member], given: Metadata) -> dict[str, Any]:
    return {row.attribute: _value(row.name, row.kind, given[row.name]) for row in members if row.name in given}


def _value(name: str, kind: Kind, value: object) -> Any:  # noqa: ANN401 - what the kind keeps
    try:
        return kind.read(value)
    except WrongValue as error:
        raise InvalidClientMetadata(f"{name}: {error}") from None


def _tell(members: Iterable[Member], owner: Client | RelyingParty) -> dict[str, Told]:
    values = ((row, getattr(owner, row.attribute)) for row in members)
    return {
        row.name: row.kind.tell(value)
        for row, value in values
        if row.always or (value is not None and value != () and value is not False)
    }


def _refuse_what_cannot_be_kept(given: Metadata) -> None:
    statement = given.get("software_statement")
    if statement is not None:
        if isinstance(statement, str) and _COMPACT_JWT.fullmatch(statement):
            raise UnapprovedSoftwareStatement("software_statement: nobody's are trusted here; leave it out")
        raise InvalidSoftwareStatement("software_statement: not a JWT; leave it out")
    for name in UNSUPPORTED:
        if given.get(name, False) is not False:
            raise InvalidClientMetadata(f"{name}: not supported here; leave it out")


def _refuse_keys_of_ml_dsa(wanted: Client, base: Client) -> None:
    """Refuse ML-DSA unless an administrator has chosen it: its key would come into the key set of all.

    There are libraries that refuse a whole set for it, and with it the tokens of everybody else's clients.
    """
    for name, algorithm, before in (
        ("id_token_signed_response_alg", wanted.id_token_algorithm, base.id_token_algorithm),
        (
            "userinfo_signed_response_alg",
            wanted.relying_party.userinfo_algorithm,
            base.relying_party.userinfo_algorithm,
        ),
    ):
        if algorithm in ML_DSA and algorithm != before:
            raise InvalidClientMetadata(f"{name}: {algorithm} is given by the administrator alone")


def _grant_types(given: Metadata, may_have: Registrable) -> frozenset[str]:
    """Return those that it may have: it must be able to begin with something. Raises: InvalidClientMetadata."""
    asked = _value("grant_types", LIST, given.get("grant_types", [CODE_GRANT]))
    types = _value("response_types", LIST, given.get("response_types", [RESPONSE_TYPE]))
    allowed = may_have.grant_types.intersection(asked)
    if allowed <= {"refresh_token"}:
        raise InvalidClientMetadata(f"grant_types: {CODE_GRANT} is what clients are registered for here")
    if CODE_GRANT in allowed and RESPONSE_TYPE not in types:
        raise InvalidClientMetadata(f"response_types: {RESPONSE_TYPE}, which is the only one here")
    return allowed


def _scopes(given: Metadata, may_have: Registrable) -> frozenset[str]:
    try:
        asked = parse_scope(_value("scope", TEXT, given["scope"])) if given.get("scope") else IDENTITY_SCOPES
    except InvalidScope as error:
        raise InvalidClientMetadata(f"scope: {error.description}") from None
    allowed = may_have.scopes & (asked or IDENTITY_SCOPES)
    if not allowed:
        raise InvalidClientMetadata("scope: none of these can be had here")
    return allowed


def _assertion_algorithms(given: Metadata, auth_method: str) -> frozenset[str]:
    """Return what the client's assertions may be signed with: nothing where it does not sign any."""
    name = "token_endpoint_auth_signing_alg"
    chosen = _value(name, ASSERTION_ALGORITHM, given[name]) if name in given else None
    known = ASSERTION_ALGORITHMS.get(auth_method, ())
    if chosen is None or not known:
        return frozenset(known)
    if chosen not in known:
        raise InvalidClientMetadata(f"{name}: for {auth_method} one of {', '.join(known)}")
    return frozenset({chosen})


def _relying_party(base: RelyingParty, given: Metadata) -> RelyingParty:
    """Return what is given and else the defaults; what is an administrator's to say stays."""
    read = _read(OF_PARTY, given)
    texts = {
        name: _value(name.partition("#")[0], TEXT, value)
        for name, value in given.items()
        if name != _NAME and _PEOPLES_TEXT.fullmatch(name)
    }
    return replace(
        NO_RELYING_PARTY,
        **read,
        texts=MappingProxyType(texts),
        sector=_sector(read.get("sector_identifier_uri")),
        skips_consent=base.skips_consent,
        registration_token_hash=base.registration_token_hash,
        registered_with=base.registered_with,
    )


def _sector(sector_identifier_uri: str | None) -> str | None:
    if sector_identifier_uri is None:
        return None
    try:
        return read_url(sector_identifier_uri).host
    except UrlInvalid as error:
        raise InvalidClientMetadata(f"sector_identifier_uri: {error}") from None
