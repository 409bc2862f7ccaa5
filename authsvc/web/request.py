"""A request as the edge hands it on: read, measured, its tenant found."""

from dataclasses import dataclass
from datetime import datetime

from authsvc.domain.ports import HashPermit, UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.protocol.errors import InvalidRequest
from authsvc.web.forms import Fields


@dataclass(frozen=True, slots=True)
class Request:
    """What every handler may look at. Header names are lower case; `fields` come from a form or a JSON object.

    `query` is the URL's query as it came: only endpoints that say so look at it (`forms.parse_form` reads it).
    """

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    fields: Fields
    address: str
    request_id: str
    now: datetime
    permit: HashPermit
    query: bytes = b""

    def header(self, name: bytes) -> str | None:
        """Return the header's one value, None if absent. Raises: InvalidRequest if it comes twice."""
        found = [value for key, value in self.headers if key == name]
        if len(found) > 1:
            raise InvalidRequest(f"the header {name.decode()} is repeated", rule="header_repeated")
        return found[0].decode("latin-1") if found else None


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its tenant and the unit of work it runs in."""

    request: Request
    tenant: Tenant
    uow: UnitOfWork


class NoPermit:
    """For requests that hash nothing."""

    def release(self) -> None:
        """Nothing was taken."""


NO_PERMIT = NoPermit()
