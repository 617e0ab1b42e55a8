"""Samples are stored, then judged; trouble with judging never reaches the sender."""

import asyncio

import pytest

from bot.intake import Intake
from storage.errors import StorageUnavailable
from storage.model.sample import Appended, Batch

KEPT = Appended(stored=0, stored_at=1.0)


class Store:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    async def append(self, batch: Batch) -> Appended:
        if self.fault:
            raise self.fault
        return Appended(stored=len(batch.samples), stored_at=1.0)


class Judge:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.may_go = fault, asyncio.Event()
        self.told: list[tuple[str, Appended, bool]] = []

    async def arrived(self, source: str, appended: Appended, complete: bool) -> None:
        await self.may_go.wait()
        self.told.append((source, appended, complete))
        if self.fault:
            raise self.fault


async def test_the_sender_does_not_wait_for_the_judge() -> None:
    judge = Judge()
    intake = Intake(Store(), judge)
    assert await intake.take("shop", Batch([], complete=True)) == KEPT
    assert (intake.backlog, judge.told) == (1, [])
    judge.may_go.set()
    await intake.drain()
    assert (intake.backlog, judge.told) == (0, [("shop", KEPT, True)])


async def test_a_judge_in_trouble_costs_nothing() -> None:
    judge = Judge(RuntimeError("no"))
    judge.may_go.set()
    intake = Intake(Store(), judge)
    await intake.take("shop", Batch([]))
    await intake.drain()
    assert await intake.take("shop", Batch([])) == KEPT
    await intake.drain()
    assert len(judge.told) == 2


async def test_what_was_not_stored_is_not_judged_and_not_counted() -> None:
    heard: list[str] = []
    intake = Intake(Store(StorageUnavailable("disk full")), Judge(), lambda s, _: heard.append(s))
    with pytest.raises(StorageUnavailable):
        await intake.take("shop", Batch([]))
    assert (intake.backlog, heard) == (0, [])
