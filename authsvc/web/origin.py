"""Requests that a browser sends from another site: refused at endpoints that take passwords, unless registered."""

from urllib.parse import urlsplit

from authsvc.web.errors import HttpError
from authsvc.web.request import Call


def refuse_foreign_origin(call: Call, client_id: str | None) -> None:
    """Refuse a browser whose page is neither the issuer's nor of an origin registered for this client.

    Programs send neither header. `null` (sandboxed frames, files) is foreign. Raises: HttpError 403.
    """
    origin = _foreign_origin(call)
    if origin is not None and not _is_registered(call, client_id, origin):
        raise HttpError(403, "This origin is not registered for the client.")


def refuse_unregistered_origin(call: Call) -> None:
    """As above where no client is named: the origin must be registered for some client. Raises: HttpError 403."""
    origin = _foreign_origin(call)
    if origin is not None and not call.uow.clients.allows_origin(origin):
        raise HttpError(403, "This origin is not registered for any client.")


def _foreign_origin(call: Call) -> str | None:
    """Return the origin of a browser's page that is not the issuer's, "" if the browser does not name it."""
    origin, site = call.request.header(b"origin"), call.request.header(b"sec-fetch-site")
    if origin is None:
        return None if site is None or site in {"same-origin", "none"} else ""
    return None if origin == _origin_of_issuer(call.tenant.issuer) else origin


def _is_registered(call: Call, client_id: str | None, origin: str) -> bool:
    client = call.uow.clients.get(client_id) if client_id is not None else None
    return client is not None and origin in client.origins


def _origin_of_issuer(issuer: str) -> str:
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}"
