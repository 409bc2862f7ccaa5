import io
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from authsvc.crypto.passwords import hash_password, verify_password
from authsvc.domain.people.user_import import (
    BATCH,
    Newcomer,
    Outcome,
    check_rows,
    in_batches,
    store_batch,
)
from authsvc.domain.people.user_imports import RefusedRow
from authsvc.domain.people.user_rows import CSV, FileUnreadable, Row, read_rows
from authsvc.domain.people.users import User
from authsvc.storage.sql.engine import open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from authsvc.storage.sql.users import SqlUsers

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BCRYPT = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"


def checked(*rows: dict[str, object]) -> list[Newcomer | RefusedRow]:
    return list(check_rows((Row(line, values) for line, values in enumerate(rows, 1)), NOW))


def test_a_row_becomes_the_user_that_it_describes():
    (row,) = checked(
        {
            "username": "Ada", "email": "Ada@EXAMPLE.com", "email_verified": True, "name": "Ada L.", "disabled": "True",
            "given_name": "Ada", "locale": "en-GB", "password_hash": BCRYPT,
        }
    )  # fmt: skip
    assert isinstance(row, Newcomer)
    assert row.user == User(
        row.user.id,
        "Ada",
        "Ada@example.com",
        True,
        "Ada L.",
        BCRYPT,
        NOW,
        NOW,
        1,
        {"given_name": "Ada", "locale": "en-GB"},
    )
    assert row.user.id.version == 4


def test_a_row_needs_no_more_than_a_name():
    (row,) = checked({"username": "ada", "email": None, "disabled": "false"})
    assert isinstance(row, Newcomer)
    assert row.user == User(row.user.id, "ada", None, False, None, None, NOW)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({}, "username: 1 to 64 letters", id="no name"),
        pytest.param({"username": "a@secret"}, "username: 1 to 64 letters", id="name with @"),
        pytest.param({"username": "a\0secret"}, "username: 1 to 64 letters", id="NUL"),
        pytest.param({"username": 7}, "username: a text", id="name that is no text"),
        pytest.param({"username": "a", "email": "secret"}, "email: an address such as", id="address"),
        pytest.param({"username": "a", "email": ["secret"]}, "email: a text", id="address that is no text"),
        pytest.param({"username": "a", "email_verified": True}, "verified: there is no address", id="none verified"),
        pytest.param({"username": "a", "email_verified": "secret"}, "email_verified: true or false", id="verified"),
        pytest.param({"username": "a", "disabled": 1}, "disabled: true or false", id="disabled"),
        pytest.param({"username": "a", "name": "secret\n"}, "name: 1 to 200 printable", id="line break"),
        pytest.param({"username": "a", "locale": "secret!"}, "locale: a language such as", id="language"),
        pytest.param({"username": "a", "password": "secret"}, "a field: is none of disabled, email", id="password"),
        pytest.param({"username": "a", "secret": 1}, "a field: is none of disabled, email", id="unknown field"),
        pytest.param({"username": "a", "password_hash": "secret"}, "password_hash: unknown or malformed", id="hash"),
        pytest.param({"username": "a", "password_hash": ""}, "password_hash: unknown or malformed", id="empty hash"),
        pytest.param(
            {"username": "a", "password_hash": "$2b$31$secretPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"},
            "password_hash: the cost of the bcrypt hash is out of bounds", id="costly hash",
        ),
        pytest.param({"username": "@", "email": "secret"}, "; email:", id="two problems"),
    ],
)  # fmt: skip
def test_a_row_that_describes_no_user_is_refused_without_being_quoted(values: dict[str, object], reason: str):
    (row,) = checked(values)
    assert isinstance(row, RefusedRow)
    assert reason in row.reason
    assert "secret" not in row.reason


def test_batches_are_given_up_to_the_fault_of_the_file():
    octets = b"username\n" + b"".join(b"u%d\n" % n for n in range(BATCH + 2)) + b'"open\n'
    batches = in_batches(check_rows(read_rows(io.BytesIO(octets), CSV), NOW))
    assert [len(next(batches)) for _ in range(2)] == [BATCH, 2]
    with pytest.raises(FileUnreadable):
        next(batches)


