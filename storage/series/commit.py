"""Group commit: many appends at once, one thread that writes, one fsync for all that wait."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from storage.errors import StorageUnavailable
from storage.model.sample import Appended, Batch

T = TypeVar("T")
LARGEST_GROUP = 500_000  # samples; what waits beyond goes with the next group


@dataclass(frozen=True, slots=True)
class _Waiting:
    batch: Batch
    answer: "asyncio.Future[Appended]"


class GroupCommit:
    """The queue before the disk. While one group is written, the next one gathers.

    commit: makes some batches durable and answers for each; runs in the writer's thread, as does
            everything given to `run`, one after the other.
    """

    def __init__(self, commit: Callable[[Sequence[Batch]], Sequence[Appended]]) -> None:
        self._commit = commit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="series")
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def append(self, batch: Batch) -> Appended:
        """Return once `batch` is durable; raises what `commit` raises."""
        answer: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(batch, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await answer

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in the writer's thread, between two groups."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Answer all who wait, then end the thread."""
        if self._task is not None:
            await asyncio.wait([self._task])
        self._thread.shutdown(wait=False)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._write(self._next_group())
        finally:
            self._task = None

    def _next_group(self) -> list[_Waiting]:
        size, taken = 0, 0
        for waiting in self._waiting:
            size += len(waiting.batch.samples)
            taken += 1
            if size >= LARGEST_GROUP:
                break
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return [waiting for waiting in group if not waiting.answer.done()]  # some gave up

    async def _write(self, group: list[_Waiting]) -> None:
        if not group:
            return
        try:
            answers = await self.run(partial(self._commit, [one.batch for one in group]))
        except Exception as error:
            if len(group) > 1 and not isinstance(error, StorageUnavailable):
                for waiting in group:  # one sender's malformed batch must not fail the others
                    await self._write([waiting])
                return
            _settle(group, [error] * len(group))
        else:
            _settle(group, answers)


def _settle(group: Sequence[_Waiting], answers: Sequence[Appended | Exception]) -> None:
    for waiting, answer in zip(group, answers, strict=True):
        if waiting.answer.done():
            continue
        if isinstance(answer, Exception):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)
