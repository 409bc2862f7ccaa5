"""The edge: the outermost ASGI layer. Request id, tenant path, body, lane, headers, log and metrics of every request.

Endpoints of the URL map are answered here after one dict look-up; everything else goes on to the FastAPI application,
whose declared endpoints come back through `hop`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from starlette.types import ASGIApp, Receive, Scope, Send

from authsvc.clock import Clock
from authsvc.errors import AuthsvcError, LaneNeeded, StorageUnavailable
from authsvc.observe import logging as observe
from authsvc.observe.metrics import Metrics
from authsvc.web import cors
from authsvc.web.address import Networks, caller_address
from authsvc.web.asked import Asked, asked_of
from authsvc.web.body import Disconnected, Head, check_host, clean_json, fields_of, has_body, read_body
from authsvc.web.endpoint import Arrival, Departure, Endpoint, Route, refused_response, run_call, run_from_memory
from authsvc.web.errors import UNEXPECTED, HttpError, code_of, rule_of
from authsvc.web.forms import Fields, parse_form
from authsvc.web.gate import Gate
from authsvc.web.glance import Post
from authsvc.web.lanes import STALL_SECONDS, Lane, MemoryLane
from authsvc.web.once import Once
from authsvc.web.permits import Permits, Turns
from authsvc.web.rate_limit import RateLimit
from authsvc.web.refusals import refusal
from authsvc.web.request import NO_PERMIT, Call, Request
from authsvc.web.responses import Headers, Response, json_response
from authsvc.web.rush import Overloaded
from authsvc.web.sender import Sender, replay
from authsvc.web.tenant import split_path
from authsvc.web.upload import Pieces, Upload, take_in

EDGE, ARRIVAL = "authsvc.edge", "authsvc.arrival"
"""Keys of the ASGI scope under which declared endpoints find their way back."""
UNDECLARED = "other"
"""The name of what no endpoint answers."""
_UNCOUNTED = frozenset({"live", "ready"})
"""Endpoints that whoever watches over the service asks, however often its address asks for anything else."""
_PADDED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost before it is looked at, and how long a refused sign-in lasts at least."""

    max_body_bytes: int
    body_deadline_seconds: float
    failure_seconds: float
    trusted_proxies: Networks


