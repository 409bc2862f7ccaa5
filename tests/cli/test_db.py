import subprocess

import psycopg
import pytest

from authsvc.cli.listen import Listen
from authsvc.storage.sql.engine import open_storage
from tests.cli.conftest import PASSWORD, sentence_of
from tests.cli.running import SCRIPT, post, wait_until
from tests.storage.examples import a_user

LOGIN = f"username=ada&password={PASSWORD.replace(' ', '+')}&client_id=app&scope=openid"


def refresh(site, token):
    return post(f"http://127.0.0.1:{site.port}/token", f"grant_type=refresh_token&client_id=app&refresh_token={token}")


@pytest.fixture
def new_url(fresh_postgres_url: str) -> str:
    """The URL of an empty PostgreSQL database, as people write it."""
    return fresh_postgres_url.replace("+psycopg", "")


def add_people(site, count: int) -> None:
    storage = open_storage(f"sqlite:///{site.directory}/var/authsvc.db", pool_size=1, cache=None)
    (tenant,) = storage.list_tenants()
    unit = storage.unit_of_work(tenant.id)
    unit.begin()
    unit.users.add_many([a_user(f"user-{n}", None) for n in range(count)])
    unit.commit()
    unit.close()
    storage.close()


@pytest.mark.slow
def test_people_stay_signed_in_when_the_installation_moves_to_postgresql(installation, start, new_url):
    installation.done("users", "create", "ada", stdin=PASSWORD + "\n")
    installation.done("clients", "create", "app", "--public", "--first-party", "--scope", "openid")
    old = start("serve", "--port", str(installation.port))
    _, signed_in = post(f"http://127.0.0.1:{installation.port}/login", LOGIN)
    _, rotated = refresh(installation, signed_in["refresh_token"])
    old.stop()

    copied = installation.done("db", "copy", "--to", new_url).out.splitlines()
    again = installation.done("db", "copy", "--to", new_url).out.splitlines()

    assert copied[0].startswith("copied ")
    assert "AUTHSVC_DATABASE_URL" in "".join(copied)
    assert again[0] == "the new database is an exact copy already; nothing was done"
    start("serve", "--port", str(installation.port), AUTHSVC_DATABASE_URL=new_url)
    status, answer = refresh(installation, rotated["refresh_token"])
    assert status == 200, answer
    assert answer["refresh_token"] != rotated["refresh_token"]
    assert post(f"http://127.0.0.1:{installation.port}/login", LOGIN)[0] == 200
    assert "holds other rows already" in installation.refused("db", "copy", "--to", new_url)


def test_a_copy_that_was_killed_serves_nobody_and_is_made_again(installation, new_url):
    add_people(installation, 10_000)
    environment, directory = installation.environment, installation.directory
    process = subprocess.Popen([SCRIPT, "db", "copy", "--to", new_url], cwd=directory, env=environment)
    with psycopg.connect(new_url, autocommit=True) as watch:
        # It holds this lock while it writes.
        held = "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = to_regclass('tenants')"
        wait_until(lambda: watch.execute(held).fetchone() == (1,) or process.poll() is not None)
        process.kill()
        process.wait()
        assert process.returncode == -9
        wait_until(lambda: watch.execute(held).fetchone() == (0,))
        assert watch.execute("SELECT count(*) FROM users").fetchone() == (0,)

    there = {"AUTHSVC_DATABASE_URL": new_url}
    served = installation.serve(Listen("127.0.0.1", installation.port, None, None, None), **there)
    assert sentence_of(served) == (
        "A copy into this database was not finished: run `authsvc db copy` from the old one again."
    )
    assert "not finished" in installation.refused("migrate", **there)
    assert installation.done("db", "copy", AUTHSVC_COPY_TO=new_url).out.startswith("copied ")
    installation.done("doctor", "--port", str(installation.port), **there)


@pytest.mark.parametrize(
    ("url", "fragment"),
    [
        pytest.param("mysql://secret@host/name", "--to is wrong", id="unknown database"),
        pytest.param("secret", "--to is wrong", id="no URL"),
        pytest.param("sqlite:///var/authsvc.db", "same file", id="itself"),
        pytest.param("postgresql://secret@127.0.0.1:1/none", "cannot be reached", id="away"),
    ],
)
def test_a_copy_that_cannot_be_is_refused(installation, url, fragment):
    sentence = installation.refused("db", "copy", "--to", url)
    assert fragment in sentence
    assert "secret" not in sentence
