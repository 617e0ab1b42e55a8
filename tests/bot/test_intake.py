"""Samples are stored, then judged; trouble with judging never reaches the sender."""

import asyncio
from collections.abc import Mapping

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


class Watcher:
    def __init__(self) -> None:
        self.heard_of: list[tuple[str, int, dict[str, int]]] = []
        self.away: list[tuple[str, str]] = []

    def heard(self, source: str, appended: Appended, ignored: Mapping[str, int]) -> None:
        self.heard_of.append((source, appended.stored, dict(ignored)))

    def turned_away(self, source: str, reason: str) -> None:
        self.away.append((source, reason))


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
    watcher = Watcher()
    intake = Intake(Store(StorageUnavailable("disk full")), Judge(), watcher)
    with pytest.raises(StorageUnavailable):
        await intake.take("shop", Batch([]))
    assert (intake.backlog, watcher.heard_of) == (0, [])


async def test_what_its_format_left_out_and_what_was_refused_whole_is_counted() -> None:
    watcher = Watcher()
    intake = Intake(Store(), Judge(), watcher)
    await intake.take("shop", Batch([], ignored={"delta": 3}))
    intake.turn_away("shop", "too_large")
    assert watcher.heard_of == [("shop", 0, {"delta": 3})]
    assert watcher.away == [("shop", "too_large")]