class Edge:
    """ASGI middleware around the FastAPI application; holds the process's lanes."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        app: ASGIApp,
        *,
        endpoints: Mapping[str, Endpoint],
        memory: MemoryLane,
        lanes: Mapping[str, Lane],
        permits: Permits,
        turns: Turns,
        limits: Limits,
        rate_limit: RateLimit | None,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._memory = memory
        self._lanes = lanes
        self._once = Once(lanes["machine"])
        self._permits = permits
        self._has_first = False
        self._turns = turns
        self._limits = limits
        self._rate_limit = rate_limit
        self._metrics = metrics
        self.gate = Gate(metrics, lambda: memory.waiting, lanes, self._lane_of)
        self._clock = clock
        self._audited = observe.Cap(per_minute=60)
        self._logged = observe.Cap(per_minute=60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the application sees only what the URL map does not name."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self.gate.begin(scope)
        started = time.perf_counter()
        asked = asked_of(scope)
        endpoint = self._endpoints.get(asked.path) or (_NO_PAGE if asked.path.startswith("/ui/") else None)
        name, request_id = endpoint.name if endpoint else UNDECLARED, asked.request_id
        sender = Sender(send, request_id, without_body=scope["method"] == "HEAD")
        try:
            untold = None
            # A page is for the browser that shows it: no other page reads what it is sent (RFC 9700 §2.6).
            if b"origin" in asked.head and (endpoint is None or endpoint.refusals != "page"):
                headers, untold = await self._cors(scope["method"], asked, endpoint)
                sender.headers += headers
            if untold is not None:
                await sender.respond(untold)
            elif scope["method"] == "OPTIONS":
                await sender.respond(cors.options_answer(endpoint))
            elif (refused := self._too_many(scope, asked, endpoint)) is not None:
                await sender.respond(refused)
            elif endpoint is not None:
                await sender.respond(await self._answer(scope, receive, asked, endpoint))
            else:
                name = await self._pass_on(scope, receive, asked, sender)
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - the last door: whatever went wrong, an answer leaves
            observe.log(logging.ERROR, "failed", "request failed", exc=error, request_id=request_id, endpoint=name)
            if not sender.has_begun:
                await sender.respond(_failed(request_id))
        self._metrics.request(name, sender.status, time.perf_counter() - started)

    async def hop(self, arrival: Arrival, route: Route) -> Response:
        """Run a request on its lane, with a permit if it hashes, and return the answer.

        A refused sign-in and what is `padded` are answered at a multiple of `failure_seconds`: the time tells nothing.
        """
        arrived = time.monotonic()
        try:
            if route.hashes:
                departure = await self._hash(arrival, route)
            else:
                departure = await self._run(arrival, route)
        except AuthsvcError as error:
            return self.refuse(error, arrival)
        except Exception as error:  # noqa: BLE001 - FastAPI would answer for its endpoints, in words of its own
            endpoint, request_id = arrival.endpoint, arrival.request.request_id
            observe.log(
                logging.ERROR, "failed", "request failed", exc=error, request_id=request_id, endpoint=endpoint.name
            )
            return _failed(request_id) if endpoint.refusals == "oauth" else refused_response(arrival, AuthsvcError())
        refusal = departure.error
        if refusal is not None:
            self._note(refusal, arrival.endpoint.name, arrival.request.request_id, arrival.request.address)
        elif arrival.endpoint.then is not None:
            arrival.endpoint.then()
        if route.padded or (refusal is not None and route.hashes and departure.response.status in _PADDED):
            await _sleep_to_multiple(arrived, self._limits.failure_seconds)
        return departure.response

    def refuse(self, error: AuthsvcError, arrival: Arrival) -> Response:
        """Count and log a refusal that no lane has seen, and return its answer."""
        endpoint, request = arrival.endpoint, arrival.request
        self._note(error, endpoint.name, request.request_id, request.address)
        return refused_response(arrival, error)

    async def _run(self, arrival: Arrival, route: Route) -> Departure:
        if route.first and not self._has_first:
            self._has_first = True
            try:
                return await self._lanes[route.lane].run(run_call, arrival, first=True)
            finally:
                self._has_first = False
        if route.lane != "memory":
            return await self._lanes[route.lane].run(run_call, arrival)
        answered = await self._from_memory(arrival)
        if answered is not None:
            return answered
        asking = asyncio.ensure_future(self._lanes["machine"].run(run_call, arrival))
        await asyncio.wait({asking}, timeout=STALL_SECONDS)
        if not asking.done() or isinstance(asking.exception(), Overloaded):
            # Nobody gets through to read the change feed now: as when it cannot be read.
            self._memory.storage.serve_stale()
            with suppress(AuthsvcError):
                answered = await self._from_memory(arrival)
            if answered is not None:
                asking.cancel()
                return answered
        return await asking

    async def _from_memory(self, arrival: Arrival) -> Departure | None:
        """Return the answer that the caches give; None if it needs the database, or is to be judged anew there."""
        try:
            departure = await self._memory.run(run_from_memory, arrival)
        except LaneNeeded:
            return None
        if departure.noted and not await self._once.use_up(departure.noted):
            return None
        return departure

    async def _hash(self, arrival: Arrival, route: Route) -> Departure:
        # By address as well: a crowd that guesses at a name elsewhere must not keep its owner waiting.
        request = arrival.request
        async with self._turns.of(f"{request.address} {route.turn}" if route.turn else request.request_id):
            permit = await self._permits.take()
            try:
                request = replace(arrival.request, permit=permit)
                # It has had its turn of waiting.
                return await self._lanes[route.lane].run(run_call, replace(arrival, request=request), first=True)
            finally:
                permit.release()

    async def _answer(self, scope: Scope, receive: Receive, asked: Asked, endpoint: Endpoint) -> Response:
        try:
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            if method not in endpoint.handlers:
                raise HttpError(405, "This method is not for this address.", cors.allow(endpoint))
            if endpoint.upload is not None:
                check_host(scope, asked.head)
                upload, request = endpoint.upload(asked.head), self.request(scope, method, b"", {}, asked.request_id)
                arrival = Arrival(endpoint, request, asked.host, asked.tenant_path, self._audited)
                return await self._take_in(scope, receive, arrival, upload)
            body = await self._body(scope, receive, asked.head)
            fields = fields_of(body, asked.head, endpoint.accepts, nested=endpoint.nested)
        except AuthsvcError as error:
            self._note(error, endpoint.name, asked.request_id, "")
            return refusal(endpoint.refusals, error, asked.told)
        request = self.request(scope, method, body, fields, asked.request_id)
        arrival = Arrival(endpoint, request, asked.host, asked.tenant_path, self._audited)
        return await self.hop(arrival, endpoint.route(fields))

    def _lane_of(self, post: Post) -> str:
        """Return the lane that a form is for, "" if that is to be found out with more care."""
        endpoint = self._endpoints.get(split_path(post.path.decode("latin-1"))[1])
        try:
            route = endpoint.route(parse_form(post.body)) if endpoint is not None else None
        except AuthsvcError:
            return ""
        return route.lane if route is not None and not route.hashes else ""

    async def _cors(self, method: str, asked: Asked, endpoint: Endpoint | None) -> tuple[Headers, Response | None]:
        """Return the headers for this origin, and a refusal if nobody can tell: what it may not read is not done."""
        try:
            return await cors.answer_headers(asked.head, asked.tenant_path, self._memory, self._lanes["machine"]), None
        except AuthsvcError as error:
            if method in cors.CHANGES_NOTHING or cors.is_own(asked.head):
                return cors.NOT_FOR_ANY, None
            return cors.UNREAD, self._refused_early(error, asked, endpoint, "")

    def _too_many(self, scope: Scope, asked: Asked, endpoint: Endpoint | None) -> Response | None:
        """Count the request, and return its refusal if its address has had its share."""
        name = endpoint.name if endpoint is not None else UNDECLARED
        if self._rate_limit is None or name in _UNCOUNTED:
            return None
        address = self._address(scope)
        try:
            self._rate_limit.check(address, self._clock())
        except AuthsvcError as error:
            return self._refused_early(error, asked, endpoint, address)
        return None

    def _refused_early(self, error: AuthsvcError, asked: Asked, endpoint: Endpoint | None, address: str) -> Response:
        """Count and log a refusal of what nobody has looked at, and return its answer."""
        name, form = (endpoint.name, endpoint.refusals) if endpoint is not None else (UNDECLARED, "api")
        self._note(error, name, asked.request_id, address)
        return refusal(form, error, asked.told)

    async def _take_in(self, scope: Scope, receive: Receive, arrival: Arrival, upload: Upload) -> Response:
        """Hand the body on in pieces, each through a lane. Raises: AuthsvcError; Disconnected."""
        seconds, endpoint = self._limits.body_deadline_seconds, arrival.endpoint
        pieces = Pieces(dict(scope["headers"]), receive, upload.max_bytes, seconds)
        route = endpoint.route({})
        answer = await take_in(upload, pieces, lambda handle: self.hop(arrival.doing(handle), route))
        if endpoint.then is not None and upload.is_handed_over:
            endpoint.then()
        return answer

    async def _body(self, scope: Scope, receive: Receive, head: Head) -> bytes:
        check_host(scope, head)
        if not has_body(scope["method"], head):
            return b""
        return await read_body(head, receive, self._limits.max_body_bytes, self._limits.body_deadline_seconds)

    def request(self, scope: Scope, method: str, body: bytes, fields: Fields, request_id: str) -> Request:
        """Return the request as handlers see it."""
        return Request(
            method=method,
            path=scope["path"],
            headers=tuple(scope["headers"]),
            body=body,
            fields=fields,
            address=self._address(scope),
            request_id=request_id,
            now=self._clock(),
            permit=NO_PERMIT,
            query=scope["query_string"],
        )

    def _address(self, scope: Scope) -> str:
        trusted = self._limits.trusted_proxies
        forwarded = (
            b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for") if trusted else b""
        )
        peer = scope["client"][0] if scope.get("client") else None
        return caller_address(peer, forwarded.decode("latin-1") or None, trusted)

    async def _pass_on(self, scope: Scope, receive: Receive, asked: Asked, sender: Sender) -> str:
        """Hand a request to the FastAPI application with its body read, judged and turned into clean JSON.

        Returns the endpoint's name.
        """
        try:
            body = clean_json(await self._body(scope, receive, asked.head), asked.head)
        except AuthsvcError as error:
            self._note(error, UNDECLARED, asked.request_id, "")
            await sender.respond(refusal("api", error, asked.told))
            return UNDECLARED
        kept = [(name, value) for name, value in scope["headers"] if name not in {b"content-type", b"content-length"}]
        kept += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        method, path = "GET" if scope["method"] == "HEAD" else scope["method"], asked.path
        declared = Endpoint(name=UNDECLARED, handlers={}, route=_unrouted, refusals="api")
        request = self.request(scope, method, body, {}, asked.request_id)
        inner = {**scope, "method": method, "path": path, "raw_path": path.encode(), "headers": kept, EDGE: self}
        inner[ARRIVAL] = Arrival(declared, request, asked.host, asked.tenant_path, self._audited)
        await self._app(inner, replay(body), sender)
        return getattr(inner.get("route"), "endpoint_name", UNDECLARED)

    def _note(self, error: AuthsvcError, endpoint: str, request_id: str, address: str) -> None:
        """Count a refusal, and log it unless its address has had its share of lines."""
        code = code_of(error)
        self._metrics.refusal(endpoint, code)
        if isinstance(error, StorageUnavailable):
            self._metrics.storage_error()
        if self._logged.allow(address, time.time()):
            observe.log_refusal(
                rule_of(error),
                endpoint=endpoint,
                error=code,
                detail=error.detail,
                request_id=request_id,
                address=address,
                client_id=error.client_id,
                user_id=str(error.user_id) if error.user_id else None,
            )


def _nothing_there(call: Call) -> Response:  # noqa: ARG001 - whatever was asked
    raise HttpError(404, "There is no such page.")


def _unrouted(fields: Fields) -> Route:  # noqa: ARG001 - declared endpoints name their lane themselves
    return Route("people")


_NO_PAGE = Endpoint(
    UNDECLARED, {"GET": _nothing_there, "POST": _nothing_there}, lambda _: Route("memory"), refusals="page"
)
"""Where people look for pages, they are told in words that there is none."""


def _failed(request_id: str) -> Response:
    body = {"error": UNEXPECTED.code, "error_description": UNEXPECTED.title, "request_id": request_id}
    return json_response(UNEXPECTED.status, body)


async def _sleep_to_multiple(arrived: float, step_seconds: float) -> None:
    if step_seconds > 0:
        await asyncio.sleep(step_seconds - (time.monotonic() - arrived) % step_seconds)
