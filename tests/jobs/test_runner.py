import threading

import pytest

from authsvc.errors import StorageUnavailable
from authsvc.jobs.lease import RENEW_SECONDS
from authsvc.jobs.runner import Job, Runner
from tests.jobs.test_lease import Monotonic


@pytest.fixture
def monotonic():
    return Monotonic()


class Counted:
    """A job that counts its runs, and does as `outcomes` says."""

    def __init__(self, *outcomes: bool | Exception) -> None:
        self.outcomes = list(outcomes)
        self.runs = 0

    def __call__(self, stopping: threading.Event) -> bool:
        self.runs += 1
        outcome = self.outcomes.pop(0) if self.outcomes else False
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def make(storage, clock, monotonic, *jobs: Job) -> Runner:
    runner = Runner(storage, clock, monotonic)
    runner.assign(jobs)
    return runner


def test_a_job_runs_when_it_is_due_and_not_before(storage, clock, monotonic):
    work = Counted()
    runner = make(storage, clock, monotonic, Job("work", 100, work))
    assert runner.step() == RENEW_SECONDS
    assert runner.step() == RENEW_SECONDS
    assert work.runs == 1
    monotonic.seconds += 100
    runner.step()
    assert work.runs == 2


def test_nothing_runs_on_a_node_without_the_lease(storage, clock, monotonic):
    leader, other, work = make(storage, clock, monotonic, Job("a", 1, Counted())), Counted(), Counted()
    leader.step()
    standby = make(storage, clock, monotonic, Job("work", 1, work), Job("other", 1, other))
    standby.step()
    assert (work.runs, other.runs) == (0, 0)
    standby.wake("work")
    standby.step()
    assert (work.runs, other.runs) == (1, 0)


def test_a_new_leader_does_every_job_at_once(storage, clock, monotonic):
    first, work = make(storage, clock, monotonic), Counted()
    first.step()
    second = make(storage, clock, monotonic, Job("work", 1_000_000, work))
    second.step()
    assert work.runs == 0
    clock.move(seconds=61)
    monotonic.seconds += 61
    second.step()
    assert work.runs == 1


def test_a_job_with_more_to_do_runs_again_at_once(storage, clock, monotonic):
    work = Counted(True, True, False)
    runner = make(storage, clock, monotonic, Job("work", 100, work))
    assert (runner.step(), runner.step(), runner.step()) == (0.0, 0.0, RENEW_SECONDS)
    assert work.runs == 3


def test_a_failing_job_is_tried_again_later_each_time_and_stops_no_other(storage, clock, monotonic):
    failing, other = Counted(*[ValueError("x")] * 3), Counted()
    runner = make(storage, clock, monotonic, Job("failing", 1, failing), Job("other", 1, other))
    waits = []
    for _ in range(3):
        waits.append(runner.step())
        monotonic.seconds += 20
        clock.move(seconds=20)
    assert failing.runs == 3
    assert other.runs == 3
    monotonic.seconds += 1
    runner.step()
    assert failing.runs == 4


def test_a_job_whose_database_goes_away_is_no_error_but_tried_again(storage, clock, monotonic, caplog):
    job = Counted(StorageUnavailable("away"))
    runner = make(storage, clock, monotonic, Job("job", 1, job))
    runner.step()
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]
    monotonic.seconds += 20
    clock.move(seconds=20)
    runner.step()
    assert job.runs == 2


def test_a_database_that_is_away_ends_nothing(storage, clock, monotonic, monkeypatch):
    def away(*args):
        raise StorageUnavailable

    work = Counted()
    runner = make(storage, clock, monotonic, Job("work", 1, work))
    with monkeypatch.context() as patched:
        patched.setattr(storage, "lease", away, raising=False)
        runner.step()
    assert work.runs == 0
    monotonic.seconds += RENEW_SECONDS
    runner.step()
    assert work.runs == 1


def test_the_thread_wakes_for_a_job_and_stops_promptly(storage, clock, monkeypatch):
    monkeypatch.setattr("authsvc.jobs.runner.STOP_SECONDS", 60.0)
    done = threading.Event()

    def work(stopping: threading.Event) -> bool:
        done.set()
        return False

    runner = Runner(storage, clock)
    runner.start((Job("work", 3_600, work),))
    assert done.wait(60)
    done.clear()
    runner.wake("work")
    assert done.wait(60)
    runner.stop()
    assert runner._thread is not None
    assert not runner._thread.is_alive()


def test_a_stopped_holder_leaves_the_lease_to_the_next(storage, clock, monkeypatch):
    monkeypatch.setattr("authsvc.jobs.runner.STOP_SECONDS", 60.0)
    taken = threading.Event()
    first = Runner(storage, clock)
    first.start((Job("work", 3_600, lambda _: bool(taken.set())),))  # type: ignore[func-returns-value]
    assert taken.wait(60)
    first.stop()
    assert storage.lease("jobs", "another", clock(), 10)