@pytest.fixture
def unit(tmp_path) -> Iterator[SqlUnitOfWork]:
    url = f"sqlite:///{tmp_path}/authsvc.db"
    migrate(url)
    storage = open_storage(url, pool_size=1, cache=None)
    opened = storage.unit_of_work(UUID(int=1))
    opened.begin()
    yield opened
    opened.close()
    storage.close()


ADA: dict[str, object] = {"username": "ada", "email": "a@example.com", "email_verified": True, "password_hash": BCRYPT}


def test_a_batch_is_stored_and_passed_over_the_second_time(unit: SqlUnitOfWork):
    rows: list[dict[str, object]] = [ADA, {"username": "b@d"}, {"username": "bob"}]
    first = store_batch(checked(*rows), unit.users)
    assert (first.last_line, first.added, first.unchanged, [row.line for row in first.refused]) == (3, 2, 0, [2])
    second = store_batch(checked(*rows), unit.users)
    assert (second.added, second.unchanged, second.refused) == (0, 2, first.refused)
    assert {user.username for user in unit.users.list(None, 9)} == {"ada", "bob"}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(ADA | {"username": "ADA"}, "with another username", id="name in another case"),
        pytest.param(
            ADA | {"email": None, "email_verified": False}, "with another email, email_verified", id="address"
        ),
        pytest.param(ADA | {"password_hash": None}, "with another password_hash", id="password"),
        pytest.param(ADA | {"nickname": "a"}, "with another details", id="details"),
        pytest.param(ADA | {"disabled": True}, "with another disabled", id="disabled"),
        pytest.param(ADA | {"username": "eve"}, "email: another user has this address", id="address of another"),
    ],
)
def test_nobody_who_is_here_is_changed_or_joined(unit: SqlUnitOfWork, row, reason: str, dry_run: bool):
    store_batch(checked(ADA), unit.users)
    before = unit.users.list(None, 9)
    outcome = store_batch(checked(row), unit.users, dry_run=dry_run)
    assert (outcome.added, outcome.unchanged) == (0, 0)
    assert reason in outcome.refused[0].reason
    assert unit.users.list(None, 9) == before


def test_an_unverified_address_of_somebody_else_is_no_obstacle(unit: SqlUnitOfWork):
    store_batch(checked(ADA), unit.users)
    assert store_batch(checked({"username": "eve", "email": "a@example.com"}), unit.users).added == 1


@pytest.mark.parametrize("dry_run", [False, True])
def test_of_two_rows_of_one_name_the_first_is_taken(unit: SqlUnitOfWork, dry_run: bool):
    rows = checked(ADA, ADA | {"name": "Ada"}, ADA, {"username": "bob"})
    outcome = store_batch(rows, unit.users, dry_run=dry_run)
    assert (outcome.added, outcome.unchanged, [row.line for row in outcome.refused]) == (2, 1, [2])


def test_a_dry_run_stores_nothing(unit: SqlUnitOfWork):
    outcome = store_batch(checked(ADA, {"username": "@"}), unit.users, dry_run=True)
    assert outcome == Outcome(2, 1, 0, outcome.refused)
    assert len(outcome.refused) == 1
    assert unit.users.list(None, 9) == ()


class GoneAgain(SqlUsers):
    """Users among whom somebody had the name when the row was to be added, and is gone when one looks."""

    def list_by_logins(self, canonical: Collection[str]) -> tuple[User, ...]:
        return ()


def test_a_row_that_lost_a_race_is_refused_and_can_be_repeated(unit: SqlUnitOfWork):
    store_batch(checked(ADA), unit.users)
    outcome = store_batch(checked(ADA), GoneAgain(unit._work, unit.tenant_id))
    assert (outcome.added, outcome.unchanged) == (0, 0)
    assert "import the row again" in outcome.refused[0].reason


def test_a_hash_with_commas_is_taken_as_it_is(unit: SqlUnitOfWork):
    file = io.BytesIO(f'username,password_hash\nada,"{hash_password("a password")}"\n'.encode())
    (row,) = check_rows(read_rows(file, CSV), NOW)
    store_batch([row], unit.users)
    (user,) = unit.users.list(None, 1)
    assert user.password_hash is not None
    assert verify_password("a password", user.password_hash)
