"""The interfaces that the domain and the protocols need of the world; storage and outbound implement them.

Every store is born with its tenant: no method takes a tenant id, so none can forget it. `get`/`find` answer None for
what is not there. A verb that changes a row needs a begun transaction (`UnitOfWork.begin`), unless its docstring says
that it commits by itself. Errors of every method: StorageUnavailable.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from authsvc.domain.audit import AuditEvent
from authsvc.domain.documents import Document
from authsvc.domain.idempotent_answers import IdempotentAnswers
from authsvc.domain.keyring import KeyRecord
from authsvc.domain.mail.ports import MailedLinks, Outbox
from authsvc.domain.parties.ports import Clients, Resources, Tenants, TrustedIssuers
from authsvc.domain.people.lockout import Reservation
from authsvc.domain.people.ports import Users
from authsvc.domain.people.user_imports import UserImports
from authsvc.domain.sign_in.ports import (
    AuthorizationCodes,
    BrowserSessions,
    Consents,
    Continuations,
    LogoutDeliveries,
    RegistrationTokens,
)
from authsvc.domain.sign_in.sessions import FamilyState, RefreshFamily, Session
from authsvc.domain.tokens.ports import AccessTokens, ApiKeys


class Sessions(Protocol):
    """Sign-ins."""

    def get(self, session_id: UUID) -> Session | None: ...

    def add(self, session: Session) -> None: ...

    def list(self, user_id: UUID) -> tuple[Session, ...]:
        """Return those of one person that have not ended, newest first."""

    def end(self, session_id: UUID, now: datetime) -> bool:
        """End the session and every refresh family on it; False if it had ended already or does not exist."""

    def end_all(self, user_id: UUID, now: datetime, *, but: UUID | None = None) -> int:
        """End all sessions (and families) of the user, but one; returns how many."""


class RefreshFamilies(Protocol):
    """One row per family; `rotate` is the single use of a token: one atomic statement."""

    def find(self, family_id: UUID) -> FamilyState | None: ...

    def add(self, family: RefreshFamily) -> None: ...

    def rotate(  # noqa: PLR0913 - the statement's own terms
        self,
        family_id: UUID,
        *,
        presented_hash: str,
        successor_hash: str,
        generation: int,
        now: datetime,
        idle_expires_at: datetime,
    ) -> bool:
        """Make the successor current if `presented_hash` is current at `generation` and the family is alive."""

    def end(self, family_id: UUID, now: datetime) -> bool: ...


class Keys(Protocol):
    """Key records, private parts encrypted. `list` is cached."""

    def list(self) -> tuple[KeyRecord, ...]:
        """All that are not yet purged, oldest first."""

    def add(self, record: KeyRecord) -> bool:
        """False if a key of this (algorithm, ordinal) exists: another process was quicker; read again."""

    def retire(self, kid: str, retires_at: datetime) -> bool: ...

    def revoke(self, kid: str, now: datetime) -> bool: ...

    def set_private(self, kid: str, private_encrypted: bytes, *, instead_of: bytes) -> bool:
        """For the rotation of the master key."""


class Replays(Protocol):
    """What may be used once: the ids of assertions, over all nodes and restarts."""

    def consume(self, issued_by: str, assertion_id: str, expires_at: datetime) -> bool:
        """Use the id up; False if it was used before. One atomic statement.

        Within the begun transaction it lasts with it, without one at once; on the event loop it is only noted, and
        who called the handler uses it up before the answer leaves.
        `issued_by` keeps those of one issuer from using up those of another; rows are purged after `expires_at`.
        """

    def was_used(self, issued_by: str, assertion_id: str) -> bool:
        """Whether the id was used up; reads only."""


class Attempts(Protocol):
    """Counters of guesses. `reserve` commits by itself, before the secret is looked at."""

    def reserve(self, wanted: Sequence[Reservation], now: datetime) -> None:
        """Raise every counter, or none. Raises: Throttled if any is closed.

        One transaction of its own; each counter is one atomic statement, so that parallel attempts are all counted.
        """

    def give_back(self, keys: Sequence[str]) -> None:
        """Take one attempt back from each counter and open it (the password was right)."""

    def clear(self, keys: Sequence[str]) -> None:
        """Forget these counters."""


class Audit(Protocol):
    """The audit trail; rows are only added, and purged by age."""

    def add(self, event: AuditEvent) -> None: ...

    def find_request(self, request_id: str) -> tuple[AuditEvent, ...]: ...


class UnitOfWork(Protocol):
    """The stores of one tenant on one connection, taken at the first statement.

    Reads run without a transaction; `begin` starts the one writing transaction (BEGIN IMMEDIATE on SQLite; a no-op
    when begun). Only the edge and the job runner call `commit`, `rollback` and `close`.
    """

    @property
    def tenant_id(self) -> UUID: ...

    @property
    def from_memory(self) -> bool:
        """Whether this runs on the event loop, from the caches alone: what takes longer raises LaneNeeded."""
        ...

    @property
    def tenants(self) -> Tenants: ...

    @property
    def users(self) -> Users: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def families(self) -> RefreshFamilies: ...

    @property
    def clients(self) -> Clients: ...

    @property
    def resources(self) -> Resources: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def attempts(self) -> Attempts: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def links(self) -> MailedLinks: ...

    @property
    def issuers(self) -> TrustedIssuers: ...

    @property
    def replays(self) -> Replays: ...

    @property
    def access_tokens(self) -> AccessTokens: ...

    @property
    def api_keys(self) -> ApiKeys: ...

    @property
    def browser_sessions(self) -> BrowserSessions: ...

    @property
    def codes(self) -> AuthorizationCodes: ...

    @property
    def continuations(self) -> Continuations: ...

    @property
    def consents(self) -> Consents: ...

    @property
    def logout_deliveries(self) -> LogoutDeliveries: ...

    @property
    def registration_tokens(self) -> RegistrationTokens: ...

    @property
    def idempotent_answers(self) -> IdempotentAnswers: ...

    @property
    def user_imports(self) -> UserImports: ...

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class HashPermit(Protocol):
    """The right to spend a core on password hashing, taken by the edge; given back as soon as the hashing is done."""

    def release(self) -> None:
        """Give it back; a second call does nothing."""


class Metrics(Protocol):
    """What the rooms below the edge count."""

    def token_issued(self, grant: str) -> None: ...

    def login(self, outcome: str) -> None: ...

    def mail_sent(self, outcome: str) -> None: ...

    def logout_told(self, outcome: str) -> None: ...


class Fetcher(Protocol):
    """The way out for documents of strangers (key sets); guarded, cached, bounded in time and size."""

    def fetch(self, url: str, *, renewed: bool = False) -> Document:
        """Return the JSON document at an https URL, mostly from the cache.

        `renewed` asks for one that is newer than the cached one (a key id was not in it); granted at most once in a
        while for each URL. Raises: FetchFailed, FetchBusy.
        """

    def fetch_anew(self, url: str) -> Document:
        """Return the JSON document as it is now, whatever is cached: for what is seldom asked. Raises: as `fetch`."""


class Notifier(Protocol):
    """The way out for words to strangers; guarded, bounded in time."""

    def notify(self, url: str, fields: Mapping[str, str]) -> None:
        """POST a form to a URL; whoever answers 200 or 204 has taken it. Raises: FetchFailed, FetchBusy."""
