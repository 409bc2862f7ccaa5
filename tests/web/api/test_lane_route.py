"""Declared endpoints run like all others. A small application of our own, with endpoints that tell on themselves."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict

from authsvc.domain.tenants import Tenant
from authsvc.errors import Conflict, StorageUnavailable
from authsvc.observe.metrics import create_metrics
from authsvc.storage.cache import Cache
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.web.api.declared import declare, endpoint_names
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.edge import Edge, Limits
from authsvc.web.lanes import Lane, MemoryLane
from authsvc.web.permits import Permits, Turns
from authsvc.web.request import Call
from authsvc.web.responses import Response, empty, json_response
from tests.flows.in_process import ISSUER, MovableClock, serving


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    count: int = 0


class Told:
    """What the endpoints told."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.then: list[str] = []
        self.hashing = 0
        self.most_hashing = 0


@pytest.fixture
def told():
    return Told()


def things(told: Told) -> APIRouter:
    router = APIRouter(route_class=LaneRoute)

    def note_then() -> None:
        told.then.append(threading.current_thread().name)

    def write(call: Call) -> None:
        call.uow.begin()
        issuer, host = "https://second.example", "second.example"
        call.uow.tenants.add(Tenant(UUID(int=2), "second", issuer, host, "", False, call.request.now))

    @router.get("/things")
    @runs_on("machine")
    def read(call: Call) -> Response:
        told.threads.append(threading.current_thread().name)
        return json_response(200, {"tenants": len(call.uow.tenants.list())})

    @router.post("/things")
    @runs_on("people", then=note_then)
    def create(call: Call, body: Thing) -> Response:
        told.threads.append(threading.current_thread().name)
        write(call)
        if body.name == "refused":
            raise Conflict
        if body.name == "broken":
            raise RuntimeError("as_ml_secret")
        if body.name == "away":
            raise StorageUnavailable
        return json_response(201, {"name": body.name})

    @router.delete("/things/{thing_id}")
    @runs_on("people")
    def delete(call: Call, thing_id: int) -> Response:
        return empty(204)

    @router.post("/hashes")
    @runs_on("people", hashes=True)
    def hashes(call: Call) -> Response:
        told.hashing += 1
        told.most_hashing = max(told.most_hashing, told.hashing)
        threading.Event().wait(0.05)
        told.hashing -= 1
        call.request.permit.release()
        return empty(204)

    return router


class Running:
    def __init__(self, http: httpx.Client, metrics: Any) -> None:
        self.http = http
        self.metrics = metrics

    def counted(self, endpoint: str, status: int) -> bool:
        wanted = f'authsvc_requests_total{{endpoint="{endpoint}",status="{status}"}}'
        return wanted in self.metrics.render().decode()


@pytest.fixture
def running(tmp_path, told) -> Iterator[Running]:
    url, clock, router = f"sqlite:///{tmp_path}/authsvc.db", MovableClock(), things(told)
    migrate(url)
    metrics = create_metrics("1", endpoint_names([router]))
    cache = Cache()
    lanes = {
        name: Lane(name, open_storage(url, pool_size=4, cache=cache), metrics, threads=4, queue_length=8)
        for name in ("machine", "people")
    }
    uow = lanes["people"].storage.unit_of_work(UUID(int=1))
    uow.begin()
    uow.tenants.add(Tenant(UUID(int=1), "default", ISSUER, None, "", True, clock()))
    uow.commit()
    uow.close()
    app = FastAPI(openapi_url=None)
    declare(app, [router])
    limits = Limits(max_body_bytes=4_096, body_deadline_seconds=5, failure_seconds=0, trusted_proxies=())
    memory = MemoryLane(lanes["machine"].storage, metrics, lanes["machine"], queue_length=8)
    edge = Edge(
        app, endpoints={}, memory=memory, lanes=lanes, permits=Permits(1, 64, 5), turns=Turns(5), limits=limits,
        rate_limit=None,
        metrics=metrics, clock=clock,
    )  # fmt: skip
    with serving(edge) as transport, httpx.Client(transport=transport, base_url=ISSUER) as http:
        yield Running(http, metrics)
    for lane in lanes.values():
        lane.close()
        lane.storage.close()


