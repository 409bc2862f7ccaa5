"""Sessions: a person's sign-in, and the refresh families that hang on it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from authsvc.domain.people.users import User
from authsvc.errors import DomainError

BROWSER = ""
"""The `client_id` of a session that no client began: the sign-in of a browser, which many clients may share."""


class SessionOver(DomainError):
    """The session has ended or expired."""

    rule = "session_over"


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. `id` is random and becomes `sid`; `amr` as in RFC 8176."""

    id: UUID
    user_id: UUID
    client_id: str
    authenticated_at: datetime
    amr: tuple[str, ...]
    expires_at: datetime
    ended_at: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        """Whether it can still give tokens."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class RefreshFamily:
    """All refresh tokens that descend from one sign-in with one client: one row, however often it is refreshed.

    Only hashes are kept. `expires_at` is absolute, `idle_expires_at` moves with each refresh. `userinfo_claims` are the
    claims asked for by name. `told_session_id` is the session that ID tokens name, where it is not the family's own.
    `authenticated_at` and `amr` are those of the sign-in, which its session forgets when the person signs in again;
    None in families older than these fields.
    """

    id: UUID
    session_id: UUID
    user_id: UUID
    client_id: str
    scopes: frozenset[str]
    resources: frozenset[str]
    current_hash: str
    previous_hash: str | None
    generation: int
    rotated_at: datetime
    created_at: datetime
    idle_expires_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    userinfo_claims: frozenset[str] = frozenset()
    told_session_id: UUID | None = None
    authenticated_at: datetime | None = None
    amr: tuple[str, ...] | None = None

    def is_alive(self, now: datetime) -> bool:
        """Whether it can still be refreshed."""
        return self.ended_at is None and now < min(self.idle_expires_at, self.expires_at)


@dataclass(frozen=True, slots=True)
class FamilyState:
    """A family with what a refresh must know of its owner, read in one statement."""

    family: RefreshFamily
    session: Session
    user_disabled: bool


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A session that a browser holds by a cookie, of which only the hash is kept; another at each change of privilege.

    Without a visit until `idle_expires_at` the cookie is worth nothing; what clients were given lives on the session.
    `address` and `user_agent` are of the last visit, for the person to recognise it by.
    """

    session: Session
    secret_hash: str
    idle_expires_at: datetime
    seen_at: datetime
    address: str
    user_agent: str

    def is_alive(self, now: datetime) -> bool:
        """Whether its cookie is still a sign-in."""
        return self.session.is_alive(now) and now < self.idle_expires_at


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a cookie says is here, read in one statement."""

    browser: BrowserSession
    user: User

    def is_signed_in(self, now: datetime) -> bool:
        """Whether the cookie is still a sign-in, of somebody who may sign in."""
        return self.browser.is_alive(now) and self.user.disabled_at is None
