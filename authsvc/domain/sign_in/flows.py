"""Whose errand it is: a continuation is worth something only in the browser that began it, and for a while."""

from datetime import datetime

from authsvc.crypto import opaque
from authsvc.domain.sign_in.continuations import Continuation
from authsvc.domain.sign_in.ports import Continuations
from authsvc.errors import DomainError


class FlowOver(DomainError):
    """There is no such errand (any more): its handle is unknown, expired or finished."""

    rule = "flow_over"


class ForeignBrowser(DomainError):
    """The errand was begun in another browser: somebody passed its address on."""

    rule = "foreign_browser"


def find_flow(presented_handle: str | None, continuations: Continuations, now: datetime) -> Continuation:
    """Return the errand of this handle, whosever it is. Raises: FlowOver."""
    if presented_handle is None or not opaque.is_well_formed(opaque.CONTINUATION, presented_handle):
        raise FlowOver("no handle, or none of ours")
    found = continuations.find(opaque.hash_secret(presented_handle))
    if found is None or found.expires_at <= now:
        raise FlowOver("unknown or expired").about(client_id=found.client_id if found else None)
    return found


def open_flow(
    presented_handle: str | None, browser_hash: str | None, continuations: Continuations, now: datetime
) -> Continuation:
    """Return the errand of this handle if it is this browser's, `browser_hash` being that of its cookie.

    One that no browser has begun yet (`browser_hash` None on it) is nobody's here: /ui/continue binds it first.
    Raises: FlowOver, ForeignBrowser.
    """
    found = find_flow(presented_handle, continuations, now)
    if browser_hash is None or found.browser_hash != browser_hash:
        raise ForeignBrowser("another browser's errand, or no cookie").about(client_id=found.client_id)
    return found
