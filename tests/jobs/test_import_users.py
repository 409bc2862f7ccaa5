import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import bindparam, text, update

from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys, new_master_key_line, parse_master_keys
from authsvc.domain.people import user_import
from authsvc.domain.people.user_imports import CHUNK_BYTES, Chunk, UserImport, chunk_place
from authsvc.errors import AuthsvcError
from authsvc.jobs.import_users import TURN_SECONDS, Desk, importing_users
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.user_imports import user_import_chunks
from tests.flows.in_process import MovableClock
from tests.storage.examples import a_tenant

RUNNING = threading.Event()
COUNT = 95
BATCH = 10
_PUT = (
    update(user_import_chunks)
    .where(user_import_chunks.c.import_id == bindparam("which"))
    .values(content_encrypted=bindparam("content"))
)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_import, "BATCH", BATCH)


@pytest.fixture
def storage(migrated_url: str) -> Iterator[Storage]:
    """Both databases: what two processes do at once, they decide."""
    opened = open_storage(migrated_url, pool_size=4, cache=None)
    yield opened
    opened.close()


@pytest.fixture
def desk(storage: Storage, master_keys: MasterKeys, clock: MovableClock) -> Desk:
    return Desk(storage, master_keys, clock)


def rows(count: int, prefix: str = "person") -> bytes:
    return b"username,name\n" + b"".join(b"%s%d,A\n" % (prefix.encode(), n) for n in range(count))


def hand_over(desk: Desk, tenant_id: UUID, content: bytes, form: str = "csv", **changed: Any) -> UUID:
    """Store a file as the server does."""
    new = replace(UserImport(uuid4(), form, False, "ops", "request", desk.clock(), over_at=desk.clock()), **changed)
    uow = desk.storage.unit_of_work(tenant_id)
    uow.begin()
    uow.user_imports.add(new)
    for ordinal, start in enumerate(range(0, len(content), CHUNK_BYTES)):
        part = envelope.encrypt(
            content[start : start + CHUNK_BYTES], chunk_place(tenant_id, new.id, ordinal), desk.master_keys
        )
        assert uow.user_imports.add_chunk(replace(new, bytes_total=len(content)), Chunk(ordinal, part))
    assert uow.user_imports.submit(new.id)
    uow.commit()
    uow.close()
    return new.id


def state(desk: Desk, tenant_id: UUID, import_id: UUID) -> UserImport:
    uow = desk.storage.unit_of_work(tenant_id)
    found = uow.user_imports.get(import_id)
    uow.close()
    assert found is not None
    return found


def counts(found: UserImport) -> tuple[str, int, int, int]:
    return found.state, found.added, found.unchanged, found.refused


def users(desk: Desk, tenant_id: UUID) -> list[str]:
    uow = desk.storage.unit_of_work(tenant_id)
    found = sorted(user.username for user in uow.users.list(None, 10_000))
    uow.close()
    return found


def ticking(*, step: float = 0.0, then: Callable[[int], None] = lambda _: None) -> Callable[[], float]:
    """A monotonic clock that goes on by so much at each look, which `then` hears of."""
    looks = 0

    def monotonic() -> float:
        nonlocal looks
        looks += 1
        then(looks)
        return step * looks

    return monotonic


def test_a_turn_ends_in_time_and_the_next_goes_on_where_it_was(desk: Desk, tenant_id: UUID):
    found = hand_over(desk, tenant_id, rows(COUNT))
    job = importing_users(replace(desk, monotonic=ticking(step=TURN_SECONDS)))
    turns = 1
    while job(RUNNING):
        turns += 1
        assert len(users(desk, tenant_id)) == min(COUNT, state(desk, tenant_id, found).added)
    assert turns > COUNT // BATCH
    assert counts(state(desk, tenant_id, found)) == ("done", COUNT, 0, 0)


def test_lines_are_told_as_in_the_file_wherever_the_import_goes_on(desk: Desk, tenant_id: UUID):
    """Also behind records of several lines, empty lines, and such as are too long."""
    content = b""
    for n in range(6):
        names = rows(12, f"a{n}-")
        content += names.partition(b"\n")[2] if n else names
        content += b'x,"\n\n"\n\n@,bad\r\n'
    found = hand_over(desk, tenant_id, content)
    job = importing_users(replace(desk, monotonic=ticking(step=TURN_SECONDS)))
    while job(RUNNING):
        pass
    uow = desk.storage.unit_of_work(tenant_id)
    told = [row.line for row in uow.user_imports.list_refused(found, 0, 100) if "username" in row.reason]
    uow.close()
    assert told == [number for number, line in enumerate(content.split(b"\n"), 1) if line == b"@,bad\r"]
    assert len(told) == 6


