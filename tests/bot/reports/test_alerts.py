"""`report alerts`: figures counted by hand, built and drawn by the real worker process."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.reports.alerts import Row, build
from bot.reports.publish import ReportFailed, Worker
from bot.reports.report import Window
from bot.reports.worker import Job

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
WINDOW = Window(start=NOON - DAY, end=NOON)


def row(number: int, ago: timedelta, take: float | None, end: float | None, **more: str) -> Row:
    """An incident opened `ago` before noon, taken and ended after so many minutes."""
    opened = NOON - ago
    return Row(
        number=number,
        title=more.get("title", "Checkout slow"),
        rule=more.get("rule", "CheckoutSlow"),
        severity=more.get("severity", "critical"),
        category=more.get("category", "degradation"),
        state="resolved" if end is not None else "triggered",
        opened=opened,
        taken=None if take is None else opened + take * MINUTE,
        by="" if take is None else "ada",
        over=None if end is None else opened + end * MINUTE,
        steps=2,
    )


ROWS = [
    row(1, DAY + 5 * MINUTE, 4, 10),
    row(2, 10 * MINUTE, 2, 30),
    row(3, 20 * MINUTE, 4, None),
    row(4, 30 * MINUTE, None, 5, severity="warning", rule="DiskFull", title="=cmd|'/c calc'"),
]


def test_figures() -> None:
    page = build(ROWS, WINDOW)
    assert page.headline == (
        "3 incidents in the last 24 h (1 before), 2 critical, 1 still open; "
        "2 acknowledged, half within 3 min; 2 over, half within 18 min."
    )
    assert [list(r) for r in page.tables[0].rows[1:]] == [
        ["critical", "2", "1", "1", "3 min", "4 min", "30 min", "10 min"],
        ["warning", "1", "0", "0", "-", "-", "5 min", "-"],
        ["all", "3", "1", "1", "3 min", "4 min", "18 min", "10 min"],
    ]
    assert list(page.tables[3].rows[1]) == ["CheckoutSlow", "2", "1", "100%", "4"]
    (chart,) = page.charts
    assert {bars.name: sum(bars.values) for bars in chart.bars} == {"critical": 2, "warning": 1}
    assert len(page.csv) == 4


def test_nothing_ended_yet() -> None:
    page = build([row(3, 20 * MINUTE, None, None)], WINDOW)
    assert page.headline == "1 incident in the last 24 h (0 before), 1 critical, 1 still open."


def test_nothing_happened() -> None:
    page = build([], WINDOW)
    assert page.headline == "No incident in the last 24 h (0 in the 24 h before)."
    assert len(page.csv) == 1


async def test_the_worker_builds_draws_and_answers_for_errors() -> None:
    worker = Worker()
    try:
        built = await worker.build(Job(report="alerts", loaded=ROWS, window=WINDOW))
        assert built.page == build(ROWS, WINDOW)
        assert built.pictures[0].startswith(b"\x89PNG")
        empty = await worker.build(Job(report="alerts", loaded=[], window=WINDOW))
        assert empty.pictures[0].startswith(b"\x89PNG")
        with pytest.raises(ReportFailed, match="KeyError"):
            await worker.build(Job(report="nonsense", loaded=[], window=WINDOW))
    finally:
        await worker.close()
