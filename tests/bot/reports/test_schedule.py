"""Reports on a schedule: each moment once, late ones within reason, through crashes and DST."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.discreet import Discreet
from bot.reports import schedule as scheduling
from bot.reports.schedule import Schedule, Schedules
from routing.delivery.channel import ChannelKind, Message, Receipt, TryLater
from routing.delivery.report import Finished
from routing.flow.current import Current
from routing.flow.deliver import Sender
from routing.flow.wake import Wake
from routing.recurrence import Recurrence
from storage.errors import MetricsUnavailable
from storage.sql import audit
from tests.bot.reports.shop import Shop
from tests.fakes import ManualClock

NINE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # 09:00 in Berlin, a Monday
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
MORNING = Schedule(
    words="alerts 24h",
    recurrence=Recurrence(cron="0 9 * * mon-fri", timezone="Europe/Berlin"),
    to=(("paper", "ops"), ("paper", "boss")),
    late=timedelta(hours=6),
)


@dataclass
class Paper:
    """A channel that takes reports."""

    got: list[tuple[str, Finished]] = field(default_factory=list)
    fault: Exception | None = None

    async def send(self, message: Message, *_: object) -> Receipt:
        raise AssertionError(f"a report is no message: {message}")

    async def send_report(self, report: Finished, address: str, key: str) -> Receipt:
        if self.fault is not None:
            raise self.fault
        self.got.append((address, report))
        return Receipt(provider_id=key)

    async def outcome(self, provider_id: str) -> Receipt:
        raise TryLater(provider_id)

    async def close(self) -> None: ...


class Office:
    """What comes due and what goes out, over a real database."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.paper = shop, Paper()
        clock = shop.desks.clock
        assert isinstance(clock, ManualClock)
        self.clock, self.schedules = clock, Current((MORNING,))
        self.clock.wall = NINE - timedelta(hours=1)
        self.start()

    def start(self) -> None:
        """Begin as after a start: nothing is remembered but the rows."""
        kind = ChannelKind(
            name="paper", options=type(None), open=lambda _: self.paper, takes_reports=True
        )
        wake = Wake()
        self.due = Schedules(self.shop.desks, self.schedules, wake)
        desks = self.shop.desks
        channels = {"paper": (kind, Discreet(self.paper, str))}
        self.sender = Sender(
            desks.database, self.clock, channels, desks.playbook, wake, "test", jitter=lambda: 0.0
        )

    async def turn(self) -> list[str]:
        """Do what is due; return to whom something went."""
        before = len(self.paper.got)
        await self.due.tick()
        await self.sender.send_due()
        return [address for address, _ in self.paper.got[before:]]

    async def at(self, when: datetime) -> list[str]:
        self.clock.advance((when - self.clock.wall).total_seconds())
        return await self.turn()

    async def story(self) -> list[tuple[str, str]]:
        async with self.shop.desks.database.reading() as tx:
            rows = await audit.between(
                tx, NINE - timedelta(days=9), NINE + timedelta(days=999),
                what=("report skipped", "report failed", "not told"),
            )  # fmt: skip
        return [(row.what, row.because) for row in rows]


@pytest.fixture
def office(shop: Shop) -> Office:
    return Office(shop)


async def test_it_comes_at_its_time_once(office: Office) -> None:
    assert await office.turn() == []
    assert await office.at(NINE - timedelta(seconds=1)) == []
    assert sorted(await office.at(NINE)) == ["boss", "ops"]
    assert await office.at(NINE + timedelta(seconds=5)) == []
    (_, report), *_ = office.paper.got
    assert report.title == "Alerts, last 24 h"
    assert report.pictures[0].content.startswith(b"\x89PNG")
    assert report.files[0].name == "report-alerts.csv"
    assert sorted(await office.at(NINE + timedelta(days=1))) == ["boss", "ops"]


async def test_a_restart_at_nine_sends_once(office: Office) -> None:
    await office.turn()
    assert len(await office.at(NINE)) == 2
    for _ in range(3):
        office.start()
        assert await office.turn() == []


