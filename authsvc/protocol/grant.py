"""What every grant type shares: the request it sees, the decision it makes, and the shape of its module."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from authsvc.crypto.envelope import MasterKeys
from authsvc.crypto.opaque import RefreshToken
from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.clients import Client
from authsvc.domain.people.lockout import LockoutPolicy
from authsvc.domain.people.login import ProvedUser
from authsvc.domain.people.users import User
from authsvc.domain.ports import Fetcher, HashPermit, Metrics, UnitOfWork
from authsvc.domain.sign_in.authorization_codes import AuthorizationCode
from authsvc.domain.sign_in.sessions import RefreshFamily
from authsvc.domain.tenants import Tenant
from authsvc.domain.tokens.api_keys import ApiKey
from authsvc.domain.tokens.content import NO_ORIGIN, Origin, SignIn, Target

Lane = Literal["memory", "machine", "people"]
"""Where it runs; `memory` answers from the caches alone, and sends on to `machine` what needs the database."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds; the defaults are settings."""

    access_token: int
    machine_access_token: int
    id_token: int
    refresh_idle: int
    refresh: int
    refresh_retry: int
    session: int
    authorization_code: int = 60
    continuation: int = 600
    browser_idle: int = 43_200


@dataclass(frozen=True, slots=True)
class Issuing:
    """What the process lends to every issuance: opened keys, lifetimes, the lockout policy, counters.

    `master_keys` open the secrets of client_secret_jwt clients; `fetcher` reads the key sets of strangers;
    `signs_up` says whether people may create accounts.
    """

    keyring: Keyring
    lifetimes: Lifetimes
    lockout: LockoutPolicy
    metrics: Metrics
    master_keys: MasterKeys
    fetcher: Fetcher
    signs_up: bool = True


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """A request of an authenticated client: its own parameters only, each once; scope and resources parsed.

    `scopes` is None when the request named none.
    """

    tenant: Tenant
    client: Client
    parameters: Mapping[str, str]
    scopes: frozenset[str] | None
    resources: tuple[str, ...]
    address: str
    request_id: str
    now: datetime
    permit: HashPermit


@dataclass(frozen=True, slots=True)
class PresentedFamily:
    """A refresh token that was presented, with the family it belongs to."""

    token: RefreshToken
    family: RefreshFamily


@dataclass(frozen=True, slots=True)
class TrustedWord:
    """A trusted issuer's token that names the person: its issuer, its `jti` if it has one, and until when it counts."""

    issuer: str
    id: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What a grant decided: for whom, and the most that may be given. Nothing is stored yet.

    `for_itself`: the client has proved itself and asks in its own name; only so it may ask for the admin API.
    `audience` is the one that the token is for, whatever the request named; None: narrowing finds out. `actor` becomes
    the claim `act` whole (RFC 8693 §4.1). No token outlives `expires_at`. `issued_token_type` is told where the grant
    has it (RFC 8693 §2.2.1); `origin` is what was exchanged. `trusted_word`, `api_key` and
    `code` are what was presented; nonce and claims of the code go into the tokens. `user` is the person, where the
    grant has read them.
    """

    subject: str
    scopes: frozenset[str]
    resources: frozenset[str]
    sign_in: SignIn | None = None
    proved: ProvedUser | None = None
    presented: PresentedFamily | None = None
    trusted_word: TrustedWord | None = None
    api_key: ApiKey | None = None
    code: AuthorizationCode | None = None
    user: User | None = None
    audience: str | None = None
    actor: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    issued_token_type: str | None = None
    origin: Origin = NO_ORIGIN
    for_itself: bool = False


class Grant(Protocol):
    """A grant type is a module of this shape; the endpoint owns every phase that they share."""

    @property
    def GRANT_TYPE(self) -> str: ...  # noqa: N802 - a module's constant

    @property
    def PARAMETERS(self) -> frozenset[str]:  # noqa: N802 - a module's constant
        """Its own parameters, beside grant_type, scope, resource and the client's credentials."""
        ...

    @property
    def LANE(self) -> Lane: ...  # noqa: N802 - a module's constant

    @property
    def HASHES(self) -> bool:  # noqa: N802 - a module's constant
        """Whether it hashes a password, and so needs a permit."""
        ...

    def check(self, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
        """Decide; reads only. Raises: ProtocolError, DomainError."""
        ...

    def consume(
        self, decision: Decision, target: Target, request: GrantRequest, uow: UnitOfWork, issuing: Issuing
    ) -> str | None:
        """Use the artefact up and store what follows; returns the refresh token to hand out, if any."""
        ...
