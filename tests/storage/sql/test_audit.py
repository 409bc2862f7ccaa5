from dataclasses import replace
from datetime import timedelta

from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, an_event


def test_what_a_request_did_comes_back_in_order(unit: SqlUnitOfWork):
    second, first = an_event(at=LATER), an_event(at=NOW)
    bare = replace(an_event(at=NOW + timedelta(seconds=1)), rule=None, client_id=None, user_id=None, address=None)
    for event in (second, first, bare, an_event("request-2")):
        unit.audit.add(event)
    assert unit.audit.find_request("request-1") == (first, bare, second)
    assert unit.audit.find_request("request-3") == ()


def test_an_event_is_written_whatever_was_presented(unit: SqlUnitOfWork):
    event = an_event()
    unit.audit.add(replace(event, client_id="a\0b", detail="half \ud83d of a pair"))
    assert unit.audit.find_request("request-1") == (replace(event, client_id="a?b", detail="half ? of a pair"),)
