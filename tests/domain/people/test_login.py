"""The check of a sign-in on real stores: its order is security (THREATS C, issue 2)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from authsvc.crypto import passwords
from authsvc.crypto.passwords import hash_password
from authsvc.domain.people import login
from authsvc.domain.people.lockout import LockoutPolicy, Schedule, Throttled, reservations
from authsvc.domain.people.login import AccountDisabled, BadCredentials, PasswordAttempt
from authsvc.domain.people.users import User
from authsvc.errors import AuthsvcError
from authsvc.storage.sql.engine import Storage, open_storage
from tests.flows.processes import at_once

NOW = datetime(2026, 3, 4, tzinfo=UTC)
TENANT = uuid4()
POLICY = LockoutPolicy(Schedule(3, 30, 900, 3_600), Schedule(20, 30, 900, 3_600))
PASSWORD = "fourteen purple lanterns"


class Permit:
    """Notes whether it was given back."""

    def __init__(self) -> None:
        self.releases = 0

    def release(self) -> None:
        self.releases += 1


@pytest.fixture
def storage(migrated_url: str) -> Iterator[Storage]:
    opened = open_storage(migrated_url, pool_size=24, cache=None)
    uow = opened.unit_of_work(TENANT)
    uow.begin()
    alice = User(uuid4(), "alice", "alice@example.com", True, None, hash_password(PASSWORD), NOW)
    uow.users.add(alice)
    uow.users.add(replace(alice, id=uuid4(), username="dora", email=None, disabled_at=NOW))
    uow.users.add(replace(alice, id=uuid4(), username="nopassword", email=None, password_hash=None))
    uow.commit()
    uow.close()
    yield opened
    opened.close()


def attempt(storage: Storage, name: str, password: str, permit: Permit | None = None) -> str:
    """The name of the rule that refused, or "" """
    uow = storage.unit_of_work(TENANT)
    asked = PasswordAttempt(name, password, "192.0.2.1")
    try:
        login.check_password(asked, uow.users, uow.attempts, permit or Permit(), POLICY, NOW)
    except AuthsvcError as error:
        return error.rule
    finally:
        uow.close()
    return ""


@pytest.mark.parametrize(
    ("name", "password"), [("nobody", "x"), ("nopassword", "x"), ("alice", "p" * 5_000), ("nobody", "p" * 5_000)]
)
def test_where_nothing_can_be_compared_a_hash_is_spent_all_the_same(
    storage: Storage, name: str, password: str, monkeypatch: pytest.MonkeyPatch
):
    spent: list[str] = []
    monkeypatch.setattr(passwords, "verify_dummy", spent.append)
    assert attempt(storage, name, password) == BadCredentials.rule
    assert len(spent) == 1


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_parallel_guesses_are_all_counted_before_any_is_looked_at(storage: Storage, name: str):
    rules = at_once([lambda: attempt(storage, name, "wrong") for _ in range(20)])
    assert (rules.count(BadCredentials.rule), rules.count(Throttled.rule)) == (3, 17)


def test_the_throttled_password_is_not_looked_at(storage: Storage):
    for _ in range(3):
        attempt(storage, "alice", "wrong")
    permit = Permit()
    assert attempt(storage, "alice", PASSWORD, permit) == Throttled.rule
    assert permit.releases == 0, "no hash was made: the permit is the edge's to give back"


@pytest.mark.parametrize(
    ("name", "password", "rule"),
    [
        pytest.param("alice", PASSWORD, "", id="right"),
        pytest.param("alice", "wrong", BadCredentials.rule, id="wrong"),
        pytest.param("alice", "", BadCredentials.rule, id="empty"),
        pytest.param("alice", PASSWORD + "\x00", BadCredentials.rule, id="with NUL"),
        pytest.param("alice", PASSWORD * 100, BadCredentials.rule, id="overlong"),
        pytest.param("nobody", PASSWORD, BadCredentials.rule, id="unknown"),
        pytest.param("nopassword", "", BadCredentials.rule, id="a person without a password"),
        pytest.param("dora", "wrong", BadCredentials.rule, id="disabled, wrong"),
        pytest.param("dora", PASSWORD, AccountDisabled.rule, id="disabled, right"),
    ],
)
def test_the_permit_is_given_back_whatever_comes_out(storage: Storage, name: str, password: str, rule: str):
    permit = Permit()
    assert attempt(storage, name, password, permit) == rule
    assert permit.releases == 1


def test_one_counter_for_one_person_and_no_name_in_it():
    person = uuid4()
    pair, account = reservations(person, "192.0.2.1", POLICY)
    assert reservations(person, "192.0.2.1", POLICY) == (pair, account)
    assert reservations(person, "192.0.2.2", POLICY)[1] == account
    assert reservations(person, "192.0.2.2", POLICY)[0] != pair
    assert "alice" not in reservations("alice", "192.0.2.1", POLICY)[0].key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
    ],
)
def test_an_ipv6_subscriber_is_one_address(one, other, same):
    keys = [reservations("x", address, POLICY)[0].key for address in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_delays_double_up_to_the_longest():
    assert Schedule(2, 30, 100, 3_600).delays() == ((2, 30), (3, 60), (4, 100))
    assert Schedule(2, 900, 100, 3_600).delays() == ((2, 100),)


def _user(**changed: object) -> User:
    return replace(User(uuid4(), "x", None, False, None, None, NOW), **changed)  # type: ignore[arg-type]


THREE = (
    login.Step("password", ("pwd",), lambda _: True),
    login.Step("code", ("otp",), lambda user: user.username == "strong"),
    login.Step("key", ("hwk", "user"), lambda user: user.username == "strong"),
)


@pytest.mark.parametrize(
    ("username", "order", "expected"),
    [
        pytest.param("weak", ("password",), ("pwd",), id="one step is all"),
        pytest.param("strong", ("password", "code", "key"), ("pwd", "otp", "hwk", "user"), id="three in their order"),
        pytest.param("strong", ("password",), None, id="not yet"),
        pytest.param("strong", ("password", "key"), None, id="one left out"),
        pytest.param("strong", ("code", "password", "key"), None, id="the second first"),
        pytest.param("strong", ("password", "password", "password"), None, id="one three times"),
        pytest.param("strong", (), None, id="none"),
        pytest.param("weak", ("code",), None, id="one that is not asked of them"),
        pytest.param("strong", ("password", "", "unheard of"), None, id="steps that there are not"),
    ],
)
def test_a_sign_in_takes_every_step_that_is_wanted_once_and_in_order(monkeypatch, username, order, expected):
    monkeypatch.setattr(login, "STEPS", THREE)
    user, progress = _user(username=username), login.BEGUN
    for step in order:
        try:
            progress = login.advance(progress, step, user)
        except login.OutOfTurn:
            continue
    if expected is None:
        with pytest.raises(login.OutOfTurn):
            login.means_of(progress, user)
    else:
        assert login.means_of(progress, user) == expected


def test_a_step_of_another_person_proves_nothing(monkeypatch):
    monkeypatch.setattr(login, "STEPS", THREE)
    mine, theirs = _user(username="strong"), _user(username="strong")
    progress = login.advance(login.BEGUN, "password", mine)
    for step in ("password", "code"):
        with pytest.raises(login.OutOfTurn):
            login.advance(progress, step, theirs)
    with pytest.raises(login.OutOfTurn):
        login.means_of(progress, theirs)
    assert login.next_step(progress, theirs) == "password"
    assert login.next_step(progress, mine) == "code"