def test_a_declared_function_runs_on_the_lane_that_it_names(running, told):
    assert running.http.get("/things").status_code == 200
    assert running.http.post("/things", json={"name": "a"}).status_code == 201
    machine, people = told.threads
    assert machine.startswith("lane-machine")
    assert people.startswith("lane-people")


def test_what_it_wrote_is_committed_before_the_answer_and_rolled_back_by_a_refusal(running):
    for name, status in (("refused", 409), ("broken", 500), ("away", 503)):
        assert running.http.post("/things", json={"name": name}).status_code == status
        assert running.http.get("/things").json() == {"tenants": 1}
    assert running.http.post("/things", json={"name": "a"}).status_code == 201
    assert running.http.get("/things").json() == {"tenants": 2}


def test_what_follows_an_answer_happens_on_the_loop_and_not_after_a_refusal(running, told):
    running.http.post("/things", json={"name": "refused"})
    assert told.then == []
    running.http.post("/things", json={"name": "a"})
    assert told.then == ["app-loop"]


def test_a_function_that_breaks_tells_nothing(running):
    answer = running.http.post("/things", json={"name": "broken"})
    assert answer.status_code == 500
    assert "as_ml_secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.text


def test_hashing_functions_run_one_by_one_when_there_is_one_permit(running, told):
    threads = [threading.Thread(target=running.http.post, args=("/hashes",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.most_hashing == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "endpoint"),
    [
        pytest.param("GET", "/things", None, 200, "things", id="read"),
        pytest.param("POST", "/things", {"name": "a"}, 201, "things", id="created"),
        pytest.param("POST", "/things", {"name": 1}, 422, "things", id="bad-field"),
        pytest.param("POST", "/things", {"name": "refused"}, 409, "things", id="refused"),
        pytest.param("PUT", "/things", None, 405, "things", id="method"),
        pytest.param("DELETE", "/things/7", None, 204, "things/{thing_id}", id="template"),
        pytest.param("GET", "/nothing", None, 404, "other", id="nothing"),
    ],
)
def test_metrics_count_under_the_routes_template(running, method, path, body, status, endpoint):
    assert running.http.request(method, path, json=body).status_code == status
    assert running.counted(endpoint, status)


def test_a_method_that_is_not_there_is_told_every_one_that_is(running):
    answer = running.http.put("/things")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert answer.headers["content-type"] == "application/problem+json"


def test_head_answers_as_get_without_a_body(running):
    whole, head = running.http.get("/things"), running.http.head("/things")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize("path", ["/things/", "/Things", "//things", "/things/7/", "/docs", "/openapi.json", "/redoc"])
def test_an_unknown_path_is_a_problem_and_never_a_redirect(running, path):
    answer = running.http.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"name": {"deep": "planted-canary"}}, "name", id="wrong-type"),
        pytest.param({"name": "a", "count": "planted-canary"}, "count", id="no-number"),
        pytest.param({"name": "a", "planted.field": "planted-canary"}, "planted.field", id="unknown-field"),
        pytest.param({"name": "a", "planted-canary?": 1}, "(unnamed)", id="odd-name"),
        pytest.param({"name": "a", "planted-canary" * 9: 1}, "(unnamed)", id="long-name"),
        pytest.param({}, "name", id="missing"),
        pytest.param(None, "body", id="no-body"),
    ],
)
def test_a_bad_field_is_named_and_its_value_never_echoed(running, body, field):
    answer = running.http.post("/things", json=body) if body is not None else running.http.post("/things")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "planted-canary" not in answer.text


def test_a_path_parameter_that_is_none_is_refused_without_an_echo(running):
    answer = running.http.delete("/things/planted-canary")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "thing_id"
    assert "planted-canary" not in answer.text


def test_a_function_without_a_lane_cannot_be_declared():
    router = APIRouter(route_class=LaneRoute)
    with pytest.raises(TypeError, match="lane"):

        @router.get("/nowhere")
        def nowhere(call: Call) -> Response:
            return empty(204)


def test_a_route_of_another_kind_cannot_be_declared():
    router = APIRouter()

    @router.get("/foreign")
    def foreign() -> dict[str, str]:
        return {}

    with pytest.raises(TypeError, match="LaneRoute"):
        declare(FastAPI(), [router])
