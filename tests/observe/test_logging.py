import contextvars
import io
import json
import logging
import logging.config
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from authsvc.observe.logging import (
    Cap,
    bind,
    configure,
    find_request,
    log,
    log_refusal,
    request_context,
    reset,
)

Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Logging configured to a buffer, and what was there before restored."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure("info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_line_says_when_what_and_for_whom(lines) -> None:
    with request_context(request_id="r-1", tenant="acme"):
        log(logging.INFO, "token_issued", "a token was issued", client_id="orders", seconds=0.25)
    log(logging.WARNING, "idle", "nobody asks")
    first, second = lines()
    at = datetime.fromisoformat(str(first.pop("at")))
    assert at.utcoffset() == timedelta(0)
    assert first == {
        "level": "info", "event": "token_issued", "message": "a token was issued", "request_id": "r-1",
        "tenant": "acme", "client_id": "orders", "seconds": 0.25,
    }  # fmt: skip
    assert (second["request_id"], second["tenant"], second["level"]) == (None, None, "warning")


def test_lines_below_the_level_are_not_written(lines) -> None:
    log(logging.DEBUG, "detail", "not wanted")
    assert lines() == []


def test_the_context_crosses_a_thread_in_a_copy_and_ends_with_its_reset(lines) -> None:
    token = bind("r-2", "acme")
    context = contextvars.copy_context()
    reset(token)
    thread = threading.Thread(target=context.run, args=(log, logging.INFO, "hop", "in the lane"))
    thread.start()
    thread.join()
    log(logging.INFO, "after", "out of the request")
    assert [line["request_id"] for line in lines()] == ["r-2", None]


@pytest.mark.parametrize("logger", ["uvicorn.error", "sqlalchemy.engine", "alembic.runtime", "httpx"])
def test_the_lines_of_libraries_have_our_shape(lines, logger) -> None:
    logging.getLogger(logger).error("connecting to %s", "postgresql://app:hunter2@db/x")
    [line] = lines()
    assert (line["event"], line["message"]) == (logger, "connecting to postgresql://[removed]@db/x")


def test_statements_and_urls_are_not_logged_at_info(lines) -> None:
    logging.getLogger("sqlalchemy.engine.Engine").info("SELECT")
    logging.getLogger("httpx").info("GET")
    assert lines() == []


