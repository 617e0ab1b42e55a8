"""Scheduled reports: a moment comes once, a report is held by one try."""

from dataclasses import replace
from datetime import timedelta

from storage.clock import Steady
from storage.model.report_run import ReportRun, RunStatus
from storage.sql import reports
from storage.sql.database import Database
from tests.storage.sql.examples import NOON

RUN = ReportRun(
    key="report/a/2026-03-02T09:00Z",
    words="alerts 24h",
    to=(("slack", "C012ABCDEF"), ("email", "team@example.com")),
    due_at=NOON,
    zone="Europe/Berlin",
    not_before=Steady(10.0),
)


async def test_a_schedule_moves_on_once(database: Database) -> None:
    async with database.transaction() as tx:
        await reports.begin(tx, "a", NOON)
        await reports.begin(tx, "a", NOON + timedelta(hours=1))
        assert await reports.looked_at(tx) == {"a": NOON}
        assert await reports.move_on(tx, "a", NOON, NOON + timedelta(hours=2))
        assert not await reports.move_on(tx, "a", NOON, NOON + timedelta(hours=3))
        await reports.drop(tx, {"a"})
        assert await reports.looked_at(tx) == {}


async def test_a_report_is_owed_once_and_held_by_one_try(database: Database) -> None:
    async with database.transaction() as tx:
        assert await reports.owe(tx, RUN)
        assert not await reports.owe(tx, replace(RUN, words="other"))
        assert await reports.claim(tx, Steady(9.0), 60.0) is None
        first = await reports.claim(tx, Steady(10.0), 60.0)
        assert first == replace(RUN, attempts=1, not_before=Steady(70.0))
        assert await reports.claim(tx, Steady(20.0), 60.0) is None
        second = await reports.claim(tx, Steady(70.0), 60.0)
        assert second is not None
        assert not await reports.record(tx, first, status=RunStatus.MADE, body="late")
        assert await reports.record(tx, second, status=RunStatus.MADE, body="{}")
        assert await reports.claim(tx, Steady(999.0), 60.0) is None
        assert await reports.body_of(tx, RUN.key) == "{}"
        assert [run.status for run in await reports.latest(tx, 5)] == [RunStatus.MADE]
        await reports.expire(tx, NOON + timedelta(seconds=1))
        assert await reports.body_of(tx, RUN.key) == ""
