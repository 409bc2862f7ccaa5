from dataclasses import replace

import pytest

from authsvc.errors import Conflict
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, an_issuer

ISSUER = an_issuer().issuer
WITH_KEYS = replace(
    an_issuer("https://b.example"), jwks='{"keys": [ ]}', jwks_uri=None, subjects=frozenset(), audiences=frozenset(),
    subject_claim="email", subject_kind="email", purposes=frozenset({"users", "subjects"}), disabled_at=LATER,
    version=7,
)  # fmt: skip


def test_issuers_come_back_as_they_were_added(unit: SqlUnitOfWork):
    unit.issuers.add(an_issuer())
    unit.issuers.add(WITH_KEYS)
    assert unit.issuers.list() == (WITH_KEYS, an_issuer())
    assert unit.issuers.get(ISSUER) == an_issuer()
    assert unit.issuers.get(WITH_KEYS.issuer) == WITH_KEYS


@pytest.mark.parametrize("text", [ISSUER + "/", ISSUER.upper(), ISSUER + "\0", "\udc80", ""])
def test_a_name_that_only_resembles_an_issuers_finds_none(unit: SqlUnitOfWork, text: str):
    unit.issuers.add(an_issuer())
    assert unit.issuers.get(text) is None


def test_an_issuer_is_registered_once(unit: SqlUnitOfWork):
    unit.issuers.add(an_issuer())
    with pytest.raises(Conflict):
        unit.issuers.add(replace(an_issuer(), name="Another"))
    assert unit.issuers.list() == (an_issuer(),)


def test_saving_an_issuer_gives_the_next_version(unit: SqlUnitOfWork):
    unit.issuers.add(an_issuer())
    wanted = replace(
        WITH_KEYS, issuer=ISSUER, name="New", version=1, max_token_seconds=9, algorithms=frozenset({"PS256"})
    )
    wanted = replace(wanted, created_at=NOW)
    assert unit.issuers.save(wanted) == replace(wanted, version=2)
    assert unit.issuers.get(ISSUER) == replace(wanted, version=2)


def test_an_issuer_that_was_changed_meanwhile_is_not_saved(unit: SqlUnitOfWork):
    unit.issuers.add(an_issuer())
    unit.issuers.disable(ISSUER, NOW)
    with pytest.raises(Conflict):
        unit.issuers.save(replace(an_issuer(), name="stale"))


def test_an_issuer_is_disabled_enabled_and_deleted_once(unit: SqlUnitOfWork):
    unit.issuers.add(an_issuer())
    assert [unit.issuers.disable(ISSUER, NOW), unit.issuers.disable(ISSUER, LATER)] == [True, False]
    assert unit.issuers.get(ISSUER) == replace(an_issuer(), disabled_at=NOW, version=2)
    assert [unit.issuers.enable(ISSUER), unit.issuers.enable(ISSUER)] == [True, False]
    assert [unit.issuers.delete(ISSUER), unit.issuers.delete(ISSUER)] == [True, False]
    assert unit.issuers.list() == ()