@pytest.mark.parametrize(
    ("table", "when"),
    [
        pytest.param("users", "NEW.username = 'person34'", id="in-the-middle-of-a-batch"),
        pytest.param("user_imports", "NEW.position > 600", id="when-the-position-moves"),
        pytest.param("audit_events", "NEW.event = 'users.imported'", id="at-its-line-of-the-audit-trail"),
    ],
)
def test_a_batch_that_fails_leaves_nothing_and_is_done_once_when_it_can_be(
    tmp_path: Path, master_keys: MasterKeys, clock: MovableClock, table: str, when: str
):
    url = f"sqlite:///{tmp_path}/a.db"
    migrate(url)
    storage = open_storage(url, pool_size=1, cache=None)
    desk, tenant = Desk(storage, master_keys, clock), a_tenant("default", is_default=True)
    uow = storage.unit_of_work(tenant.id)
    uow.begin()
    uow.tenants.add(tenant)
    uow.commit()
    uow.close()
    found = hand_over(desk, tenant.id, rows(COUNT))
    engine = storage._database.engine
    verb = "UPDATE" if table == "user_imports" else "INSERT"
    with engine.connect() as connection:
        connection.execute(
            text(f"CREATE TRIGGER broken BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'x'); END")
        )
    for _ in range(2):
        with pytest.raises(AuthsvcError):
            importing_users(desk)(RUNNING)
        before = state(desk, tenant.id, found)
        assert (len(users(desk, tenant.id)), before.state in ("waiting", "running")) == (before.added, True)
        assert before.added % BATCH == 0
    with engine.connect() as connection:
        connection.execute(text("DROP TRIGGER broken"))
    importing_users(desk)(RUNNING)
    assert counts(state(desk, tenant.id, found)) == ("done", COUNT, 0, 0)
    assert len(users(desk, tenant.id)) == COUNT
    storage.close()


def test_two_processes_at_one_file_store_each_row_once(desk: Desk, tenant_id: UUID):
    found = hand_over(desk, tenant_id, rows(COUNT))
    other = importing_users(replace(desk, monotonic=ticking(step=TURN_SECONDS)))

    def meanwhile(look: int) -> None:
        if look == 4:
            # It goes on from where the first is, to which it is lost then.
            assert other(RUNNING)

    first = importing_users(replace(desk, monotonic=ticking(then=meanwhile)))
    assert not first(RUNNING), "it leaves the file to the other"
    assert state(desk, tenant_id, found).added == len(users(desk, tenant_id)) < COUNT
    while other(RUNNING):
        pass
    assert counts(state(desk, tenant_id, found)) == ("done", COUNT, 0, 0)
    assert len(users(desk, tenant_id)) == COUNT


def test_each_tenant_has_its_turn(desk: Desk, tenant_id: UUID):
    tenant = replace(a_tenant("other", host="other"), id=uuid4())
    uow = desk.storage.unit_of_work(tenant.id)
    uow.begin()
    uow.tenants.add(tenant)
    uow.commit()
    uow.close()
    files = {each: hand_over(desk, each, rows(COUNT)) for each in (tenant.id, tenant_id)}
    job = importing_users(replace(desk, monotonic=ticking(step=TURN_SECONDS / 2)))
    for _ in range(4):
        assert job(RUNNING)
    added = [state(desk, each, found).added for each, found in files.items()]
    assert min(added) > 0
    assert max(added) < COUNT


def test_a_disabled_tenant_waits(desk: Desk, tenant_id: UUID):
    tenant = replace(a_tenant("other", host="other"), id=uuid4(), disabled_at=desk.clock())
    uow = desk.storage.unit_of_work(tenant.id)
    uow.begin()
    uow.tenants.add(tenant)
    uow.commit()
    uow.close()
    found = hand_over(desk, tenant.id, rows(COUNT))
    assert not importing_users(desk)(RUNNING)
    assert state(desk, tenant.id, found).state == "waiting"


@pytest.mark.parametrize("spoil", ["key", "place"])
def test_a_file_that_cannot_be_decrypted_ends_its_import_in_words(desk: Desk, tenant_id: UUID, spoil: str):
    found = hand_over(desk, tenant_id, rows(COUNT))
    if spoil == "key":
        desk = replace(desk, master_keys=parse_master_keys(new_master_key_line()))
    else:
        other = hand_over(desk, tenant_id, rows(COUNT))
        uow = desk.storage.unit_of_work(tenant_id)
        uow.begin()
        chunk = uow.user_imports.find_chunk(other, 0)
        assert chunk is not None
        assert uow.user_imports.cancel(other, desk.clock())
        uow._work.write(_PUT, which=found, content=chunk.content_encrypted)
        uow.commit()
        uow.close()
    importing_users(desk)(RUNNING)
    ended = state(desk, tenant_id, found)
    assert (ended.state, ended.added, "hand it over again" in str(ended.problem)) == ("failed", 0, True)
    assert users(desk, tenant_id) == []


def test_a_file_lies_encrypted(tmp_path: Path, master_keys: MasterKeys, clock: MovableClock):
    url = f"sqlite:///{tmp_path}/a.db"
    migrate(url)
    storage = open_storage(url, pool_size=1, cache=None)
    hand_over(Desk(storage, master_keys, clock), UUID(int=1), b"username\nplain-to-see\n")
    storage.close()
    assert not any(b"plain-to-see" in file.read_bytes() for file in tmp_path.iterdir())
