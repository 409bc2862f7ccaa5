"""Whatever is disabled, deleted, ended or revoked is so at every door at once (CVE-2024-38371, CVE-2026-43983)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from authsvc.app import create_app
from authsvc.protocol import subject_token
from authsvc.protocol.client_auth import METHODS
from authsvc.protocol.grants import GRANTS
from authsvc.storage.cache import Cache
from tests.flows.door_table import DOORS
from tests.flows.doors import Door, Visit, a_visit, open_doors
from tests.flows.ends import ENDS
from tests.flows.exchanges import Shop, open_shop, standing_shop
from tests.flows.in_process import serving
from tests.flows.world import ISSUER, running_world

NO_TENANT = (404, "invalid_request")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with standing_shop(tmp_path_factory.mktemp("doors")) as standing:
        open_doors(standing)
        yield standing


def _told(answer: httpx.Response) -> tuple[int, str]:
    if answer.status_code == 204 or answer.content == b'{"active":false}':
        return answer.status_code, "inactive" if answer.content else ""
    return answer.status_code, str(answer.json().get("error", ""))


@contextmanager
def _over(name: str, visit: Visit, door: Door) -> Iterator[None]:
    mend = ENDS[name].apply(visit, door)
    try:
        yield
    finally:
        mend()


def _cases() -> Iterator[object]:
    for name, door in DOORS.items():
        for end, way in ENDS.items():
            if way.concerns(door):
                marks = [pytest.mark.slow] if end in door.lives else []
                yield pytest.param(name, end, id=f"{name}, {end}", marks=marks)


def _expected(door: Door, end: str) -> tuple[int, str]:
    return NO_TENANT if end == "tenant disabled" else door.refusals[end]


@pytest.mark.parametrize(("name", "end"), list(_cases()))
def test_what_is_over_is_refused_at_once(shop: Shop, name: str, end: str):
    door, visit = DOORS[name], a_visit(shop)
    door.prepare(visit)
    with _over(end, visit, door):
        answer = door.knock(visit)
        if end in door.lives:
            assert answer.is_success, answer.text
            return
        assert _told(answer) == _expected(door, end), answer.text
        assert "access_token" not in answer.text


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_open_while_nothing_is_over(shop: Shop, name: str):
    visit = a_visit(shop)
    DOORS[name].prepare(visit)
    answer = DOORS[name].knock(visit)
    assert _told(answer) in ((200, ""), (204, "")), answer.text


def test_every_door_says_what_becomes_of_it_at_each_end():
    for name, door in DOORS.items():
        concerned = {end for end in ENDS if ENDS[end].concerns(door)} - {"tenant disabled"}
        assert concerned == door.refusals.keys() | door.lives.keys(), name


def test_every_grant_token_type_and_method_of_authentication_has_its_door(shop: Shop):
    doors = {name.partition(":")[0].partition(" by ")[0] for name in DOORS}
    assert {grant.rpartition(":")[2] for grant in GRANTS} - doors == set()
    presented = {name.partition(": ")[2] for name in DOORS}
    assert {kind.rpartition(":")[2] for kind in subject_token._JUDGES} - presented == set()
    with shop.world.change() as uow:
        asking = [uow.clients.get(door.requester) for door in DOORS.values() if door.requester]
    assert {client.auth_method for client in asking if client} == METHODS.keys()


CACHED = (
    ("client_credentials", "requester disabled"), ("client_credentials", "target disabled"),
    ("client_credentials", "tenant disabled"), ("client_credentials by federated_assertion", "issuer disabled"),
    ("jwt-bearer", "issuer deleted"), ("refresh_token", "requester deleted"),
    ("token-exchange: access_token", "its client disabled"), ("token-exchange: access_token", "audience deleted"),
    ("token-exchange: access_token", "signing key revoked"), ("introspection: access token", "signing key revoked"),
    ("introspection: opaque access token", "audience disabled"), ("me", "its client disabled"),
    ("userinfo", "signing key revoked"),
)  # fmt: skip
NEVER_CACHED = (
    ("refresh_token", "user disabled"), ("refresh_token", "family ended"), ("jwt-bearer", "user disabled"),
    ("token-exchange: access_token", "user deleted"), ("token-exchange: access_token", "session ended"),
    ("token-exchange: access_token", "family ended"), ("token-exchange: access_token", "token revoked"),
    ("token-exchange: api_key", "token revoked"), ("token-exchange: id_token", "session ended"),
    ("token-exchange: id_token", "family ended"),
    ("introspection: access token", "token revoked"), ("introspection: opaque access token", "user disabled"),
    ("introspection: API key", "token revoked"), ("userinfo", "session ended"), ("me", "user disabled"),
)  # fmt: skip
"""People and what they hold are asked for at each request, by every process."""


@dataclass(slots=True)
class Hours:
    """The monotonic clock of every process's cache."""

    now: float = 1_000.0


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hours, Shop, Shop]]:
    """Two applications on one database, each with its own cache of one second."""
    hours, directory = Hours(), tmp_path_factory.mktemp("nodes")
    with pytest.MonkeyPatch.context() as patched, ExitStack() as opened:
        patched.setattr("authsvc.app.Cache", lambda: Cache(monotonic=lambda: hours.now))
        # A machine that is busy for so long is no database that stands still, for which what is cached would serve.
        patched.setattr("authsvc.web.edge.STALL_SECONDS", 30.0)
        world = opened.enter_context(running_world(f"sqlite:///{directory}/authsvc.db", directory))
        app = create_app(world.settings, world.clock)
        transport = opened.enter_context(serving(app))
        http = opened.enter_context(httpx.Client(transport=transport, base_url=ISSUER))
        first = open_shop(world)
        open_doors(first)
        hours.now += 2
        yield hours, first, Shop(replace(world, app=app, http=http, transport=transport))


def _visits(name: str, hours: Hours, shops: tuple[Shop, ...]) -> tuple[Visit, ...]:
    """One visit that goes to each node in turn; all of them know by now what they cache."""
    hours.now += 2
    visit = a_visit(shops[0])
    DOORS[name].prepare(visit)
    for shop in shops:
        other = a_visit(shop)
        DOORS[name].prepare(other)
        assert DOORS[name].knock(other).is_success
    return tuple(replace(visit, shop=shop) for shop in shops)


@pytest.mark.parametrize(("name", "end"), [pytest.param(*case, id=", ".join(case)) for case in CACHED])
def test_what_another_process_disabled_is_refused_after_one_second(nodes, name: str, end: str):
    hours, *shops = nodes
    door, visits = DOORS[name], _visits(name, hours, tuple(shops))
    with _over(end, visits[0], door):
        hours.now += 1
        assert [_told(door.knock(visit)) for visit in visits] == [_expected(door, end)] * 2


@pytest.mark.parametrize(("name", "end"), [pytest.param(*case, id=", ".join(case)) for case in NEVER_CACHED])
def test_what_another_process_ended_is_refused_with_the_next_request(nodes, name: str, end: str):
    hours, *shops = nodes
    door, visits = DOORS[name], _visits(name, hours, tuple(shops))
    with _over(end, visits[0], door):
        assert [_told(door.knock(visit)) for visit in visits] == [_expected(door, end)] * 2