def test_warnings_are_lines_too(lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", stacklevel=1)
    assert [line["event"] for line in lines()] == ["py.warnings"]


def test_whoever_speaks_no_http_writes_no_line(lines) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert lines() == []


@pytest.mark.parametrize(
    "value",
    ["a\nb", "a\r\nb", "a\u2028b", "a\u2029b", "a\x85b", "a\x0bb", "a\x0cb", "a\x00b", "a\x1b[2Jb", "a\x7fb",
     "a\ud800b", '", "level": "critical'],
)  # fmt: skip
def test_no_value_can_forge_a_line(value) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure("info", stream)
    try:
        with request_context(request_id=value, tenant=value):
            log(logging.INFO, "event", value, **{"field": value, value: "x"})
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    written = stream.getvalue()
    assert len(written.splitlines()) == 1
    assert written.removesuffix("\n").isprintable()
    assert written.isascii()
    assert json.loads(written)["field"] == value


def test_a_field_never_replaces_what_the_line_says(lines) -> None:
    with request_context(request_id="r-3"):
        log(logging.INFO, "event", "text", at="never", request_id="forged", tenant="acme")
    [line] = lines()
    assert line["at"] != "never"
    assert (line["request_id"], line["request_id_"], line["tenant"]) == ("r-3", "forged", "acme")


def _fail() -> None:
    password = "hunter2-local"
    raise ValueError(len(password))


def test_an_exception_is_told_by_types_texts_and_places_without_local_variables(lines) -> None:
    try:
        try:
            _fail()
        except ValueError as error:
            raise RuntimeError("token=hunter2") from error
    except RuntimeError as error:
        log(logging.ERROR, "failed", "it failed", exc=error)
        logging.getLogger("library").exception("again")
    first, second = lines()
    assert first["exception"] == second["exception"]
    outer, inner = first["exception"]
    assert (outer["type"], outer["message"]) == ("RuntimeError", "token=[removed]")
    assert inner["message"] == "13"
    assert inner["frames"][-1].endswith(" _fail")
    assert "hunter2" not in json.dumps(lines())


class _Unspeakable:
    def __str__(self) -> str:
        raise ZeroDivisionError("hunter2")


def test_a_record_that_cannot_be_shown_says_so_and_raises_nothing(lines, capfd) -> None:
    with request_context(request_id="r-4"):
        log(logging.INFO, "event", "text", field=_Unspeakable())
    del logging.getLogger().handlers[1:]  # the test runner's own would raise
    logging.getLogger("library").info("%d apples", "password=hunter2")
    lost, unfit = lines()
    assert (lost["event"], lost["request_id"]) == ("log_failed", "r-4")
    assert unfit["message"] == "%d apples (its arguments do not fit)"
    assert "hunter2" not in "".join(capfd.readouterr())


def test_a_closed_stream_or_a_full_disk_fails_no_request(lines, capfd) -> None:
    closed = io.StringIO()
    closed.close()
    configure("info", closed, Path("/dev/full"))
    log(logging.INFO, "event", "text")
    assert "".join(capfd.readouterr()) == ""


def test_the_file_is_private_appended_to_and_outlives_a_close_of_all_handlers(lines, tmp_path) -> None:
    path = tmp_path / "authsvc.log"
    path.write_text('{"old":1}\n')
    new = tmp_path / "new.log"
    for file in (path, new):
        configure("info", io.StringIO(), file)
        log(logging.INFO, "first", "before")
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        log(logging.INFO, "second", "after")
    assert [json.loads(line).get("event") for line in path.read_text().splitlines()] == [None, "first", "second"]
    assert new.stat().st_mode & 0o777 == 0o600


def test_an_unwritable_file_is_told_at_once(lines, tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        configure("info", io.StringIO(), tmp_path / "missing" / "log")


def test_workers_share_a_file_without_mixing_lines(tmp_path) -> None:
    path = tmp_path / "log"
    script = (
        "import io, pathlib, sys\n"
        "from authsvc.observe.logging import configure, log\n"
        f"configure('info', io.StringIO(), pathlib.Path({str(path)!r}))\n"
        "for n in range(300): log(20, 'e', 'x' * 3000, n=n)\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [worker.wait(100) for worker in workers] == [0, 0, 0]
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 900


def test_the_lines_of_a_request_are_found_among_broken_ones(lines, tmp_path) -> None:
    path = tmp_path / "log"
    configure("info", io.StringIO(), path)
    for request_id in ("r-5", "r-55", "r-5"):
        with request_context(request_id=request_id, tenant="acme"):
            log_refusal("secret_matches", endpoint="token", error="invalid_client", detail="no", client_id="orders")
    log(logging.INFO, "other", 'about "r-5"', other="r-5")
    with path.open("ab") as file:
        file.write(b'\xff\x00 "r-5" garbage\n[["r-5"]]\n{"request_id":"r-5","half')
    found = list(find_request(path, "r-5"))
    assert [(line["rule"], line["error"], line["endpoint"]) for line in found] == [
        ("secret_matches", "invalid_client", "token")
    ] * 2


def test_a_missing_log_file_is_an_error_not_an_empty_answer(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        list(find_request(tmp_path / "log", "r-5"))


def test_a_cap_lets_so_many_lines_of_one_address_pass_and_tells_what_it_left_out(lines) -> None:
    cap = Cap(per_minute=3)
    assert [cap.allow("10.0.0.1", 100.0 + n) for n in range(10)] == [True] * 3 + [False] * 7
    assert cap.allow("10.0.0.2", 110.0)
    assert lines() == []
    assert cap.allow("10.0.0.1", 160.0)
    [line] = lines()
    assert (line["event"], line["key"], line["count"]) == ("lines_left_out", "10.0.0.1", 7)


def test_a_cap_holds_a_bounded_number_of_addresses(lines) -> None:
    cap = Cap(per_minute=1, keys=100)
    for n in range(10_000):
        cap.allow(f"10.0.{n >> 8}.{n & 255}", 0.0)
        cap.allow("first", 0.0) if n < 5 else None
    assert len(cap._windows) == 100
    assert [(line["key"], line["count"]) for line in lines()] == [("first", 4)]


def test_a_forked_worker_goes_on_writing(lines, tmp_path) -> None:
    configure("info", io.StringIO(), tmp_path / "log")
    if (pid := os.fork()) == 0:
        log(logging.INFO, "child", "text")
        os._exit(0)
    os.waitpid(pid, 0)
    log(logging.INFO, "parent", "text")
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events == ["child", "parent"]
