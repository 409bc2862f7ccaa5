"""What may be used once, for requests that ran on the event loop: used up on a thread, for all that wait together."""

import asyncio
from collections.abc import Sequence
from itertools import islice

from authsvc.storage.sql.engine import Storage
from authsvc.storage.sql.replays import Use
from authsvc.web.lanes import Lane

_BATCH = 64


class Once:
    """One transaction at a time; those that come meanwhile share the next."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._waiting: list[tuple[Sequence[Use], asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def use_up(self, uses: Sequence[Use]) -> bool:
        """Whether none of them was used before. Raises: StorageUnavailable, Overloaded."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((uses, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                fresh = iter(await self._lane.run(_use_up, [use for uses, _ in batch for use in uses], first=True))
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
                _tell([(future, error) for _, future in batch])
            else:
                _tell([(future, all(list(islice(fresh, len(uses))))) for uses, future in batch])
        self._writing = None


def _use_up(uses: Sequence[Use], storage: Storage) -> list[bool]:
    return storage.use_up(uses)


def _tell(outcomes: Sequence[tuple[asyncio.Future[bool], bool | Exception]]) -> None:
    for future, outcome in outcomes:
        if future.cancelled():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
