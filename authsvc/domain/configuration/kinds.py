"""What of each noun is configuration, and what it is where a document says nothing."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from authsvc.domain.configuration.plain import Table, members, plain, read_members
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.relying_parties import NO_RELYING_PARTY, RelyingParty
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer

_PARTY = "relying_party"
_STATE = frozenset({"created_at", "disabled_at", "version"})
_PARTY_STATE = frozenset({"registration_token_hash", "registered_with"})
"""What registration over HTTP left on a client: no document takes it away or gives it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A noun of a document: `plural` is its table, `key` the member that names each, `always` what is always said."""

    word: str
    plural: str
    noun: type
    key: str
    always: tuple[str, ...]
    blank: Callable[[str, datetime], Any]
    apart: frozenset[str] = frozenset()
    """Members that are read and written in a way of their own."""

    @property
    def left_out(self) -> frozenset[str]:
        """What `members` passes over."""
        return _STATE | self.apart | {self.key}


def blank_resource(audience: str, now: datetime) -> Resource:
    """Return a resource of which nothing is said but its audience."""
    return Resource(audience, audience, frozenset(), "ES256", None, created_at=now)


def blank_issuer(issuer: str, now: datetime) -> TrustedIssuer:
    """Return an issuer that is trusted for nothing yet."""
    nothing = frozenset[str]()
    return TrustedIssuer(
        issuer=issuer, name=issuer, jwks=None, jwks_uri=None, algorithms=frozenset({"RS256", "ES256"}),
        purposes=nothing, audiences=nothing, subject_claim="sub", subject_kind="user_id", subjects=nothing,
        max_token_seconds=3_600, created_at=now,
    )  # fmt: skip


def blank_client(client_id: str, now: datetime) -> Client:
    """Return a client that may do nothing yet."""
    nothing = frozenset[str]()
    return Client(
        id=client_id, name=client_id, auth_method="client_secret_basic", secrets=(), first_party=False,
        grant_types=nothing, scopes=nothing, resources=nothing, origins=nothing, profile="oauth2.1",
        id_token_algorithm="RS256", created_at=now,
    )  # fmt: skip


RESOURCE = Kind("resource", "resources", Resource, "audience", ("name", "scopes"), blank_resource)
ISSUER = Kind("issuer", "issuers", TrustedIssuer, "issuer", ("name", "purposes"), blank_issuer)
CLIENT = Kind(
    "client", "clients", Client, "id", ("name", "auth_method", "grant_types"), blank_client,
    frozenset({"secrets", _PARTY}),
)  # fmt: skip
KINDS = (RESOURCE, ISSUER, CLIENT)
"""In the order in which they are made: clients name the others."""


def name_of(kind: Kind, value: object) -> str:
    """Return what the document calls it."""
    return str(getattr(value, kind.key))


def written(kind: Kind, value: Any) -> Table:  # noqa: ANN401 - of the kind
    """Return the table of one object: what is always said, and what is not as in a blank one; no secret, no hash."""
    blank = kind.blank(name_of(kind, value), value.created_at)
    said = {name: plain(getattr(value, name)) for name in kind.always}
    table = said | members(value, blank, kind.left_out)
    if value.disabled_at is not None:
        table["disabled"] = True
    if kind is CLIENT and (party := members(value.relying_party, NO_RELYING_PARTY, _PARTY_STATE)):
        table[_PARTY] = party
    return table


def told(kind: Kind, value: Any) -> Table:  # noqa: ANN401 - of the kind
    """Return every member with its value, those of a relying party by dotted names: what is compared."""
    found = _all(value, kind.left_out) | {"disabled": value.disabled_at is not None}
    if kind is CLIENT:
        party = _all(value.relying_party, _PARTY_STATE)
        found |= {f"{_PARTY}.{name}": member for name, member in party.items()}
        found["secrets"] = [secret.id for secret in value.secrets]
    return found


def read(kind: Kind, table: Table, place: str) -> Table:
    """Return the arguments that the table gives; a relying party as a whole. Raises: ConfigurationInvalid."""
    given = {name: value for name, value in table.items() if name not in kind.apart}
    found = read_members(kind.noun, given, kind.left_out, place)
    if kind is CLIENT and _PARTY in table:
        found[_PARTY] = RelyingParty(**read_members(RelyingParty, table[_PARTY], _PARTY_STATE, f"{place}.{_PARTY}"))
    return found


def kept(kind: Kind, current: Any) -> Table:  # noqa: ANN401 - of the kind
    """Return what an object keeps of itself, whatever the document says: its birth, its version."""
    return {name: getattr(current, name) for name in _STATE | {kind.key}}


def party_kept(wanted: RelyingParty, current: RelyingParty) -> Table:
    """Return the arguments of a relying party with what registration over HTTP left on the current one."""
    said = {member.name: getattr(wanted, member.name) for member in fields(wanted)}
    return said | {name: getattr(current, name) for name in _PARTY_STATE}


def _all(value: Any, left_out: frozenset[str]) -> Table:  # noqa: ANN401 - any dataclass
    return {member.name: plain(getattr(value, member.name)) for member in fields(value) if member.name not in left_out}
