"""The service inside another application. The world's issuer lies at /auth of that application."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import jwt
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import ASGIApp

from authsvc import mount
from authsvc.domain.audit import AuditEvent, event_id
from authsvc.domain.tenants import IssuerInvalid
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.testing.server import HOST, Served
from authsvc.testing.server import serving as serving_over_http
from authsvc.verify import AccessToken, TokenVerifier
from authsvc.verify.fastapi import configure, require_scope
from authsvc.verify.metadata import metadata_urls
from authsvc.web.lanes import Lane
from tests.flows.in_process import serving
from tests.flows.world import PASSWORD, Installation, audience, install

ORIGIN = "https://example.com"
ISSUER = f"{ORIGIN}/auth"


@pytest.fixture
def found(tmp_path: Path) -> Installation:
    return install(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, ISSUER)


def an_app(found: Installation, path: str = "/auth", **options: Any) -> FastAPI:
    app = FastAPI(**options)
    mount(app, path, found.settings)

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    return app


@contextmanager
def asking(app: ASGIApp) -> Iterator[httpx.Client]:
    """A client of the running application."""
    with serving(app) as transport, httpx.Client(transport=transport, base_url=ORIGIN) as http:
        yield http


def service_token(http: httpx.Client, found: Installation, path: str = "/auth") -> httpx.Response:
    form = {"grant_type": "client_credentials", "scope": "es256:read", "resource": audience("ES256")}
    return http.post(f"{path}/token", data=form, auth=("svc", found.secrets["svc"]))


def login(http: httpx.Client, path: str = "/auth", password: str = PASSWORD) -> httpx.Response:
    form = {"username": "alice", "password": password, "client_id": "app", "scope": "account"}
    return http.post(f"{path}/login", data=form)


def test_token_login_account_and_keys_are_answered_below_the_path(found: Installation):
    with asking(an_app(found)) as http:
        token = service_token(http, found).json()["access_token"]
        keys = jwt.PyJWKSet.from_dict(http.get("/auth/jwks").json())
        me = http.get("/auth/me", headers={"Authorization": f"Bearer {login(http).json()['access_token']}"})
        outside = [http.post(path).status_code for path in ("/token", "/login", "/authtoken", "/auth/auth/token")]
        hello = http.get("/hello").json()

    key = keys[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, ["ES256"], audience=audience("ES256"), issuer=ISSUER)["sub"] == "svc"
    assert me.json()["username"] == "alice"
    assert outside == [404] * 4
    assert hello == "hello"


@pytest.mark.parametrize("tenant", ["", "/t/other"])
def test_the_metadata_is_found_at_every_well_known_place(tenant: str, found: Installation):
    with asking(an_app(found)) as http:
        documents = [http.get(url) for url in metadata_urls(f"{ISSUER}{tenant}")]
        documents.append(http.get(f"{ORIGIN}/.well-known/openid-configuration/auth{tenant}"))

    for document in documents:
        assert document.json()["issuer"] == f"{ISSUER}{tenant}"
        assert document.json()["token_endpoint"] == f"{ISSUER}{tenant}/token"
        assert document.json()["jwks_uri"] == f"{ISSUER}{tenant}/jwks"


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/authentic",
        "/.well-known/oauth-authorization-server/auth/t/nobody",
        "/.well-known/oauth-authorization-server/auth/t/a%2Fb",
        "/.well-known/oauth-authorization-server/auth/t/other/more",
    ],
)
def test_no_other_place_has_metadata(path: str, found: Installation):
    with asking(an_app(found)) as http:
        assert http.get(path).status_code == 404


def test_tenants_have_their_place_below_the_path(found: Installation):
    with asking(an_app(found)) as http:
        assert login(http, "/auth/t/other").status_code == 401
        other = login(http, "/auth/t/other", "nineteen silver anchors").json()["access_token"]
        assert http.get("/auth/t/other/me", headers={"Authorization": f"Bearer {other}"}).status_code == 200
        assert http.get("/auth/me", headers={"Authorization": f"Bearer {other}"}).status_code == 401


def test_the_application_around_it_runs_its_own_lifespan_within_the_services(found: Installation):
    seen = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as http:
            seen.append((await http.get("/auth/health/ready")).status_code)
            yield
            seen.append((await http.get("/auth/health/ready")).status_code)

    app = an_app(found, lifespan=lifespan)

    with asking(app) as http:
        assert seen == [200]
        assert service_token(http, found).status_code == 200
    assert seen == [200, 200]


def test_the_service_sees_nothing_of_what_lies_around_it(found: Installation):
    scopes: list[Any] = []
    app = FastAPI()
    mount(app, "/auth", found.settings)
    (mounted,) = [route.app for route in app.routes if isinstance(route, Mount)]

    async def record(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await PlainTextResponse("")(scope, receive, send)

    with asking(app) as http:
        mounted.service = record  # type: ignore[attr-defined]
        http.get("/auth/token?x=y")

    (scope,) = scopes
    assert (scope["path"], scope["raw_path"], scope["root_path"]) == ("/token", b"/token", "")
    assert scope["query_string"] == b"x=y"
    assert {"app", "router", "state", "path_params", "endpoint", "app_root_path"}.isdisjoint(scope)


def test_requests_run_on_lanes(found: Installation, monkeypatch: pytest.MonkeyPatch):
    run, threads = Lane.run, {}

    async def spying(lane: Lane, work: Callable[[Any, Storage], Any], argument: Any, *, first: bool = False) -> Any:
        def work_and_tell(arrival: Any, storage: Storage) -> Any:
            if arrival is None:
                return work(arrival, storage)  # The change feed.
            threads[arrival.request.path] = threading.current_thread().name
            return work(arrival, storage)

        return await run(lane, work_and_tell, argument, first=first)

    monkeypatch.setattr(Lane, "run", spying)
    with asking(an_app(found)) as http:
        service_token(http, found)
        http.get("/auth/me", headers={"Authorization": f"Bearer {login(http).json()['access_token']}"})

    assert threads["/token"] == "lane-machine", "nothing was cached yet"
    assert threads["/login"] == threads["/me"] == "lane-people"


def test_jobs_run_and_end_with_the_application(found: Installation):
    settings = found.settings.model_copy(
        update={"lifetimes": found.settings.lifetimes.model_copy(update={"audit": 86_400})}
    )
    storage = open_storage(settings.database_url, pool_size=1, cache=None)
    uow = storage.unit_of_work(found.tenant.id)
    old = found.tenant.created_at - timedelta(days=2)
    event = AuditEvent(event_id(old), old, "old-request", "login.refused", None, None, None, None, "")
    uow.begin()
    uow.audit.add(event)
    uow.commit()
    before = set(threading.enumerate())

    with asking(an_app(replace(found, settings=settings))):
        deadline = time.monotonic() + 30
        while uow.audit.find_request("old-request"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        started = set(threading.enumerate()) - before
        assert any(thread.name == "jobs" for thread in started)
    uow.close()
    storage.close()
    assert not any(thread.is_alive() for thread in started if thread.name.startswith(("jobs", "lane-")))


def test_an_application_may_be_started_again(found: Installation):
    app = an_app(found)
    for _ in range(2):
        with asking(app) as http:
            assert service_token(http, found).status_code == 200


def test_two_services_in_one_application_do_not_disturb_each_other(tmp_path: Path):
    places = {}
    for name in ("staff", "guests"):
        (tmp_path / name).mkdir()
        places[name] = install(f"sqlite:///{tmp_path}/{name}/authsvc.db", tmp_path / name, f"{ORIGIN}/{name}")
    app = FastAPI()
    for name, found in places.items():
        mount(app, f"/{name}", found.settings)

    with asking(app) as http:
        tokens = {name: service_token(http, found, f"/{name}").json() for name, found in places.items()}
        assert service_token(http, places["guests"], "/staff").status_code == 401
        for name in places:
            document = http.get(f"/.well-known/oauth-authorization-server/{name}").json()
            assert document["issuer"] == f"{ORIGIN}/{name}"
            claims = jwt.decode(tokens[name]["access_token"], options={"verify_signature": False})
            assert claims["iss"] == f"{ORIGIN}/{name}"
        person = login(http, "/staff").json()["access_token"]
        assert http.get("/staff/me", headers={"Authorization": f"Bearer {person}"}).status_code == 200
        assert http.get("/guests/me", headers={"Authorization": f"Bearer {person}"}).status_code == 401


def test_a_route_that_takes_everything_does_not_hide_the_service(found: Installation):
    app = Starlette(routes=[Mount("/", PlainTextResponse("everything"))])
    mount(app, "/auth", found.settings)

    with asking(app) as http:
        assert service_token(http, found).json()["scope"] == "es256:read"
        assert http.get("/elsewhere").text == "everything"


@pytest.mark.parametrize("taken_away", [True, False])
def test_a_path_around_the_application_is_no_part_of_the_services(taken_away: bool, tmp_path: Path):
    found = install(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, f"{ORIGIN}/api/auth")
    app = an_app(found)

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/api"}, receive, send)

    with asking(behind) as http:
        seen = "" if taken_away else "/api"
        assert service_token(http, found, f"{seen}/auth").status_code == 200
        document = http.get(f"{seen}/auth/.well-known/openid-configuration").json()
    assert document["token_endpoint"] == f"{ORIGIN}/api/auth/token"


def test_a_verifier_and_the_issuer_live_in_one_process(tmp_path: Path):
    with socket.create_server((HOST, 0)) as listening:
        origin = f"http://{HOST}:{listening.getsockname()[1]}"
        found = install(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, f"{origin}/auth")
        app = an_app(found)
        configure(app, TokenVerifier(f"{origin}/auth", audience("ES256"), timeout_seconds=60))

        @app.get("/orders")
        async def orders(token: Annotated[AccessToken, Depends(require_scope("es256:read"))]) -> str:
            return token.subject

        served = Served(app, app.router.lifespan_context(app), listening)
        with serving_over_http(served), httpx.Client(base_url=origin, trust_env=False, timeout=60) as http:
            token = service_token(http, found).json()["access_token"]
            answer = http.get("/orders", headers={"Authorization": f"Bearer {token}"})
            assert answer.json() == "svc"
            assert http.get("/orders", headers={"Authorization": f"Bearer {token}x"}).status_code == 401


@pytest.mark.parametrize(
    ("path", "issuer"),
    [
        pytest.param("", ISSUER, id="no path"),
        pytest.param("/", ISSUER, id="the root"),
        pytest.param("auth", ISSUER, id="no slash"),
        pytest.param("/auth/", ISSUER, id="trailing slash"),
        pytest.param("/{name}", ISSUER, id="a parameter"),
        pytest.param("/auth", ORIGIN, id="issuer without a path"),
        pytest.param("/auth", f"{ORIGIN}/login", id="issuer elsewhere"),
        pytest.param("/auth", f"{ORIGIN}/auth/t/other", id="issuer of a tenant"),
        pytest.param("/auth", "http://example.com/auth", id="issuer without TLS"),
    ],
)
def test_a_mount_where_no_request_for_the_issuer_could_arrive_is_refused(path: str, issuer: str, found: Installation):
    app = FastAPI()
    before = list(app.router.routes)
    with pytest.raises((ValueError, IssuerInvalid)):
        mount(app, path, found.settings.model_copy(update={"issuer": issuer}))
    assert app.router.routes == before


def test_a_database_that_is_not_ready_ends_the_startup(found: Installation, tmp_path: Path):
    bare = found.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/bare.db"})
    others = found.settings.model_copy(update={"issuer": "https://elsewhere.example/auth"})

    async def start(settings: Any) -> None:
        app = FastAPI()
        mount(app, "/auth", settings)
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(RuntimeError, match="authsvc migrate"):
        asyncio.run(start(bare))
    with pytest.raises(RuntimeError, match="belongs to"):
        asyncio.run(start(others))


def test_without_the_lifespan_nothing_is_answered(found: Installation):
    app = an_app(found)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as http:
            await http.get("/auth/jwks")

    with pytest.raises(RuntimeError, match="startup"):
        asyncio.run(ask())


def test_the_name_is_there_without_the_server_being_loaded():
    script = (
        "import sys, authsvc, authsvc.verify\n"
        "assert {'fastapi', 'starlette', 'sqlalchemy'}.isdisjoint(sys.modules)\n"
        "from authsvc import mount\n"
        "assert mount is sys.modules['authsvc.app'].mount\n"
        "try: authsvc.nothing\n"
        "except AttributeError: pass\n"
        "else: raise SystemExit(1)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
