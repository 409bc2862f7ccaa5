from dataclasses import replace
from uuid import uuid4

import pytest

from authsvc.domain.people.users import User
from authsvc.errors import Conflict
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import DETAILS, LATER, NOW, a_family, a_link, a_session, a_user


def test_a_user_comes_back_as_it_was_added(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    assert unit.users.get(user.id) == user
    assert unit.users.get(uuid4()) is None


def test_a_user_without_address_or_password_comes_back_as_it_was_added(unit: SqlUnitOfWork):
    user = replace(a_user(email=None, verified=False), password_hash=None, name=None, disabled_at=LATER, version=7)
    unit.users.add(user)
    assert unit.users.get(user.id) == user


def test_a_user_with_details_comes_back_as_it_was_added_and_as_it_was_saved(unit: SqlUnitOfWork):
    user = replace(a_user(), details=DETAILS, updated_at=LATER)
    unit.users.add(user)
    assert unit.users.get(user.id) == user
    changed = replace(user, details={"nickname": "Ä"}, updated_at=NOW)
    assert unit.users.save_profile(changed) == replace(changed, version=2) == unit.users.get(user.id)


def test_a_user_is_found_by_canonical_name(unit: SqlUnitOfWork):
    user = a_user("ÄNNE", email=None)
    unit.users.add(user)
    assert unit.users.find_by_login("änne") == user
    assert unit.users.find_by_login("anne") is None


def test_an_address_logs_in_only_once_it_is_verified(unit: SqlUnitOfWork):
    user = a_user(email="Anne@Example.com", verified=False)
    unit.users.add(user)
    assert unit.users.find_by_login("anne@example.com") is None
    assert unit.users.verify_email(user.id, "Anne@Example.com")
    found = unit.users.find_by_login("anne@example.com")
    assert found is not None
    assert found.email_verified


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a\0b@example.com"], ids=["nul", "surrogate", "address"])
def test_text_that_no_column_can_hold_finds_nobody(unit: SqlUnitOfWork, text: str):
    user = a_user()
    unit.users.add(user)
    assert unit.users.find_by_login(text) is None
    assert unit.users.get(user.id) == user


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        pytest.param(a_user("anne", None), a_user("anne", None), id="same name"),
        pytest.param(a_user("anne", None), a_user("ANNE", None), id="name in another case"),
        pytest.param(a_user("anne", None), a_user("ａｎｎｅ", None), id="name in wide letters"),
        pytest.param(a_user("a", "x@example.com"), a_user("b", "X@EXAMPLE.com"), id="verified address"),
    ],
)
def test_a_name_or_verified_address_belongs_to_one(unit: SqlUnitOfWork, taken, wanted):
    unit.users.add(taken)
    with pytest.raises(Conflict):
        unit.users.add(wanted)
    assert unit.users.get(wanted.id) is None


def many(count: int, first: int = 0) -> list[User]:
    return [a_user(f"user-{n}", f"user-{n}@example.com") for n in range(first, first + count)]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_many_users_come_back_as_they_were_added(unit: SqlUnitOfWork, count: int):
    users = [replace(user, details=DETAILS, disabled_at=LATER) for user in many(count)]
    assert unit.users.add_many(users) == {user.id for user in users}
    assert sorted(unit.users.list(None, 1_000), key=str) == sorted(users, key=str)


@pytest.mark.parametrize("count", [3, 150])
def test_of_many_users_those_whose_name_or_verified_address_is_taken_are_left_out(unit: SqlUnitOfWork, count: int):
    unit.users.add_many([a_user("USER-0", None), a_user("else", "USER-1@example.com")])
    unverified = [replace(user, email_verified=False) for user in many(1, first=1)]
    twins = [a_user("user-2", None)]
    users = many(count)
    assert unit.users.add_many(users + twins) == {user.id for user in users[2:]}
    assert unit.users.add_many(unverified) == {unverified[0].id}


@pytest.mark.parametrize("count", [0, 1, 100, 250])
def test_many_users_are_found_by_name_or_verified_address(unit: SqlUnitOfWork, count: int):
    users = many(count)
    unit.users.add_many([*users, a_user("else", "else@example.com"), a_user("other", "user-x@example.com")])
    by_name = {user.username for user in users[::2]}
    by_address = {f"USER-{n}@example.com".casefold() for n in range(1, count, 2)}
    found = unit.users.list_by_logins(by_name | by_address | {"nobody", "nobody@example.com"})
    assert sorted(found, key=str) == sorted(users, key=str)


def test_nobody_is_found_by_an_address_that_is_not_verified(unit: SqlUnitOfWork):
    unit.users.add_many([a_user("anne", "anne@example.com", verified=False)])
    assert unit.users.list_by_logins(["anne@example.com"]) == ()


