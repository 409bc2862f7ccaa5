"""What a client-authentication method looks at, and what it finds there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Presentable(Protocol):
    """The parts of a request that may carry a client's credentials."""

    @property
    def parameters(self) -> Mapping[str, str]: ...

    @property
    def authorization(self) -> str | None:
        """The Authorization header, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """Unproved: the id that a request claims and the secret that it presents."""

    client_id: str
    presented_secret: str | None = field(default=None, repr=False)