async def test_a_crash_between_due_and_made(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.turn()

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt  # as a kill: nothing after this line happens

    with monkeypatch.context() as patched:
        patched.setattr(scheduling, "built", dies)
        with pytest.raises(KeyboardInterrupt):
            await office.at(NINE)
    office.start()
    assert await office.turn() == []  # the try that died holds it for a while
    assert sorted(await office.at(NINE + timedelta(seconds=200))) == ["boss", "ops"]
    office.start()
    assert await office.turn() == []


async def test_missed_while_down_it_comes_late_and_says_so(office: Office) -> None:
    await office.turn()
    office.start()
    assert len(await office.at(NINE + timedelta(hours=2))) == 2
    (_, report), *_ = office.paper.got
    late = "Late: this was due Mon 02 Mar at 09:00 (Europe/Berlin), and is of that moment."
    assert report.notes[0] == late
    assert await office.at(NINE + timedelta(hours=3)) == []


async def test_too_late_it_does_not_come_and_that_is_on_record(office: Office) -> None:
    await office.turn()
    office.start()
    assert await office.at(NINE + timedelta(hours=7)) == []
    assert await office.story() == [
        ("report skipped", "report alerts 24h of 02 Mar 08:00 UTC: too late to be sent")
    ]
    assert len(await office.at(NINE + timedelta(days=1))) == 2


async def test_of_many_missed_only_the_last_comes(office: Office) -> None:
    office.schedules.swap(
        (Schedule(words="alerts 1h", recurrence=Recurrence(cron="*/10 * * * *"),
                  to=(("paper", "ops"),), late=timedelta(hours=1)),)
    )  # fmt: skip
    await office.turn()
    assert await office.at(NINE + timedelta(days=3, minutes=3)) == ["ops"]
    assert await office.at(NINE + timedelta(days=3, minutes=4)) == []


async def test_a_clock_that_jumps_back_sends_nothing_twice(office: Office) -> None:
    await office.turn()
    assert len(await office.at(NINE)) == 2
    office.clock.jump(-HOUR)
    assert await office.turn() == []
    office.clock.advance(HOUR)
    assert await office.turn() == []


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        (datetime(2026, 3, 27, tzinfo=UTC), 8),  # before summer time begins
        (datetime(2026, 3, 30, tzinfo=UTC), 7),  # after
        (datetime(2026, 10, 26, tzinfo=UTC), 8),  # after it ended
    ],
)
async def test_nine_is_nine_on_the_wall(office: Office, day: datetime, hour: int) -> None:
    office.clock.wall = day
    await office.turn()
    assert await office.at(day + timedelta(hours=hour, seconds=-1)) == []
    assert len(await office.at(day + timedelta(hours=hour))) == 2


async def test_a_room_that_cannot_be_reached_is_tried_for_hours(office: Office) -> None:
    await office.turn()
    office.paper.fault = TryLater("away")
    assert await office.at(NINE) == []
    for _ in range(40):
        office.clock.advance(MINUTE)
        assert await office.turn() == []
    office.paper.fault = None
    office.clock.advance(MINUTE)
    assert sorted(await office.turn()) == ["boss", "ops"]


async def test_numbers_that_are_away_are_asked_again_and_then_it_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.turn()

    async def away(*_: object) -> None:
        raise MetricsUnavailable("prometheus:9090: cannot be reached")

    monkeypatch.setattr(scheduling, "built", away)
    assert await office.at(NINE) == []
    told: list[str] = []
    for _ in range(40):
        office.clock.advance(MINUTE)
        told += await office.turn()
    assert sorted(told) == ["boss", "ops"]
    (_, report), *_ = office.paper.got
    assert report.headline == "The report could not be made."
    assert "prometheus:9090: cannot be reached" in report.notes[0]
    assert ("report failed", "report alerts 24h: prometheus:9090: cannot be reached") in (
        await office.story()
    )


async def test_a_schedule_that_is_taken_out_and_back_begins_anew(office: Office) -> None:
    await office.turn()
    office.schedules.swap(())
    await office.at(NINE - timedelta(minutes=30))
    assert await office.at(NINE + timedelta(minutes=30)) == []
    office.schedules.swap((MORNING,))
    assert await office.turn() == []
    assert await office.at(NINE + timedelta(minutes=40)) == []


def test_it_is_kept_whole() -> None:
    from routing.delivery.report import Curve, File, Plot, Table, read, write

    report = Finished(
        title="ä<b>",
        headline="h",
        notes=("n",),
        tables=(Table(title="t", rows=(("a", "b"), ("1", "2"))),),
        plots=(
            Plot(title="p", unit="%", times=(1.0, 2.0), limit=0.5,
                 curves=(Curve(name="now", values=(1.5, None), faint=True),)),
        ),
        pictures=(File(name="x.png", media_type="image/png", content=b"\x00\xff"),),
        at=NINE,
    )  # fmt: skip
    assert read(write(report)) == report
