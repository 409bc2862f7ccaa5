from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.storage.examples import LATER, NOW, a_delivery
from tests.storage.race import race

MUCH_LATER = LATER + timedelta(hours=1)


def test_a_delivery_that_is_due_is_taken_leased_and_counted(unit: SqlUnitOfWork):
    delivery = a_delivery()
    unit.logout_deliveries.add(delivery)
    assert unit.logout_deliveries.take(NOW, LATER, 10) == (replace(delivery, send_after=LATER, attempts=1),)
    assert unit.logout_deliveries.take(NOW, LATER, 10) == ()
    assert unit.logout_deliveries.take(LATER, MUCH_LATER, 10) == (replace(delivery, send_after=MUCH_LATER, attempts=2),)


def test_a_delivery_is_not_taken_before_its_time(unit: SqlUnitOfWork):
    unit.logout_deliveries.add(a_delivery(send_after=LATER))
    assert unit.logout_deliveries.take(LATER - timedelta(microseconds=1), MUCH_LATER, 10) == ()


def test_no_more_deliveries_are_taken_than_asked_for_the_longest_waiting_first(unit: SqlUnitOfWork):
    times = [NOW + timedelta(seconds=n) for n in range(5)]
    deliveries = [replace(a_delivery(time), created_at=time) for time in times]
    for delivery in reversed(deliveries):
        unit.logout_deliveries.add(delivery)
    taken = unit.logout_deliveries.take(LATER, MUCH_LATER, 3)
    assert [each.id for each in taken] == [each.id for each in deliveries[:3]]


def test_one_client_with_many_deliveries_takes_nobody_elses_place(unit: SqlUnitOfWork):
    for number in range(20):
        unit.logout_deliveries.add(a_delivery(NOW + timedelta(seconds=number)))
    others = [replace(a_delivery(NOW + timedelta(minutes=number)), client_id=f"other{number}") for number in (1, 2, 3)]
    for delivery in (*others, replace(others[0], id=uuid4())):
        unit.logout_deliveries.add(delivery)

    def taken() -> dict[str, int]:
        return Counter(each.client_id for each in unit.logout_deliveries.take(LATER, MUCH_LATER, 8))

    crowd = a_delivery().client_id
    assert taken() == {crowd: 4, "other1": 2, "other2": 1, "other3": 1}
    assert taken() == {crowd: 8}, "no place is left empty for who wants nothing"


def test_a_failed_attempt_is_remembered_and_tried_again_then(unit: SqlUnitOfWork):
    delivery = a_delivery()
    unit.logout_deliveries.add(delivery)
    unit.logout_deliveries.take(NOW, LATER, 10)
    unit.logout_deliveries.postpone(delivery.id, MUCH_LATER, "status 500")
    assert unit.logout_deliveries.take(LATER, MUCH_LATER, 10) == ()
    waiting = replace(delivery, send_after=MUCH_LATER, attempts=1, detail="status 500")
    assert unit.logout_deliveries.list(None, 9) == (waiting,)


def test_a_closed_delivery_is_on_record_and_never_taken_again(storage: Storage, unit: SqlUnitOfWork):
    delivered, failed = a_delivery(), a_delivery()
    for delivery in (delivered, failed):
        unit.logout_deliveries.add(delivery)
    unit.logout_deliveries.close(delivered.id, "delivered", None)
    unit.logout_deliveries.close(failed.id, "failed", "status 400")
    unit.logout_deliveries.close(failed.id, "delivered", None)
    unit.logout_deliveries.postpone(delivered.id, NOW, "late")
    closed = [replace(delivered, outcome="delivered"), replace(failed, outcome="failed", detail="status 400")]
    assert unit.logout_deliveries.list(None, 9) == tuple(sorted(closed, key=lambda each: each.id))
    assert unit.logout_deliveries.take(MUCH_LATER, MUCH_LATER, 10) == ()
    unit.commit()
    assert unit.tenant_id not in storage.tenants_with_logouts(MUCH_LATER)


def test_deliveries_are_listed_in_pages_without_gaps(unit: SqlUnitOfWork):
    deliveries = [a_delivery() for _ in range(5)]
    for delivery in deliveries:
        unit.logout_deliveries.add(delivery)
    first = unit.logout_deliveries.list(None, 3)
    assert [*first, *unit.logout_deliveries.list(first[-1].id, 3)] == sorted(deliveries, key=lambda each: each.id)


def test_whoever_has_a_delivery_due_is_found_in_one_look(storage: Storage, unit: SqlUnitOfWork):
    unit.logout_deliveries.add(a_delivery(send_after=LATER))
    unit.commit()
    assert unit.tenant_id not in storage.tenants_with_logouts(NOW)
    assert unit.tenant_id in storage.tenants_with_logouts(LATER)


def test_parallel_senders_take_each_delivery_once(storage: Storage, unit: SqlUnitOfWork):
    deliveries = [a_delivery() for _ in range(40)]
    for delivery in deliveries:
        unit.logout_deliveries.add(delivery)
    unit.commit()

    def take(_: int) -> list[UUID]:
        own = storage.unit_of_work(unit.tenant_id)
        try:
            own.begin()
            taken = [each.id for each in own.logout_deliveries.take(NOW, LATER, 3)]
            own.commit()
            return taken
        finally:
            own.close()

    taken = [delivery_id for part in race(take, times=60) for delivery_id in part]
    assert sorted(taken) == sorted(each.id for each in deliveries)
