from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_link, a_user
from tests.storage.race import race


@pytest.fixture
def user_id(unit: SqlUnitOfWork) -> UUID:
    user = a_user()
    unit.users.add(user)
    return user.id


def test_a_link_is_used_once(unit: SqlUnitOfWork, user_id: UUID):
    unit.links.add(a_link(user_id))
    assert unit.links.consume("link-hash", "reset", NOW) == a_link(user_id)
    assert unit.links.consume("link-hash", "reset", NOW) is None


def test_a_link_is_found_and_stays_also_when_it_has_expired(unit: SqlUnitOfWork, user_id: UUID):
    unit.links.add(replace(a_link(user_id), expires_at=NOW))
    for _ in range(2):
        assert unit.links.find("link-hash", "reset") == replace(a_link(user_id), expires_at=NOW)
    assert unit.links.find("link-hash", "confirm") is None
    assert unit.links.find("link-hasj", "reset") is None


@pytest.mark.parametrize(
    ("secret_hash", "purpose", "now"),
    [
        pytest.param("link-hasj", "reset", NOW, id="another secret"),
        pytest.param("link-hash", "confirm", NOW, id="another purpose"),
        pytest.param("link-hash", "reset", LATER, id="expired, to the microsecond"),
        pytest.param("link-hash", "reset", LATER + timedelta(days=1), id="expired a day ago"),
    ],
)
def test_a_link_is_neither_found_nor_used_up_by(unit: SqlUnitOfWork, user_id: UUID, secret_hash, purpose, now):
    unit.links.add(a_link(user_id))
    assert unit.links.consume(secret_hash, purpose, now) is None
    assert unit.links.consume("link-hash", "reset", NOW) == a_link(user_id)


def test_a_new_link_replaces_the_users_earlier_one_of_its_purpose_alone(unit: SqlUnitOfWork, user_id: UUID):
    somebody = a_user("somebody", None)
    unit.users.add(somebody)
    unit.links.add(a_link(user_id))
    unit.links.add(a_link(user_id, "confirm", "confirm-hash"))
    unit.links.add(a_link(somebody.id, "reset", "others-hash"))
    newer = replace(a_link(user_id, secret_hash="new-hash"), email="new@example.com")
    unit.links.add(newer)
    assert unit.links.consume("link-hash", "reset", NOW) is None
    assert unit.links.consume("new-hash", "reset", NOW) == newer
    assert unit.links.consume("confirm-hash", "confirm", NOW) is not None
    assert unit.links.consume("others-hash", "reset", NOW) is not None


def test_a_link_for_someone_who_is_no_user_yet_replaces_the_addresss_earlier_one(unit: SqlUnitOfWork):
    first = replace(a_link(uuid4(), "register"), user_id=None, payload_encrypted=b"\x00first")
    other = replace(first, email="other@example.com", secret_hash="other-hash")
    second = replace(first, email="ANNE@example.com", secret_hash="second-hash", payload_encrypted=b"second")
    for link in (first, other, second):
        unit.links.add(link)
    assert unit.links.consume("link-hash", "register", NOW) is None
    assert unit.links.consume("other-hash", "register", NOW) == other
    assert unit.links.consume("second-hash", "register", NOW) == second


def test_a_discarded_link_is_gone_and_those_of_other_purposes_stay(unit: SqlUnitOfWork, user_id: UUID):
    unit.links.add(a_link(user_id))
    unit.links.add(a_link(user_id, "confirm", "confirm-hash"))
    unit.links.discard(user_id, "reset")
    unit.links.discard(user_id, "reset")
    assert unit.links.consume("link-hash", "reset", NOW) is None
    assert unit.links.consume("confirm-hash", "confirm", NOW) is not None


def test_a_link_needs_its_user(unit: SqlUnitOfWork):
    with pytest.raises(Conflict):
        unit.links.add(a_link(a_user().id))


def test_of_64_parallel_uses_of_a_link_one_wins(storage: Storage, tenant_id: UUID, unit: SqlUnitOfWork, user_id: UUID):
    unit.links.add(a_link(user_id))
    unit.commit()

    def use(_: int) -> bool:
        own = storage.unit_of_work(tenant_id)
        try:
            own.begin()
            found = own.links.consume("link-hash", "reset", NOW)
            own.commit()
            return found is not None
        finally:
            own.close()

    assert race(use, times=64).count(True) == 1
