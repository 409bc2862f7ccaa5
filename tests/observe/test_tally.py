import threading
import time

from prometheus_client import Counter, Gauge

from authsvc.observe.tally import Tally


def _until(reached) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _flushing() -> int:
    return sum(thread.name == "metrics" for thread in threading.enumerate())


def test_additions_of_many_threads_add_up() -> None:
    tally, counter, gauge = Tally(), Counter("a", "a", registry=None), Gauge("b", "b", registry=None)

    def work() -> None:
        for n in range(5000):
            tally.add(counter)
            tally.put(gauge, n)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.close()
    assert counter._value.get() == 20_000
    assert gauge._value.get() == 4999


def test_what_came_in_is_flushed_without_being_asked_again_and_again() -> None:
    tally, counter = Tally(), Counter("a", "a", registry=None)
    for expected in (1, 2):
        tally.add(counter)
        _until(lambda expected=expected: counter._value.get() == expected)
    tally.close()


def test_an_idle_tally_has_no_thread_and_a_closed_one_neither() -> None:
    before = _flushing()
    tally = Tally()
    assert _flushing() == before
    tally.add(Counter("a", "a", registry=None))
    assert _flushing() == before + 1
    tally.close()
    tally.add(counter := Counter("a", "a", registry=None))
    assert _flushing() == before
    tally.flush()
    assert counter._value.get() == 1
