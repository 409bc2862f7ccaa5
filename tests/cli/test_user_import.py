import json
import os
import pty
import re
import sqlite3
import subprocess
import threading
from contextlib import closing, suppress

import pytest

from tests.cli.running import SCRIPT, wait_until

BCRYPT = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"


def write(site, name: str, text: str) -> str:
    (site.directory / name).write_text(text, "utf-8")
    return name


def names(site) -> set[str]:
    return {user["username"] for user in site.done("users", "list", "--json").json}


def test_a_csv_file_is_imported_and_importing_it_again_changes_nothing(installation):
    file = write(installation, "users.csv", f"username,email,password_hash\nada,a@example.com,{BCRYPT}\nbob,,\n")

    assert installation.done("users", "import", file, "--dry-run").out == (
        "2 rows: 2 would be added, 0 here already, 0 refused\n"
    )
    assert names(installation) == set()
    assert installation.done("users", "import", file).out == "2 rows: 2 added, 0 here already, 0 refused\n"
    assert installation.done("users", "import", file).out == "2 rows: 0 added, 2 here already, 0 refused\n"
    assert installation.done("users", "import", file, "--dry-run").out == (
        "2 rows: 0 would be added, 2 here already, 0 refused\n"
    )
    assert names(installation) == {"ada", "bob"}


def test_bad_rows_are_told_by_line_and_the_others_stored(installation):
    rows = [{"username": "ada"}, {"username": "b@d", "password_hash": "secret"}, {"username": "cyd"}]
    file = write(installation, "users.ndjson", "\n".join(map(json.dumps, rows)))

    done = installation.run("users", "import", file)

    assert done.code == 1
    assert done.out == "3 rows: 2 added, 0 here already, 1 refused\n"
    told, sentence = done.err.splitlines()
    assert told.startswith("line 2: username: 1 to 64")
    assert "password_hash: unknown or malformed hash" in told
    assert sentence == "authsvc: 1 row refused: mend them, and import the file again."
    assert "secret" not in done.err
    assert names(installation) == {"ada", "cyd"}


def test_bad_rows_are_all_in_the_report_and_not_all_on_the_terminal(installation):
    file = write(installation, "users.csv", "username\n" + "@\n" * 2_000)

    told = installation.run("users", "import", file).err.splitlines()
    reported = installation.run("users", "import", file, "--report", "bad.txt").err.splitlines()

    assert (len(told), len(reported)) == (52, 1)
    assert told[-2] == "... and 1,950 more: --report FILE has them all"
    lines = (installation.directory / "bad.txt").read_text().splitlines()
    assert (len(lines), lines[-1].split(":")[0]) == (2_000, "line 2001")


def test_a_fault_of_the_file_ends_the_import_after_what_stands_before_it(installation):
    file = write(installation, "users.csv", 'username\nada\n"bob\n')

    done = installation.run("users", "import", file)

    assert done.code == 1
    assert done.out == "1 row: 1 added, 0 here already, 0 refused\n"
    assert "line 3" in done.err
    assert names(installation) == {"ada"}


def test_what_another_program_writes_is_imported_as_it_comes(installation):
    pipe = installation.directory / "users.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("username\nada\n",))
    writer.start()

    assert installation.done("users", "import", "users.csv").out.startswith("1 row: 1 added")
    writer.join()


@pytest.mark.parametrize(
    ("file", "arguments", "fragment"),
    [
        pytest.param("users.txt", (), "--format csv or --format jsonl", id="name that does not tell"),
        pytest.param("users.csv", ("--format", "xml"), "--format csv or --format jsonl", id="unknown format"),
        pytest.param("users.csv", ("--tenant", "other"), "no tenant other", id="unknown tenant"),
        pytest.param("users.csv", ("--report", "no/where"), "no/where", id="report"),
        pytest.param("users.csv", ("--report", "./users.csv"), "would overwrite", id="report over the file"),
    ],
)
def test_an_import_that_cannot_begin_is_refused(installation, file, arguments, fragment):
    write(installation, file, "username\nada\n")
    done = installation.run("users", "import", file, *arguments)
    assert done.code == 1
    assert fragment in done.err
    assert (installation.directory / file).read_text() == "username\nada\n"
    assert names(installation) == set()


def rows_of(site, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(site.directory / "var" / "authsvc.db")) as connection:
        return connection.execute(sql).fetchall()


def test_each_batch_has_its_line_in_the_audit_trail(installation):
    file = write(installation, "users.csv", "username\n" + "".join(f"u{n}\n" for n in range(1_500)))

    installation.done("users", "import", file, "--dry-run")
    installation.done("users", "import", file)
    installation.done("users", "import", file)

    events = [str(detail) for (detail,) in rows_of(installation, "SELECT detail FROM audit_events ORDER BY id")]
    assert [detail.split(";")[0] for detail in events] == ["1000 users", "500 users"]


def count_of(site) -> int:
    ((count,),) = rows_of(site, "SELECT count(*) FROM users")
    return int(str(count))


def test_a_terminal_shows_how_far_an_import_is_and_is_left_clean(installation):
    lines = (f"u{n},u{n}@example.com,true,{BCRYPT}\n" for n in range(6_000))
    file = write(installation, "users.csv", "username,email,email_verified,password_hash\n" + "".join(lines))
    ours, its = pty.openpty()
    environment, directory = installation.environment, installation.directory
    command = [str(SCRIPT), "users", "import", file]
    with subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=its) as process:
        os.close(its)
        said = b""
        with suppress(OSError):  # EIO: nobody is at the other end any more.
            while piece := os.read(ours, 65_536):
                said += piece
        assert process.wait(60) == 0
    os.close(ours)
    shown = said.decode().split("\r\x1b[K")
    assert any(re.fullmatch(r"\[#*\.*\] +\d+%  [\d,]+ users, [\d,]+/s(, .* left)?", line) for line in shown), shown
    assert said.endswith(b"\r\x1b[K")


@pytest.mark.slow
def test_an_import_that_was_killed_has_stored_whole_batches_and_is_finished_by_the_next(installation):
    count = 20_000
    lines = (f"u{n},u{n}@example.com,true,{BCRYPT}\n" for n in range(count))
    file = write(installation, "users.csv", "username,email,email_verified,password_hash\n" + "".join(lines))
    environment, directory = installation.environment, installation.directory
    process = subprocess.Popen([SCRIPT, "users", "import", file], cwd=directory, env=environment)
    wait_until(lambda: count_of(installation) >= 2_000)
    process.kill()
    process.wait()
    stored = count_of(installation)
    assert 0 < stored < count
    assert stored % 1_000 == 0

    again = installation.done("users", "import", file)

    assert again.out == f"{count:,} rows: {count - stored:,} added, {stored:,} here already, 0 refused\n"
    assert count_of(installation) == count
