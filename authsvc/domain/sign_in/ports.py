"""The interfaces of what browser sign-in and client registration store; `ports` tells how all of them are."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from authsvc.domain.parties.registration_tokens import RegistrationToken
from authsvc.domain.sign_in.authorization_codes import AuthorizationCode, CodeState
from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.sign_in.continuations import Continuation
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.domain.sign_in.sessions import BrowserSession, Visitor


class BrowserSessions(Protocol):
    """The sign-ins that browsers hold by a cookie; their end is that of their session (`Sessions.end`)."""

    def find(self, secret_hash: str) -> Visitor | None:
        """Return who holds this cookie, also when the session is over or the user disabled: one statement."""

    def add(self, browser: BrowserSession) -> None:
        """Add it with its session. Raises: Conflict if the user is gone."""

    def touch(self, session_id: UUID, now: datetime, idle_expires_at: datetime) -> None:
        """Store a visit."""

    def renew(self, browser: BrowserSession, *, instead_of: str) -> bool:
        """Give the session another cookie, instant and means of sign-in; False if `instead_of` is its hash no longer.

        So does each change of privilege: what was known before it is worth nothing after it.
        """

    def list(self, user_id: UUID) -> tuple[BrowserSession, ...]:
        """Return those of one person that have not ended, newest visit first."""

    def join(self, session_id: UUID, client_id: str, now: datetime) -> None:
        """Store that the client was told of this session; a second time changes nothing."""

    def participants(self, session_id: UUID) -> tuple[str, ...]:
        """Return the clients that were told of this session."""


class AuthorizationCodes(Protocol):
    """Codes; `consume` is the single use: one atomic statement.

    Within the begun transaction `add` and `consume` last with it, without one at once.
    """

    def add(self, code: AuthorizationCode) -> None: ...

    def find(self, code_hash: str) -> CodeState | None:
        """Return the code, also when it has expired or was used, and whoever agreed to it."""

    def consume(self, code_hash: str, now: datetime, *, kept_until: datetime | None = None) -> bool:
        """Use the code up; False if it was used before or has expired. `kept_until`: the row must not go before."""


class Continuations(Protocol):
    """What browsers have not finished."""

    def add(self, continuation: Continuation) -> None: ...

    def find(self, handle_hash: str) -> Continuation | None:
        """Return the continuation, also when it has expired."""

    def save(self, continuation: Continuation) -> Continuation:
        """Write what changes (browser_hash, session_id, done, denied). As Clients.save. Raises: Conflict."""

    def finish(self, handle_hash: str) -> bool:
        """Delete it: what it was for is given once. False if another was quicker."""


class Consents(Protocol):
    """What people have allowed clients: one row for each pair."""

    def get(self, user_id: UUID, client_id: str) -> Consent | None: ...

    def give(self, consent: Consent) -> None:
        """Store it, or add it to what was allowed before (`given_at` stays): one atomic statement or locked row.

        Raises: Conflict if the user or the client is gone.
        """

    def withdraw(self, user_id: UUID, client_id: str, now: datetime) -> bool:
        """Forget the consent, and end all that the client holds of the person: sessions, families, tokens of codes."""

    def list(self, user_id: UUID) -> tuple[Consent, ...]: ...


class LogoutDeliveries(Protocol):
    """Clients to be told of a session's end. `take` leases them to one sender at a time."""

    def add(self, delivery: LogoutDelivery) -> None: ...

    def take(self, now: datetime, leased_until: datetime, limit: int) -> tuple[LogoutDelivery, ...]:
        """Return open ones whose send_after has come, pushed to `leased_until` and counted as attempted, atomically.

        The oldest of each client first, then each one's second, and so on: no client takes the place of the others.
        """

    def postpone(self, delivery_id: UUID, send_after: datetime, detail: str) -> None: ...

    def close(self, delivery_id: UUID, outcome: str, detail: str | None) -> None:
        """Store how it ended."""

    def list(self, after: UUID | None, limit: int) -> tuple[LogoutDelivery, ...]: ...


class RegistrationTokens(Protocol):
    """Initial access tokens of client registration."""

    def find(self, secret_hash: str) -> RegistrationToken | None: ...

    def list(self) -> tuple[RegistrationToken, ...]: ...

    def add(self, token: RegistrationToken) -> None: ...

    def use(self, secret_hash: str, now: datetime) -> bool:
        """Take one use; False if none is left, it has expired or was revoked. One atomic statement."""

    def revoke(self, token_id: UUID, now: datetime) -> bool: ...
