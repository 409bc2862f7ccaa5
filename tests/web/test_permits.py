"""Permits: as many hashes as cores; turns: one sign-in per name and caller."""

import asyncio
from typing import Any

import pytest

from authsvc.web import rush
from authsvc.web.permits import HIGH, Permits, Turns
from authsvc.web.rush import Overloaded


def test_no_more_hash_at_once_than_there_are_permits():
    async def crowd() -> int:
        permits, most, now = Permits(2, 50, 60), 0, 0

        async def hash_one() -> None:
            nonlocal most, now
            permit = await permits.take()
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1
            permit.release()
            permit.release()
            await asyncio.sleep(0)

        await asyncio.gather(*(hash_one() for _ in range(40)))
        return most

    assert asyncio.run(crowd()) == 2


def test_too_many_who_wait_for_a_permit_are_refused():
    async def crowd() -> list[Any]:
        permits = Permits(1, 2, 0.05)
        await permits.take()
        return await asyncio.gather(*(permits.take() for _ in range(5)), return_exceptions=True)

    assert all(isinstance(answer, Overloaded) for answer in asyncio.run(crowd()))


def test_one_key_has_one_turn_at_a_time_and_others_do_not_wait():
    async def crowd() -> tuple[int, int]:
        turns, inside, most = Turns(60), {"a": 0, "b": 0}, {"a": 0, "both": 0}

        async def enter(key: str) -> None:
            async with turns.of(key):
                inside[key] += 1
                most["a"] = max(most["a"], inside["a"])
                most["both"] = max(most["both"], inside["a"] + inside["b"])
                await asyncio.sleep(0.002)
                inside[key] -= 1

        await asyncio.gather(*(enter(key) for key in "ab" * 10))
        assert not turns._turns, "nothing is remembered of names that nobody signs in"
        return most["a"], most["both"]

    assert asyncio.run(crowd()) == (1, 2)


def test_whoever_waits_too_long_for_a_turn_is_refused():
    async def two() -> None:
        turns = Turns(0.02)
        async with turns.of("a"):
            with pytest.raises(Overloaded):
                async with turns.of("a"):
                    pass

    asyncio.run(two())


def test_too_many_who_wait_for_one_turn_are_refused_at_once():
    async def crowd() -> list[Any]:
        turns, gate = Turns(5, queue_length=3), asyncio.Event()

        async def enter(key: str) -> str:
            async with turns.of(key):
                await gate.wait()
            return key

        entering = [asyncio.create_task(enter(key)) for key in ["a"] * 10 + ["b"]]
        await asyncio.sleep(0)
        refused = [task for task in entering if task.done()]
        gate.set()
        answers = await asyncio.gather(*entering, return_exceptions=True)
        assert len(refused) == 6
        assert not turns._turns
        return answers

    answers = asyncio.run(crowd())
    assert [answer for answer in answers if not isinstance(answer, Overloaded)] == ["a"] * 4 + ["b"]


def test_what_takes_too_long_within_a_turn_is_no_turn_that_did():
    async def slow() -> None:
        async with Turns(60).of("a"):
            raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(slow())


def test_after_an_overload_bursts_are_served_for_which_there_is_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rush, "COUNT_SECONDS", 0.3)
    monkeypatch.setattr(rush, "PATIENCE_SECONDS", 600.0)  # Without the sign of idleness there is no trial.
    monkeypatch.setattr(rush, "MOST_PATIENCE_SECONDS", 600.0)

    async def hashed(permits: Permits) -> bool:
        permit = await permits.take()
        await asyncio.sleep(0.001)
        permit.release()
        return True

    async def crowd() -> bool:
        permits = Permits(1, 100, 60)
        permits._rush._rush_seconds = 0.02
        held = await permits.take()
        waiting = [asyncio.create_task(hashed(permits)) for _ in range(HIGH + 1)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await permits.take()
        held.release()
        await asyncio.gather(*waiting)
        for _ in range(400):
            answers = await asyncio.gather(*(hashed(permits) for _ in range(12)), return_exceptions=True)
            if answers == [True] * 12:
                return True
            await asyncio.sleep(0.05)
        return False

    assert asyncio.run(crowd())


def test_a_crowd_is_no_queue_that_stands_because_one_is_hashing():
    async def crowd() -> int:
        permits, now = Permits(1, 100, 60), [0.0]
        permits._rush._monotonic = lambda: now[0]
        held = await permits.take()
        others = [asyncio.create_task(permits.take()) for _ in range(2)]
        await asyncio.sleep(0)
        for other in others:
            held.release()
            held = await other
        now[0] += 2 * rush.RUSH_SECONDS
        waiting = [asyncio.create_task(permits.take()) for _ in range(HIGH + 10)]
        await asyncio.sleep(0)
        refused = sum(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        return refused

    assert asyncio.run(crowd()) == 0
