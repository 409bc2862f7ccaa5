import socket
import sqlite3

from authsvc.storage.sql.migrate import revisions


def bad_lines(done):
    return [line for line in done.out.splitlines() if line.startswith("bad")]


def test_a_healthy_installation_gets_one_good_line_for_each_check(installation):
    done = installation.done("doctor", "--port", str(installation.port))

    lines = done.out.splitlines()
    assert {line.split()[0] for line in lines} == {"good"}
    names = [
        "settings", "issuer", "master key", "database", "migration", "default tenant", "signing keys", "clock", "mail",
        "redis", "port",
    ]  # fmt: skip
    assert [line.removeprefix("good  ").split(":")[0] for line in lines] == names


def test_all_that_is_wrong_is_named_at_once_with_what_to_do(installation):
    installation.master_key.chmod(0o644)
    with socket.create_server(("127.0.0.1", installation.port)):
        done = installation.run("doctor", "--port", str(installation.port), AUTHSVC_REGISTRATION__CONFIRM_MAIL="true")

    assert done.code == 1
    told = bad_lines(done)
    assert [line.removeprefix("bad   ").split(":")[0] for line in told] == [
        "master key",
        "signing keys",
        "mail",
        "port",
    ]
    assert all(advice in line for advice, line in zip(("chmod 600", "chmod", "SMTP_HOST", "--port"), told, strict=True))


def test_an_empty_machine_is_told_where_to_begin(site):
    done = site.run("doctor", "--port", str(site.port))

    assert done.code == 1
    told = "\n".join(bad_lines(done))
    assert "authsvc keys init-master" in told
    assert "authsvc migrate" in told


def test_settings_that_cannot_be_read_are_named(site):
    done = site.run("doctor", AUTHSVC_WORKERS="none")

    assert done.code == 1
    assert bad_lines(done)[0].startswith("bad   settings: AUTHSVC_WORKERS")


def _set_schema(installation, revision):
    with sqlite3.connect(installation.directory / "var" / "authsvc.db") as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_before_an_upgrade_it_says_what_would_be_done_and_what_is_in_its_way(installation):
    _set_schema(installation, revisions()[-2])

    told = installation.run("doctor", "--port", str(installation.port)).out
    assert f"bad   database: The database lacks the migrations {revisions()[-1]}: run `authsvc migrate`." in told
    assert f"good  migration: `authsvc migrate` would apply {revisions()[-1]}; nothing is in its way" in told
    with sqlite3.connect(installation.directory / "var" / "authsvc.db", isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        told = installation.run("doctor", "--port", str(installation.port)).out
    assert "bad   migration: `authsvc migrate` would apply" in told
    assert "another process has been writing" in told


def test_after_going_back_to_the_version_before_all_is_well(installation):
    _set_schema(installation, f"{int(revisions()[-1]) + 1:04}")

    told = installation.done("doctor", "--port", str(installation.port)).out
    assert "good  database: reachable; a newer authsvc has added to it" in told
