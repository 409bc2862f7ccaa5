from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from authsvc.domain.sign_in.sessions import Session
from authsvc.storage.sql.engine import open_storage
from tests.cli.conftest import PASSWORD


def test_a_user_lives_from_creation_to_deletion(installation):
    created = installation.done("users", "create", "Ada", "--email", "Ada@Example.com", stdin=PASSWORD + "\n")

    (listed,) = installation.done("users", "list", "--json").json
    shown = installation.done("users", "show", "ada", "--json").json
    assert shown == listed
    assert created.out.strip() == f"created user Ada: {shown['id']}"
    assert (shown["username"], shown["email"], shown["email_verified"]) == ("Ada", "Ada@example.com", True)
    for name in ("ADA@example.COM", shown["id"]):
        assert installation.done("users", "show", name, "--json").json == shown
    installation.done("users", "disable", "ada")
    assert installation.done("users", "show", "ada", "--json").json["disabled_at"] is not None
    installation.done("users", "enable", "ada")
    assert installation.done("users", "show", "ada", "--json").json["disabled_at"] is None
    assert "0 sessions ended" in installation.done("users", "end-sessions", "ada").out
    assert "0 sessions ended" in installation.done("users", "set-password", "ada", stdin="another " + PASSWORD).out
    installation.done("users", "delete", "ada", "--yes")
    assert installation.done("users", "list", "--json").json == []
    assert "no user ada" in installation.refused("users", "show", "ada")


def sign_in(site, user_id):
    """Store a session, as a sign-in does."""
    storage = open_storage(f"sqlite:///{site.directory}/var/authsvc.db", pool_size=1, cache=None)
    (tenant,) = storage.list_tenants()
    uow, now = storage.unit_of_work(tenant.id), datetime.now(UTC)
    uow.begin()
    uow.sessions.add(Session(uuid4(), UUID(user_id), "app", now, ("pwd",), now + timedelta(days=1)))
    uow.commit()
    uow.close()
    storage.close()


def test_a_new_password_ends_every_session_that_the_old_one_began(installation):
    installation.done("users", "create", "ada", stdin=PASSWORD)
    user_id = installation.done("users", "show", "ada", "--json").json["id"]
    for _ in range(2):
        sign_in(installation, user_id)

    assert "2 sessions ended" in installation.done("users", "set-password", "ada", stdin="another " + PASSWORD).out
    sign_in(installation, user_id)
    assert installation.done("users", "end-sessions", "ada").out == "1 session ended\n"


def test_a_new_password_revokes_the_keys_that_the_old_one_may_have_made(installation):
    installation.done("users", "create", "ada", stdin=PASSWORD)
    installation.done("resources", "create", "https://orders.example", "--scope", "orders:read")
    installation.done("api-keys", "create", "nightly", "--user", "ada", "--scope", "orders:read")
    assert len(installation.done("api-keys", "list", "--user", "ada", "--json").json) == 1
    installation.done("users", "set-password", "ada", stdin="another " + PASSWORD)
    assert installation.done("api-keys", "list", "--user", "ada", "--json").json == []


def test_a_user_who_is_disabled_has_no_session_left_to_come_back_to(installation):
    installation.done("users", "create", "ada", stdin=PASSWORD)
    sign_in(installation, installation.done("users", "show", "ada", "--json").json["id"])
    assert installation.done("users", "disable", "ada").out == "disabled user ada; 1 session ended\n"
    installation.done("users", "enable", "ada")
    assert installation.done("users", "end-sessions", "ada").out == "0 sessions ended\n"


def test_a_user_who_is_disabled_has_no_key_left_to_come_back_with(installation):
    installation.done("users", "create", "ada", stdin=PASSWORD)
    installation.done("resources", "create", "https://orders.example", "--scope", "orders:read")
    wanted = ("api-keys", "create", "nightly", "--user", "ada", "--scope", "orders:read")
    installation.done(*wanted)
    installation.done("users", "disable", "ada")
    assert "disabled" in installation.refused(*wanted)
    installation.done("users", "enable", "ada")
    assert installation.done("api-keys", "list", "--user", "ada", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "password", "fragment"),
    [
        pytest.param(("ada",), "short", "at least 15 characters", id="short"),
        pytest.param(("ada",), "", "at least 15 characters", id="none"),
        pytest.param(("adaadaadaadaada",), "adaadaadaadaada", "your own name", id="own name"),
        pytest.param(("ada@example.com",), PASSWORD, "no @", id="name with @"),
        pytest.param(("ada", "--email", "nobody"), PASSWORD, "address", id="no address"),
        pytest.param(("taken",), PASSWORD, "onflict", id="taken"),
    ],
)
def test_a_user_who_may_not_be_is_refused(installation, arguments, password, fragment):
    installation.done("users", "create", "taken", stdin=PASSWORD)

    assert fragment in installation.refused("users", "create", *arguments, stdin=password + "\n")
    assert len(installation.done("users", "list", "--json").json) == 1


def test_no_command_takes_a_password_as_an_argument(installation):
    assert installation.run("users", "create", "ada", PASSWORD).code == 2
    assert installation.run("users", "create", "ada", "--password", PASSWORD).code == 2


def test_deleting_asks_first(installation):
    installation.done("users", "create", "ada", stdin=PASSWORD)

    assert installation.run("users", "delete", "ada", stdin="n\n").code == 1
    assert installation.done("users", "show", "ada").code == 0
    assert installation.done("users", "delete", "ada", stdin="y\n").code == 0


def test_a_long_list_is_read_in_pages(installation):
    for name in ("ada", "bob", "cyd"):
        installation.done("users", "create", name, stdin=PASSWORD)

    first = installation.done("users", "list", "--json", "--limit", "2").json
    rest = installation.done("users", "list", "--json", "--after", first[-1]["id"]).json
    assert sorted(user["username"] for user in first + rest) == ["ada", "bob", "cyd"]
    assert "no user id" in installation.refused("users", "list", "--after", "ada")
