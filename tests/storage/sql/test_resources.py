from dataclasses import replace

import pytest

from authsvc.errors import Conflict
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_resource


def test_resources_come_back_as_they_were_added(unit: SqlUnitOfWork):
    full = replace(
        a_resource("https://b.example"), access_token_seconds=60, disabled_at=LATER, version=9, token_format="opaque"
    )
    unit.resources.add(full)
    unit.resources.add(a_resource("https://a.example"))
    assert unit.resources.list() == (a_resource("https://a.example"), full)


def test_an_audience_belongs_to_one_resource(unit: SqlUnitOfWork):
    unit.resources.add(a_resource())
    with pytest.raises(Conflict):
        unit.resources.add(replace(a_resource(), name="Another"))
    assert unit.resources.list() == (a_resource(),)


def test_saving_a_resource_gives_the_next_version(unit: SqlUnitOfWork):
    unit.resources.add(a_resource())
    wanted = replace(
        a_resource(),
        name="New",
        scopes=frozenset(),
        algorithm="EdDSA",
        access_token_seconds=5,
        disabled_at=NOW,
        token_format="opaque",
    )
    assert unit.resources.save(wanted) == replace(wanted, version=2)
    assert unit.resources.list() == (replace(wanted, version=2),)


def test_a_resource_that_was_changed_meanwhile_is_not_saved(unit: SqlUnitOfWork):
    unit.resources.add(a_resource())
    unit.resources.disable("https://api.example", NOW)
    with pytest.raises(Conflict):
        unit.resources.save(replace(a_resource(), name="stale"))


def test_a_resource_is_disabled_enabled_and_deleted_once(unit: SqlUnitOfWork):
    audience = a_resource().audience
    unit.resources.add(a_resource())
    assert [unit.resources.disable(audience, NOW), unit.resources.disable(audience, LATER)] == [True, False]
    assert unit.resources.list() == (replace(a_resource(), disabled_at=NOW, version=2),)
    assert [unit.resources.enable(audience), unit.resources.enable(audience)] == [True, False]
    assert [unit.resources.delete(audience), unit.resources.delete(audience)] == [True, False]
    assert unit.resources.list() == ()
