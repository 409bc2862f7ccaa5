from dataclasses import replace
from uuid import uuid4

import pytest

from authsvc.domain.sign_in.continuations import ACCOUNT
from authsvc.errors import Conflict
from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import a_continuation
from tests.storage.race import race

ERRAND = a_continuation()
ACCOUNT_VISIT = replace(
    ERRAND, handle_hash="account-hash", browser_hash=None, purpose=ACCOUNT, client_id=None, parameters={},
    session_id=uuid4(), done=frozenset({"login", "consent"}), denied=True, version=4,
)  # fmt: skip


@pytest.mark.parametrize("errand", [ERRAND, ACCOUNT_VISIT], ids=["authorize", "account"])
def test_a_continuation_comes_back_as_it_was_added(unit: SqlUnitOfWork, errand):
    unit.continuations.add(errand)
    assert unit.continuations.find(errand.handle_hash) == errand
    for other in ("handle-hasH", "", "nul\0", "\udc80"):
        assert unit.continuations.find(other) is None


def test_saving_writes_what_may_change_and_gives_the_next_version(unit: SqlUnitOfWork):
    unit.continuations.add(ERRAND)
    wanted = replace(
        ERRAND, browser_hash="bound", session_id=uuid4(), done=frozenset({"login"}), denied=True, client_id="evil",
        parameters={"client_id": ("evil",)}, purpose=ACCOUNT,
    )  # fmt: skip
    assert unit.continuations.save(wanted) == replace(wanted, version=2)
    kept = replace(
        wanted, client_id="shop", parameters=ERRAND.parameters, purpose=ERRAND.purpose, version=2
    )  # fmt: skip
    assert unit.continuations.find("handle-hash") == kept


def test_a_stale_change_is_refused(unit: SqlUnitOfWork):
    unit.continuations.add(ERRAND)
    unit.continuations.save(replace(ERRAND, done=frozenset({"login"})))
    with pytest.raises(Conflict):
        unit.continuations.save(replace(ERRAND, done=frozenset({"consent"})))
    found = unit.continuations.find("handle-hash")
    assert found is not None
    assert found.done == {"login"}


def test_a_finished_continuation_is_gone(unit: SqlUnitOfWork):
    unit.continuations.add(ERRAND)
    unit.continuations.add(ACCOUNT_VISIT)
    assert [unit.continuations.finish("handle-hash"), unit.continuations.finish("handle-hash")] == [True, False]
    assert unit.continuations.find("handle-hash") is None
    with pytest.raises(Conflict):
        unit.continuations.save(ERRAND)
    assert unit.continuations.find("account-hash") == ACCOUNT_VISIT


def test_of_64_parallel_ends_of_a_continuation_one_wins(storage: Storage, unit: SqlUnitOfWork):
    unit.continuations.add(ERRAND)
    unit.commit()

    def finish(_: int) -> bool:
        own = storage.unit_of_work(unit.tenant_id)
        try:
            own.begin()
            won = own.continuations.finish("handle-hash")
            own.commit()
            return won
        finally:
            own.close()

    assert race(finish, times=64).count(True) == 1
