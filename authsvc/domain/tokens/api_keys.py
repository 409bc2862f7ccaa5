"""API keys: long-lived secrets of a person or a service, shown once, exchanged for short JWTs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from authsvc.crypto import opaque
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES, Resource
from authsvc.errors import DomainError

MAX_LIVE_KEYS = 50
"""Of one owner: more are forgotten than used."""
MAX_NAME = 100
"""Characters of a key's name."""
DEFAULT_SECONDS = 90 * 86_400
"""How long a key lives if nobody says otherwise."""
MIN_SECONDS = 60
MAX_SECONDS = 365 * 86_400
"""How long a key may live; one without an end is made on the command line only."""
USE_RECORDED_SECONDS = 60
"""A key may be used a thousand times a second: when it was last used is written down once in this while."""
_HINT_CHARACTERS = 6
_OF_PEOPLE = IDENTITY_SCOPES | {ACCOUNT_SCOPE}


class TooManyApiKeys(DomainError):
    """The owner has as many live keys as one may have."""

    rule = "too_many_api_keys"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: of a user (personal) or of a client (service), exactly one of both.

    `hint` is the start of the key, for people who look for it; `resources` are the audiences it may be used for.
    """

    id: UUID
    user_id: UUID | None
    client_id: str | None
    name: str
    hint: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[str]
    resources: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whose key it is, a user's or a client's, and the most that any key of theirs may reach."""

    user_id: UUID | None
    client_id: str | None
    scopes: frozenset[str]
    resources: frozenset[str]

    @property
    def principal(self) -> str:
        """One name for whoever it is."""
        return f"client {self.client_id}" if self.user_id is None else f"user {self.user_id}"

    def owns(self, key: ApiKey) -> bool:
        """Whether the key is theirs."""
        return (self.user_id, self.client_id) == (key.user_id, key.client_id)


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What somebody asks of a new key. Without resources it is for those that own the scopes."""

    name: str
    scopes: frozenset[str]
    resources: frozenset[str] | None = None
    lifetime_seconds: int | None = None
    expires_at: datetime | None = None
    never_expires: bool = False


def new_api_key(
    wanted: WantedKey, owner: KeyOwner, registered: Sequence[Resource], live: int, now: datetime
) -> tuple[ApiKey, str]:
    """Return the key and its secret, which is told once. `live` is how many live keys the owner has.

    It reaches no further than its owner, and never speaks of a person or for the account: what leaks must not be able
    to take the account over. Raises: FieldsInvalid naming each bad field; TooManyApiKeys.
    """
    usable = [item for item in registered if item.disabled_at is None and item.audience in owner.resources]
    problems = (*_about_name(wanted), *_about_scopes(wanted, owner), *_about_expiry(wanted, now))
    problems = (*problems, *_about_resources(wanted, usable, scopes_are_fine="scopes" not in _fields(problems)))
    if problems:
        raise FieldsInvalid(problems)
    if live >= MAX_LIVE_KEYS:
        raise TooManyApiKeys(f"at most {MAX_LIVE_KEYS} live API keys: revoke one first")
    secret = opaque.new_secret(opaque.API_KEY)
    key = ApiKey(
        id=uuid4(),
        user_id=owner.user_id,
        client_id=owner.client_id,
        name=wanted.name.strip(),
        hint=secret[: len(opaque.API_KEY) + _HINT_CHARACTERS],
        secret_hash=opaque.hash_secret(secret),
        scopes=wanted.scopes,
        resources=_owners_of(wanted.scopes, usable) if wanted.resources is None else wanted.resources,
        created_at=now,
        expires_at=None if wanted.never_expires else _end(wanted, now),
    )
    return key, secret


def _about_name(wanted: WantedKey) -> Iterator[FieldProblem]:
    name = wanted.name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        yield FieldProblem("name", f"1 to {MAX_NAME} printable characters")


def _about_scopes(wanted: WantedKey, owner: KeyOwner) -> Iterator[FieldProblem]:
    if not wanted.scopes:
        yield FieldProblem("scopes", "name at least one")
    elif wanted.scopes & _OF_PEOPLE:
        yield FieldProblem("scopes", "a key never speaks for the account or about the person")
    elif not wanted.scopes <= owner.scopes:
        yield FieldProblem("scopes", "only those that this client may have")


def _about_expiry(wanted: WantedKey, now: datetime) -> Iterator[FieldProblem]:
    within = f"{MIN_SECONDS} seconds to {MAX_SECONDS // 86_400} days from now"
    if (wanted.lifetime_seconds is not None) + (wanted.expires_at is not None) + wanted.never_expires > 1:
        yield FieldProblem("expires_at", "say the end in one way only")
    elif wanted.lifetime_seconds is not None and not MIN_SECONDS <= wanted.lifetime_seconds <= MAX_SECONDS:
        yield FieldProblem("expires_in", within)
    elif wanted.expires_at is not None and not MIN_SECONDS <= (wanted.expires_at - now).total_seconds() <= MAX_SECONDS:
        yield FieldProblem("expires_at", within)


def _about_resources(wanted: WantedKey, usable: list[Resource], *, scopes_are_fine: bool) -> Iterator[FieldProblem]:
    named = [item for item in usable if wanted.resources is None or item.audience in wanted.resources]
    if wanted.resources is not None and (not wanted.resources or len(named) < len(wanted.resources)):
        yield FieldProblem("resources", "only those that are registered, enabled and this client's; at least one")
    elif scopes_are_fine and not wanted.scopes <= frozenset[str]().union(*(item.scopes for item in named)):
        yield FieldProblem("scopes", "only those of the resources that the key is for")
    elif wanted.resources is None and any(sum(scope in item.scopes for item in named) > 1 for scope in wanted.scopes):
        yield FieldProblem("resources", "several resources have such a scope: name those that the key is for")


def _owners_of(scopes: frozenset[str], usable: list[Resource]) -> frozenset[str]:
    return frozenset(item.audience for item in usable if item.scopes & scopes)


def _end(wanted: WantedKey, now: datetime) -> datetime:
    """Whole seconds: what is told is what counts."""
    if wanted.expires_at is not None:
        return wanted.expires_at.astimezone(UTC).replace(microsecond=0)
    seconds = DEFAULT_SECONDS if wanted.lifetime_seconds is None else wanted.lifetime_seconds
    return (now + timedelta(seconds=seconds)).replace(microsecond=0)


def _fields(problems: tuple[FieldProblem, ...]) -> frozenset[str]:
    return frozenset(problem.field for problem in problems)
