"""Browsers on other origins: only registered ones may read answers, and none with cookies.

The published documents (/jwks, /.well-known/...) say so themselves: they are for everyone.
"""

from authsvc.errors import LaneNeeded
from authsvc.storage.sql.engine import Storage
from authsvc.web.body import Head
from authsvc.web.endpoint import Endpoint
from authsvc.web.lanes import Lane, MemoryLane
from authsvc.web.responses import Headers, Response
from authsvc.web.tenant import find_tenant

_METHODS = b"GET, POST, PUT, PATCH, DELETE"
_HEADERS = b"authorization, content-type, idempotency-key, if-match"
_EXPOSED = b"www-authenticate, retry-after, x-request-id, location, etag, idempotent-replayed"
_PREFLIGHT_SECONDS = b"600"
PUBLIC: Headers = ((b"access-control-allow-origin", b"*"),)
UNREAD: Headers = (*PUBLIC, (b"access-control-expose-headers", _EXPOSED))
"""Of an answer that is the same for everyone, for nobody has read who asks."""
NOT_FOR_ANY: Headers = ((b"vary", b"origin"),)
CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


async def answer_headers(head: Head, tenant_path: str, memory: MemoryLane, lane: Lane) -> Headers:
    """Return the headers that let this origin read the answer: none, unless a client has registered it.

    Raises: AuthsvcError if nobody can tell now.
    """
    origin, host = head[b"origin"].decode("latin-1"), head.get(b"host", b"").decode("latin-1")
    asked = (origin, host, tenant_path)
    try:
        is_allowed = _is_registered(asked, memory.storage, from_memory=True)
    except LaneNeeded:
        is_allowed = await lane.run(_is_registered, asked)
    if not is_allowed:
        return NOT_FOR_ANY
    return (
        (b"vary", b"origin"),
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _HEADERS),
        (b"access-control-expose-headers", _EXPOSED),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
    )


def is_own(head: Head) -> bool:
    """Whether the origin is that of this request itself, whose pages may read every answer."""
    return head[b"origin"].partition(b"://")[2].lower() == head.get(b"host", b"").lower()


def options_answer(endpoint: Endpoint | None) -> Response:
    """Return the answer to OPTIONS; whether a browser may go on stands in the CORS headers."""
    return Response(204, allow(endpoint) if endpoint else ())


def allow(endpoint: Endpoint) -> Headers:
    """Return the Allow header of an endpoint (RFC 9110 §10.2.1)."""
    methods = {*endpoint.handlers, "OPTIONS"} | ({"HEAD"} if "GET" in endpoint.handlers else set())
    return ((b"allow", ", ".join(sorted(methods)).encode()),)


def _is_registered(asked: tuple[str, str, str], storage: Storage, *, from_memory: bool = False) -> bool:
    origin, host, tenant_path = asked
    tenant = storage.ask_tenants(lambda tenants: find_tenant(tenants, host, tenant_path), from_memory=from_memory)
    if tenant is None:
        return False
    uow = storage.unit_of_work(tenant.id, from_memory=from_memory)
    try:
        return uow.clients.allows_origin(origin)
    finally:
        uow.close()
