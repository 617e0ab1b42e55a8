"""`report alerts`: figures counted by hand, built and drawn by the real worker process."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.reports.alerts import Row, build, rows_of
from bot.reports.publish import ReportFailed, Worker
from bot.reports.report import Splits, Window
from bot.reports.worker import Job
from tests.routing.incidents.cases import incident

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
        verdict=more.get("verdict", ""),
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


def judged(rule: str, real: int, false: int, none: int, unsaid: int) -> list[Row]:
    said = ["real"] * real + ["false"] * false + ["none"] * none + [""] * unsaid
    return [row(n, n * MINUTE, 1, 2, rule=rule, verdict=it) for n, it in enumerate(said, 1)]


def test_what_alarms_were_worth_by_rule_the_noisiest_first() -> None:
    rows = [
        *judged("DiskFull", 1, 2, 0, 1),
        *judged("CheckoutSlow", 8, 3, 1, 8),
        *judged("Calm", 0, 0, 0, 2),
        row(99, 5 * MINUTE, None, None, rule="CheckoutSlow"),
        row(98, DAY + MINUTE, 1, 2, rule="CheckoutSlow", verdict="false"),
    ]
    page = build(rows, WINDOW)
    table = page.tables[-1]
    assert (table.title, [list(it) for it in table.rows[1:]]) == (
        "What alarms were worth",
        [
            ["CheckoutSlow", "21", "12 of 20", "67% (39 to 86)", "25% (9 to 53)", "8% (1 to 35)"],
            ["DiskFull", "4", "3 of 4, too few to say", "1", "2", "0"],
            ["Calm", "2", "0 of 2, too few to say", "-", "-", "-"],
        ],
    )
    assert page.headline.endswith(
        "; of 26 that are over 15 were judged: 9 real, 5 false, 1 without need to act."
    )
    assert "Wilson" in page.notes[0]
    picture = page.charts[1]
    assert isinstance(picture, Splits)
    assert [(it.name, list(it.values), it.note) for it in picture.rows] == [
        ("CheckoutSlow", [3, 1, 8, 9], "12 of 20 judged; false 25% (9 to 53)"),
        ("DiskFull", [2, 0, 1, 1], "3 of 4 judged, too few to say"),
        ("Calm", [0, 0, 0, 2], "0 of 2 judged, too few to say"),
    ]
    assert [it[-1] for it in page.csv[:2]] == ["verdict", "real"]


GROUPS = [
    ('payments{alertname="CheckoutSlow"}', "x", "CheckoutSlow"),
    ('a{alertname="Disk \\"full\\"", team="x"}', "x", 'Disk "full"'),
    ('a{account="b", alertname="C"}', "x", "C"),
    ('a{my_alertname="no"}', "Disk is full instance=web-1", "Disk is full"),
    ("a{}", "CheckoutSlow and others (3 alerts)", "CheckoutSlow"),
    ("a{}", "Checkout slow (12 alerts)", "Checkout slow"),
]


@pytest.mark.parametrize(("group", "title", "rule"), GROUPS)
def test_the_rule_of_an_incident(group: str, title: str, rule: str) -> None:
    (found,) = rows_of([incident(group=group, title=title)], [])
    assert found.rule == rule


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
        said = judged("Cost $x$ <b>", 8, 3, 1, 8)
        with_verdicts = await worker.build(Job(report="alerts", loaded=said, window=WINDOW))
        assert [one.startswith(b"\x89PNG") for one in with_verdicts.pictures] == [True, True]
        empty = await worker.build(Job(report="alerts", loaded=[], window=WINDOW))
        assert empty.pictures[0].startswith(b"\x89PNG")
        with pytest.raises(ReportFailed, match="KeyError"):
            await worker.build(Job(report="nonsense", loaded=[], window=WINDOW))
    finally:
        await worker.close()
