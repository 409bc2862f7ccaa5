"""Cursors: where the next page of a list begins, in a form that only this server can make (CVE-2026-33504)."""

from dataclasses import dataclass

from authsvc.crypto import base64url, envelope
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.crypto.errors import CryptoError
from authsvc.web.errors import HttpError
from authsvc.web.request import Call

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_CURSOR_CHARACTERS = 2_048


@dataclass(frozen=True, slots=True)
class Cursors:
    """Those of one list of one tenant: a cursor of another list, or of another tenant, is none of them."""

    call: Call
    of: str
    master_keys: MasterKeys

    def after(self, presented: str | None) -> str | None:
        """Return the last name of the page before; None for the first page. Raises: HttpError 400."""
        if presented is None:
            return None
        try:
            return envelope.decrypt(base64url.decode(presented), self._place(), self.master_keys).decode()
        except (CryptoError, ValueError):
            raise HttpError(400, "The cursor is none of this list: begin anew without one.") from None

    def next(self, last: str | None) -> str | None:
        """Return the cursor of the page after this name; None where nothing follows."""
        if last is None:
            return None
        return base64url.encode(envelope.encrypt(last.encode(), self._place(), self.master_keys))

    def _place(self) -> Place:
        return Place(tenant=str(self.call.tenant.id), table="cursors", row=self.of, column="after")
