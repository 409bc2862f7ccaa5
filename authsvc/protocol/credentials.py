"""What a client-authentication method looks at, what it finds there, and what it has proved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.protocol.grant import Issuing


class Presentable(Protocol):
    """The parts of a request that may carry a client's credentials."""

    @property
    def tenant(self) -> Tenant: ...

    @property
    def parameters(self) -> Mapping[str, str]: ...

    @property
    def authorization(self) -> str | None:
        """The Authorization header, if there is one."""
        ...

    @property
    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """Unproved: the id that a request claims and what it presents for it.

    `identity` is set instead of an id where the issuer and subject of an external token name the client.
    """

    client_id: str
    presented_secret: str | None = field(default=None, repr=False)
    presented_assertion: str | None = field(default=None, repr=False)
    identity: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Proving:
    """What a method may use to judge credentials: whom they are presented to, when, and where keys are found."""

    tenant: Tenant
    uow: UnitOfWork
    issuing: Issuing
    now: datetime


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion that has proved its client and may do so once: `issued_by` and its `jti`, until it expires."""

    issued_by: str
    id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """The credentials are the client's. `once` must be used up when the request is granted."""

    once: Assertion | None = None


PROVED = Proof()
