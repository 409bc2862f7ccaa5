"""/admin/users/import: a file of users over HTTP, from its first byte to its last row."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from authsvc.domain.people.user_imports import Chunk
from authsvc.jobs import import_users
from authsvc.settings import Imports
from authsvc.web.api.admin import user_upload
from authsvc.web.upload import PIECE_BYTES
from tests.flows.administrators import Admins, fields_of
from tests.flows.world import ISSUER, running_world

READ, WRITE = "admin:users:read", "admin:users:write"
PATH = "/admin/users/import"
CSV, JSON_LINES = {"Content-Type": "text/csv"}, {"Content-Type": "application/jsonl"}
BCRYPT = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"
PEOPLE = f"username,email,email_verified,password_hash\nada,ada@example.com,true,{BCRYPT}\ngrace,,,\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    """One world for the table of what stores nothing."""
    directory = tmp_path_factory.mktemp("admin-user-import")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory, imports=Imports(max_bytes=1_000_000)) as world:
        yield Admins(world)


def send(admins: Admins, content: Any, headers: dict[str, str] = CSV, query: str = "", **how: Any) -> httpx.Response:
    return admins.call(WRITE, "POST", f"{PATH}{query}", content=content, headers=headers, **how)


def over(admins: Admins, answer: httpx.Response) -> dict[str, Any]:
    """What became of the import of that answer."""
    assert answer.status_code == 202, answer.text
    for _ in range(1_800):
        found = admins.call(READ, "GET", answer.headers["location"])
        assert found.status_code == 200, found.text
        if found.json()["state"] not in ("waiting", "running"):
            return dict(found.json())
        time.sleep(0.05)
    raise AssertionError(found.text)


def counts(found: dict[str, Any]) -> tuple[str, int, int, int]:
    return found["state"], found["added"], found["unchanged"], found["refused"]


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def named(count: int) -> bytes:
    """So many rows, of which a piece of the upload holds about a thousand."""
    return lines(*({"username": f"person{n}", "name": "x" * 200} for n in range(count)))


def test_a_file_is_taken_and_then_imported(admins: Admins):
    answer = send(admins, PEOPLE)
    begun = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"{ISSUER}{PATH}/{begun['id']}")
    assert (begun["state"], begun["bytes_total"], begun["rows_read"]) == ("waiting", len(PEOPLE), 0)
    found = over(admins, answer)
    assert counts(found) == ("done", 2, 0, 0)
    assert (found["bytes_read"], found["problem"], found["refused_rows"]) == (len(PEOPLE), None, [])
    assert found["summary"] == "2 rows: 2 added, 0 here already, 0 refused"
    ada = admins.world.user("ada@example.com")
    assert (ada.username, ada.password_hash, admins.world.user("grace").password_hash) == ("ada", BCRYPT, None)
    by = f"by {admins.who(WRITE)}"
    assert sorted(admins.events(answer)) == [
        ("users.import_begun", f"{len(PEOPLE)} bytes; {by}"), ("users.imported", f"2 users; {by}"),
    ]  # fmt: skip
    assert admins.world.rows()["user_import_chunks"] == 0


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        pytest.param("people.csv", "application/octet-stream", id="by-name"),
        pytest.param("people", "text/csv; charset=utf-8", id="by-type"),
    ],
)
def test_a_form_with_a_file_will_do(small: Admins, name: str, media_type: str):
    form = {"file": (name, PEOPLE.encode(), media_type)}
    assert counts(over(small, small.call(WRITE, "POST", PATH, files=form))) == ("done", 2, 0, 0)


def test_no_piece_of_a_file_is_stored_as_it_is(admins: Admins, monkeypatch: pytest.MonkeyPatch):
    kept: list[bytes] = []

    def noted(ordinal: int, content: bytes) -> Chunk:
        kept.append(content)
        return Chunk(ordinal, content)

    monkeypatch.setattr(user_upload, "Chunk", noted)
    assert counts(over(admins, send(admins, PEOPLE))) == ("done", 2, 0, 0)
    assert kept
    assert b"ada@" not in b"".join(kept)


def test_a_file_of_many_pieces_is_imported_whole_and_bad_rows_are_told_by_line(admins: Admins):
    rows = named(3_000).splitlines(keepends=True)
    rows[17] = b'{"username": "a@secret"}\n'
    rows[2_500] = b'"secret"\n'
    content = b"".join(rows)
    assert len(content) > 2 * PIECE_BYTES
    form = {"file": ("people.jsonl", content, "application/x-ndjson")}
    for answer in (admins.call(WRITE, "POST", PATH, files=form), send(admins, content, JSON_LINES)):
        found = over(admins, answer)
        assert [row["line"] for row in found["refused_rows"]] == [18, 2_501]
        assert "secret" not in json.dumps(found)
        assert found["bytes_read"] == len(content)
    assert counts(found) == ("done", 0, 2_998, 2)
    assert admins.world.user("person2999").name == "x" * 200


def test_refused_rows_are_read_page_by_page(small: Admins):
    answer = send(small, b"username\n" + b"@\n" * 5)
    assert over(small, answer)["refused"] == 5
    found, cursor = [], None
    for _ in range(3):
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = small.call(READ, "GET", answer.headers["location"], params=query).json()
        found += [row["line"] for row in page["refused_rows"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == ([2, 3, 4, 5, 6], None)


def test_a_dry_run_finds_what_would_be_refused_and_stores_no_user(admins: Admins):
    before = admins.world.rows()["users"]
    rows = lines({"username": "ada"}, {"username": "alice"}, {"username": "@"})
    found = over(admins, send(admins, rows, JSON_LINES, "?dry_run=true"))
    assert counts(found) == ("done", 1, 0, 2)
    assert [row["line"] for row in found["refused_rows"]] == [2, 3]
    assert found["summary"] == "3 rows: 1 would be added, 0 here already, 2 refused"
    assert admins.world.rows()["users"] == before


def test_what_stands_before_a_fault_of_the_file_is_stored(small: Admins):
    found = over(small, send(small, b'username\nada\n"open\n'))
    assert counts(found) == ("failed", 1, 0, 0)
    assert "line 3" in found["problem"]


@pytest.mark.parametrize(
    ("content", "headers", "query", "status"),
    [
        pytest.param(b"x", {"Content-Type": "application/json"}, "", 415, id="json"),
        pytest.param(b"x", {"Content-Type": "text/csv; charset=latin-1"}, "", 415, id="charset"),
        pytest.param(b"x", {**CSV, "Content-Encoding": "gzip"}, "", 415, id="encoding"),
        pytest.param(b"", {}, "", 415, id="no-type"),
        pytest.param(b"", CSV, "", 422, id="no-columns"),
        pytest.param(b"secret\n", CSV, "", 422, id="unknown-column"),
        pytest.param(b"username,username\n", CSV, "", 422, id="column-twice"),
        pytest.param(b'"username\n', CSV, "", 422, id="no-csv"),
        pytest.param(PEOPLE, CSV, "?dry_run=yes", 422, id="dry-run-of-another-word"),
        pytest.param(PEOPLE, CSV, "?dry_run", 422, id="dry-run-without-a-word"),
        pytest.param(PEOPLE, CSV, "?dryrun=true", 422, id="dry-run-misspelt"),
        pytest.param(b"username\n" + b"x" * 1_000_000, CSV, "", 413, id="too-large"),
        pytest.param(b"x", {"Content-Type": "multipart/form-data"}, "", 400, id="no-boundary"),
        pytest.param(b"x", {"Content-Type": f"multipart/form-data; boundary={'x' * 300}"}, "", 400, id="long-boundary"),
        pytest.param(b"x", {"Content-Type": "multipart/form-data; boundary=b"}, "", 400, id="no-multipart"),
        pytest.param(b"", {"Content-Type": "multipart/form-data; boundary=b"}, "", 400, id="nothing"),
        pytest.param(b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}, "", 400, id="no-part"),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\nusername\nada\n',
            {"Content-Type": "multipart/form-data; boundary=b"}, "", 400, id="cut-multipart",
        ),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="dry_run"\r\n\r\ntrue\r\n--b--\r\n',
            {"Content-Type": "multipart/form-data; boundary=b"}, "", 400, id="no-file",
        ),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.xls"\r\n\r\nx\r\n--b--\r\n',
            {"Content-Type": "multipart/form-data; boundary=b"}, "", 415, id="unknown-file",
        ),
        pytest.param(
            b"--b\r\n" + b"".join(b"X-%d: x\r\n" % n for n in range(100)) + b"\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"}, "", 400, id="many-headers",
        ),
        pytest.param(
            2 * b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\nusername\nada\r\n'
            + b"--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"}, "", 400, id="two-files",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_refused_and_nothing_is_left(
    shared: Admins, content: Any, headers: dict[str, str], query: str, status: int
):
    shared.token(WRITE)
    before = shared.world.rows()
    for body in (content, iter([content] if isinstance(content, bytes) else [content.encode()])):
        answer = send(shared, body, headers, query)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret" not in answer.text
        assert ("accept-post" in answer.headers) == (status == 415 and "Content-Encoding" not in headers)
        if status == 422 and query:
            assert fields_of(answer) == {"dry_run"}
    assert shared.world.rows() == before


def upload(admins: Admins, *pieces: bytes, path: str = PATH, scope: str = WRITE, ends: bool = False) -> list[Any]:
    """Send the beginning of a body and go away; return what was answered, and what was read of it."""
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting += [{"type": "http.request"}] if ends else []
    told: list[Any] = []
    headers = [(b"host", b"localhost:8000"), (b"content-type", b"application/jsonl")]
    headers += [(b"authorization", f"Bearer {admins.token(scope)}".encode())]
    asked = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("localhost", 8000),
    }  # fmt: skip

    async def receive() -> Any:
        await asyncio.sleep(0)
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send_back(message: Any) -> None:
        told.append(message)

    admins.world.run(admins.world.app(asked, receive, send_back))  # type: ignore[arg-type]
    return [told[0]["status"] if told else None, len(waiting)]


def test_an_upload_that_breaks_off_leaves_nothing(admins: Admins):
    admins.token(WRITE)
    before = admins.world.rows()
    rows = named(3_000)
    assert upload(admins, rows[:100]) == [None, 0]
    assert upload(admins, *(rows[n : n + 50_000] for n in range(0, len(rows), 50_000))) == [None, 0]
    assert admins.world.rows() == before


def test_who_may_not_import_is_refused_before_the_body_is_read(small: Admins):
    assert upload(small, b"x", b"x", scope=READ, ends=True) == [403, 3]


def test_a_body_without_a_length_is_read_no_further_than_it_may_be_large(tmp_path: Path):
    with running_world(f"sqlite:///{tmp_path}/a.db", tmp_path, imports=Imports(max_bytes=600_000)) as world:
        admins = Admins(world)
        admins.token(WRITE)
        before = world.rows()
        status, unread = upload(admins, *[named(200)] * 100, ends=True)
        assert (status, unread > 50) == (413, True)
        assert world.rows() == before


class Gate:
    """Lets the job store so many batches, and then wait."""

    def __init__(self, batches: int) -> None:
        self._free = threading.Semaphore(batches)
        self._store = import_users._store

    def store(self, *what: Any) -> Any:
        assert self._free.acquire(timeout=100)
        return self._store(*what)

    def open(self) -> None:
        self._free.release(100)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    closed = Gate(1)
    monkeypatch.setattr(import_users, "_store", closed.store)
    yield closed
    closed.open()


def test_an_import_is_cancelled_between_two_batches_and_what_is_stored_stays(admins: Admins, gate: Gate):
    before = admins.world.rows()["users"]
    location = send(admins, named(3_000), JSON_LINES).headers["location"]
    while admins.call(READ, "GET", location).json()["added"] == 0:
        time.sleep(0.02)
    gone = admins.call(WRITE, "DELETE", location)
    assert admins.events(gone) == [("users.import_cancelled", f"1000 users were added; by {admins.who(WRITE)}")]
    gate.open()
    assert over(admins, send(admins, PEOPLE))["state"] == "done", "and the next one has its turn"
    assert counts(admins.call(READ, "GET", location).json()) == ("cancelled", 1_000, 0, 0)
    assert admins.world.rows()["users"] == before + 1_002
    assert admins.call(WRITE, "DELETE", location).status_code == 204


def test_what_is_over_cannot_be_cancelled_and_the_answer_says_what_became_of_it(small: Admins):
    for content, state, words in ((PEOPLE, "done", "it is done"), (b'username\n"open\n', "failed", "it has failed")):
        answer = send(small, content)
        assert over(small, answer)["state"] == state
        cancelled = small.call(WRITE, "DELETE", answer.headers["location"])
        assert (cancelled.status_code, cancelled.json()["error"]) == (409, "import_over")
        assert cancelled.headers["content-type"] == "application/problem+json"
        assert cancelled.json()["title"] == f"The import is over: nothing is left to cancel. ({words})"


def test_imports_of_another_tenant_are_as_unknown_as_those_that_never_were(admins: Admins):
    answer = send(admins, PEOPLE)
    over(admins, answer)
    path = f"{PATH}/{answer.json()['id']}"
    for method, scope in (("GET", READ), ("DELETE", WRITE)):
        assert admins.call(scope, method, path, tenant=admins.world.other).status_code == 404
        for name in ("x", answer.json()["id"].upper(), "00000000-0000-4000-8000-000000000000", "%00"):
            assert admins.call(scope, method, f"{PATH}/{name}").status_code == 404
    theirs = admins.call(WRITE, "POST", PATH, tenant=admins.world.other, content=b"username\nonlythere\n", headers=CSV)
    assert theirs.headers["location"].startswith(f"{ISSUER}/t/other{PATH}/")
    found = admins.call(READ, "GET", f"{PATH}/{theirs.json()['id']}", tenant=admins.world.other)
    assert found.status_code == 200
    assert admins.call(READ, "GET", "/admin/users?login=onlythere").json()["users"] == []


def test_a_file_that_is_sent_again_is_imported_once(admins: Admins):
    def again(content: bytes, key: str = "k", **how: Any) -> httpx.Response:
        form = {"file": ("people.csv", content, "text/csv")}
        return admins.call(WRITE, "POST", PATH, files=form, headers={"Idempotency-Key": key}, **how)

    first, second = again(PEOPLE.encode()), again(PEOPLE.encode())
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["idempotent-replayed"] == "true"
    for other in (again(b"username\nada\n"), again(PEOPLE.encode(), params={"dry_run": "true"})):
        assert (other.status_code, other.json()["error"]) == (422, "idempotency_key_reused")
    over(admins, first)
    assert admins.world.rows()["user_imports"] == 1
    assert admins.world.rows()["user_import_chunks"] == 0
    assert over(admins, again(PEOPLE.encode(), key="other"))["unchanged"] == 2


def test_no_more_imports_than_may_be_are_under_way(tmp_path: Path, gate: Gate):
    with running_world(f"sqlite:///{tmp_path}/a.db", tmp_path, imports=Imports(at_once=1)) as world:
        admins = Admins(world)
        first, second = send(admins, named(2_000), JSON_LINES), send(admins, PEOPLE)
        assert (second.status_code, second.json()["error"]) == (409, "too_many_imports")
        gate.open()
        assert over(admins, first)["added"] == 2_000
        assert send(admins, PEOPLE).status_code == 202
