"""What a request says before its body is read."""

import secrets
from dataclasses import dataclass

from starlette.types import Scope

from authsvc.web.body import Head
from authsvc.web.refusals import Told
from authsvc.web.tenant import split_path


@dataclass(frozen=True, slots=True)
class Asked:
    """What the first line and the headers of a request say; of a repeated header, `head` has the last."""

    request_id: str
    tenant_path: str
    path: str
    head: Head
    host: str

    @property
    def told(self) -> Told:
        """Whom a refusal is told before a tenant was found."""
        return Told(self.request_id, accept_language=self.head.get(b"accept-language", b"").decode("latin-1"))


def asked_of(scope: Scope) -> Asked:
    """Read the path and the headers, and give the request its id."""
    head = dict(scope["headers"])
    tenant_path, path = split_path(scope["path"])
    return Asked(secrets.token_hex(8), tenant_path, path, head, head.get(b"host", b"").decode("latin-1"))
