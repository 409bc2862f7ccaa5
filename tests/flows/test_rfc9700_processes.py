"""What must hold between processes: one successor, counted guesses, and changes that are seen within a second."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from authsvc.domain.parties.clients import with_new_secret, without_secret
from authsvc.settings import Throttle
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from authsvc.web.lanes import STALL_SECONDS
from tests.flows.processes import at_once, serving_processes
from tests.flows.world import FORM, PASSWORD, PASSWORDS, Installation, install
from tests.harness.postgres import free_port

FREE = 5


@dataclass(frozen=True, slots=True)
class Nodes:
    """Two processes on one database, and what lies in it."""

    installation: Installation
    addresses: tuple[str, ...]

    def post(self, node: int, path: str, **fields: str) -> httpx.Response:
        """Over a connection of its own, so that a crowd is a crowd."""
        address = self.addresses[node % len(self.addresses)]
        return httpx.post(f"{address}{path}", data=fields, timeout=60, trust_env=False, verify=False)

    def service_token(self, node: int, secret: str | None = None) -> httpx.Response:
        secret = secret or self.installation.secrets["svc2"]
        return self.post(node, "/token", grant_type="client_credentials", client_id="svc2", client_secret=secret)

    @contextmanager
    def change(self) -> Iterator[SqlUnitOfWork]:
        storage = open_storage(self.installation.settings.database_url, pool_size=1, cache=None)
        uow = storage.unit_of_work(self.installation.tenant.id)
        try:
            uow.begin()
            yield uow
            uow.commit()
        finally:
            uow.close()
            storage.close()


@pytest.fixture
def nodes(migrated_url: str, tmp_path: Path) -> Iterator[Nodes]:
    # Closed for longer than any test takes: then no second look is due.
    throttle = Throttle(free=FREE, first_delay_seconds=900, longest_delay_seconds=900, window_seconds=3_600)
    found = install(migrated_url, tmp_path, passwords=PASSWORDS.model_copy(update={"per_address": throttle}))
    with serving_processes(found.settings, [free_port(), free_port()], tmp_path / "log") as addresses:
        yield Nodes(found, addresses)


def _sign_in(nodes: Nodes) -> str:
    fields = {"username": "alice", "password": PASSWORD, "client_id": "app", "scope": "openid es256:read"}
    answer = nodes.post(0, "/login", **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


def _refresh_at_once(nodes: Nodes, token: str, count: int = 64) -> set[str]:
    fields = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": token}
    answers = at_once([partial(nodes.post, node, "/token", **fields) for node in range(count)])
    assert {answer.status_code for answer in answers} <= {200, 400, 503}
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} <= {"invalid_grant"}
    return {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}


@pytest.mark.timeout(300)
def test_64_parallel_refreshes_over_two_processes_have_one_successor(nodes: Nodes):
    token = _sign_in(nodes)
    for _ in range(3):
        successors = _refresh_at_once(nodes, token)
        assert len(successors) == 1
        (token,) = successors


def _though_late(ask: Callable[[], httpx.Response], late: list[Exception]) -> httpx.Response:
    """A thousand threads are slow to send: who has not sent a head in time is hung up on, and nothing was looked at."""
    for _ in range(5):
        try:
            return ask()
        except httpx.RemoteProtocolError as error:
            late.append(error)
    return ask()


def _guess_at_once(nodes: Nodes, username: str, count: int) -> Counter[int]:
    fields = {"username": username, "client_id": "app", "scope": "openid"}
    guesses = [partial(nodes.post, node, "/login", password=f"guess {node}", **fields) for node in range(count)]
    late: list[Exception] = []
    answers = at_once([partial(_though_late, guess, late) for guess in guesses])
    assert len(late) < count / 10
    # Where all but the looks were sent away: who comes now finds none left.
    while 429 not in {answer.status_code for answer in answers} and len(answers) < count + 60:
        answers.append(_patiently(partial(nodes.post, 0, "/login", password="one more", **fields)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {401, 429, 503}, "503: more waited than may wait; nothing was looked at"
    for answer in answers:
        assert answer.status_code == 401 or int(answer.headers["retry-after"]) >= 1
    told = {str({**answer.json(), "request_id": ""}) for answer in answers if answer.status_code == 429}
    assert len(told) <= 1
    return statuses


@pytest.mark.timeout(300)
def test_parallel_guesses_over_two_processes_get_no_more_looks_than_configured(nodes: Nodes):
    for name in ("alice", "nobody"):
        statuses = _guess_at_once(nodes, name, 60)
        assert 1 <= statuses[401] <= FREE
        assert statuses[429] > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_guesses_at_once_get_no_more_looks_than_configured(nodes: Nodes):
    for name in ("alice", "nobody"):
        statuses = _guess_at_once(nodes, name, 1_000)
        assert 1 <= statuses[401] <= FREE
        assert statuses[429] > 0


def _once_it_is_not_held_up(ask: Callable[[], httpx.Response], is_right: Callable[[httpx.Response], bool]) -> None:
    """Who is held up for longer may be served from the caches (web/edge.py), or sent away: it asks again."""
    for _ in range(20):
        began = time.monotonic()
        answer = ask()
        if is_right(answer) or (answer.status_code != 503 and time.monotonic() - began < STALL_SECONDS - 0.1):
            break
        time.sleep(0.2)
    assert is_right(answer), answer.text


def _seen_within_a_second(nodes: Nodes, status: int, secret: str | None = None) -> None:
    """Every node answers so from one second after the change on; the cache may serve the old until then."""
    time.sleep(1.05)
    for node in range(len(nodes.addresses)):
        asking = partial(nodes.service_token, node, secret)
        _once_it_is_not_held_up(asking, lambda answer: answer.status_code == status)


@pytest.mark.timeout(300)
def test_changes_are_seen_by_every_process_within_a_second(nodes: Nodes):
    for node in range(2):
        assert nodes.service_token(node).status_code == 200
    with nodes.change() as uow:
        assert uow.clients.disable("svc2", nodes.installation.tenant.created_at)
    _seen_within_a_second(nodes, 401)
    with nodes.change() as uow:
        uow.clients.enable("svc2")
        client = uow.clients.get("svc2")
        assert client is not None
        rotated, secret = with_new_secret(client, client.created_at)
        rotated = uow.clients.save(rotated)
    _seen_within_a_second(nodes, 200, secret)
    _seen_within_a_second(nodes, 200)
    with nodes.change() as uow:
        uow.clients.save(without_secret(rotated, rotated.secrets[0].id))
    _seen_within_a_second(nodes, 401)
    _seen_within_a_second(nodes, 200, secret)


@pytest.mark.timeout(300)
def test_a_revoked_key_leaves_every_key_set_within_a_second(nodes: Nodes):
    def kids_of(answer: httpx.Response) -> set[str]:
        return {key["kid"] for key in answer.json()["keys"]}

    before = httpx.get(f"{nodes.addresses[0]}/jwks", trust_env=False, timeout=60).json()["keys"]
    first = nodes.service_token(0)
    assert first.status_code == 200
    kid = json.loads(_decoded(first.json()["access_token"].split(".")[0]))["kid"]
    with nodes.change() as uow:
        assert uow.keys.revoke(kid, nodes.installation.tenant.created_at)
    time.sleep(1.05)
    for address in nodes.addresses:
        asking = partial(httpx.get, f"{address}/jwks", trust_env=False, timeout=60)
        _once_it_is_not_held_up(asking, lambda answer: answer.status_code == 200 and kid not in kids_of(answer))
    assert kid not in {key["kid"] for key in before} or len(before) >= 1
    for node in range(2):
        renewed = json.loads(_decoded(nodes.service_token(node).json()["access_token"].split(".")[0]))["kid"]
        assert renewed != kid


def _decoded(segment: str) -> bytes:
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _patiently(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """503: nothing was looked at; come again, as it says."""
    for _ in range(30):
        answer = ask()
        if answer.status_code != 503:
            break
        time.sleep(float(answer.headers["retry-after"]))
    return answer


@pytest.mark.timeout(300)
def test_two_processes_that_first_sign_at_once_agree_on_one_key(nodes: Nodes):
    answers = at_once([partial(_patiently, partial(nodes.service_token, node)) for node in range(16)])
    assert {answer.status_code for answer in answers} == {200}
    kids = {json.loads(_decoded(answer.json()["access_token"].split(".")[0]))["kid"] for answer in answers}
    assert len(kids) == 1


@pytest.mark.timeout(300)
def test_a_chunked_body_above_the_limit_is_refused_without_being_read(nodes: Nodes):
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 4_096

    headers = {"Content-Type": FORM}
    answer = httpx.post(f"{nodes.addresses[0]}/token", content=endless(), headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 413
