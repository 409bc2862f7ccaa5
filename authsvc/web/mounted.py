"""The service inside another ASGI application: its routes there, and requests as if nothing were around it."""

from collections.abc import Iterator
from re import compile as pattern

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

_PATH = pattern(r"(/[A-Za-z0-9._~-]+)+")
_WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
# What the outer application has written besides (its router, its state of the path) is not the service's to read.
_ASGI_KEYS = frozenset(
    {"type", "asgi", "http_version", "server", "client", "scheme", "method", "query_string", "headers", "extensions"}
)


class Mounted:
    """Stands in the outer application's routes; `service` is there while that application runs.

    `path` is where it is mounted, `issuer_path` that of its issuer: longer where a proxy has taken a part away.
    Raises: ValueError if requests for the issuer could not arrive here.
    """

    def __init__(self, path: str, issuer_path: str) -> None:
        if not _PATH.fullmatch(path):
            raise ValueError("path must be plain, such as /auth, with no trailing slash")
        if not issuer_path.endswith(path):
            raise ValueError(f"the issuer's path is {issuer_path or 'empty'}: it must end with {path}")
        self._path = path
        self._issuer_path = issuer_path
        self.service: ASGIApp | None = None

    def routes(self) -> Iterator[BaseRoute]:
        """Yield the outer application's routes to the service.

        Besides its own path there are the documents whose well-known part stands before it. Source: RFC 8414 §3.1.
        """
        for document in _WELL_KNOWN:
            place = f"{document}{self._issuer_path}"
            inserted = _Inserted(self, document)
            yield Route(place, inserted, include_in_schema=False)
            yield Route(f"{place}/t/{{tenant}}", inserted, include_in_schema=False)
        yield Mount(self._path, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request below the path."""
        path: str = scope["path"]
        # As the server has it, with all that lies around; or without what a proxy has taken away.
        outer = next(around for around in (scope["root_path"], self._path) if f"{path}/".startswith(f"{around}/"))
        await self.answer(path[len(outer) :], scope, receive, send)

    async def answer(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the service answer. Raises: RuntimeError outside of the outer application's lifespan."""
        if self.service is None:
            raise RuntimeError("authsvc runs from the startup of the application around it to its shutdown, not now")
        inner = {name: value for name, value in scope.items() if name in _ASGI_KEYS}
        await self.service({**inner, "path": path, "raw_path": path.encode(), "root_path": ""}, receive, send)


class _Inserted:
    """A well-known document, as the service knows it: without the path of the mount."""

    def __init__(self, mounted: Mounted, document: str) -> None:
        self._mounted = mounted
        self._document = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = scope["path_params"].get("tenant")
        path = f"{self._document}/t/{tenant}" if tenant else self._document
        await self._mounted.answer(path, scope, receive, send)
