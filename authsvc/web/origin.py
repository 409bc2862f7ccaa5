"""Requests that a browser sends from another site: refused at endpoints that take passwords, unless registered."""

from urllib.parse import urlsplit

from authsvc.web.errors import HttpError
from authsvc.web.request import Call


def refuse_foreign_origin(call: Call, client_id: str | None) -> None:
    """Refuse a browser whose page is neither the issuer's nor of an origin registered for this client.

    Programs send neither header. `null` (sandboxed frames, files) is foreign. Raises: HttpError 403.
    """
    origin, site = call.request.header(b"origin"), call.request.header(b"sec-fetch-site")
    if origin is None:
        if site is None or site in {"same-origin", "none"}:
            return
    elif origin == _origin_of_issuer(call.tenant.issuer) or _is_registered(call, client_id, origin):
        return
    raise HttpError(403, "This origin is not registered for the client.")


def _is_registered(call: Call, client_id: str | None, origin: str) -> bool:
    client = call.uow.clients.get(client_id) if client_id is not None else None
    return client is not None and origin in client.origins


def _origin_of_issuer(issuer: str) -> str:
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}"