def test_an_unverified_address_blocks_nobody(unit: SqlUnitOfWork):
    squatter, owner = a_user("a", "x@example.com", verified=False), a_user("b", "x@example.com", verified=False)
    unit.users.add(squatter)
    unit.users.add(owner)
    assert unit.users.verify_email(owner.id, "x@example.com")


def test_one_address_is_verified_for_one_user_only(unit: SqlUnitOfWork):
    first, second = a_user("a", "x@example.com"), a_user("b", "X@example.com", verified=False)
    unit.users.add(first)
    unit.users.add(second)
    with pytest.raises(Conflict):
        unit.users.verify_email(second.id, "X@example.com")


def test_an_address_that_was_changed_meanwhile_is_not_verified(unit: SqlUnitOfWork):
    user = a_user(email="new@example.com", verified=False)
    unit.users.add(user)
    assert not unit.users.verify_email(user.id, "old@example.com")
    assert unit.users.get(user.id) == user


def test_saving_a_profile_gives_the_next_version(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    wanted = replace(user, username="Bea", name=None, email="bea@example.com", email_verified=False)
    saved = unit.users.save_profile(wanted)
    assert saved == replace(wanted, version=user.version + 1)
    assert unit.users.get(user.id) == saved
    assert unit.users.find_by_login("bea") == saved
    assert unit.users.find_by_login("änne") is None
    assert unit.users.find_by_login("anne@example.com") is None


def test_saving_a_profile_leaves_password_and_disabling_alone(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    saved = unit.users.save_profile(replace(user, password_hash="other", disabled_at=LATER))
    assert (saved.password_hash, saved.disabled_at) == (user.password_hash, None)


def test_a_profile_that_was_changed_meanwhile_is_not_saved(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    unit.users.save_profile(replace(user, name="first"))
    with pytest.raises(Conflict):
        unit.users.save_profile(replace(user, name="second"))
    found = unit.users.get(user.id)
    assert found is not None
    assert found.name == "first"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"username": "TAKEN"}, id="name"),
        pytest.param({"email": "Taken@example.com", "email_verified": True}, id="verified address"),
    ],
)
def test_a_profile_cannot_take_what_is_anothers(unit: SqlUnitOfWork, change):
    user = a_user()
    unit.users.add(user)
    unit.users.add(a_user("taken", "taken@example.com"))
    with pytest.raises(Conflict):
        unit.users.save_profile(replace(user, **change))


def test_a_password_hash_is_replaced_only_if_it_is_still_the_old_one(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    assert not unit.users.set_password_hash(user.id, "new", instead_of="other")
    assert not unit.users.set_password_hash(user.id, "new", instead_of=None)
    assert unit.users.set_password_hash(user.id, "new", instead_of=user.password_hash)
    assert unit.users.get(user.id) == replace(user, password_hash="new")


def test_a_first_password_is_set_where_there_is_none(unit: SqlUnitOfWork):
    user = replace(a_user(), password_hash=None)
    unit.users.add(user)
    assert unit.users.set_password_hash(user.id, "new", instead_of=None)
    assert not unit.users.set_password_hash(user.id, "newer", instead_of=None)


def test_a_user_is_disabled_and_enabled_once(unit: SqlUnitOfWork):
    user = a_user()
    unit.users.add(user)
    assert unit.users.disable(user.id, NOW)
    assert not unit.users.disable(user.id, LATER)
    found = unit.users.get(user.id)
    assert found is not None
    assert found.disabled_at == NOW
    assert unit.users.enable(user.id)
    assert not unit.users.enable(user.id)
    assert unit.users.get(user.id) == replace(user, version=3)


def test_users_are_listed_in_pages_without_gaps(unit: SqlUnitOfWork):
    people = [a_user(f"user{number}", None) for number in range(5)]
    for user in people:
        unit.users.add(user)
    first = unit.users.list(None, 3)
    rest = unit.users.list(first[-1].id, 3)
    assert [*first, *rest] == sorted(people, key=lambda user: user.id)


def test_deleting_a_user_deletes_what_hangs_on_it(unit: SqlUnitOfWork):
    user, other = a_user(), a_user("other", None)
    session, others_session = a_session(user), a_session(other)
    family, others_family = a_family(session), a_family(others_session)
    unit.users.add(user)
    unit.users.add(other)
    unit.sessions.add(session)
    unit.sessions.add(others_session)
    unit.families.add(family)
    unit.families.add(others_family)
    unit.links.add(a_link(user.id))
    assert unit.users.delete(user.id)
    assert not unit.users.delete(user.id)
    assert unit.sessions.get(session.id) is None
    assert unit.families.find(family.id) is None
    assert unit.links.consume("link-hash", "reset", NOW) is None
    assert unit.sessions.get(others_session.id) == others_session
    assert unit.families.find(others_family.id) is not None
