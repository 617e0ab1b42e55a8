"""What is silenced is told each day: once, whoever looks; nothing where nothing is silenced."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from routing.flow.remind import SilenceReminder
from routing.flow.silence import SilenceDesk
from routing.playbook import Reminder
from routing.recurrence import Recurrence
from storage.model.labels import Matcher, MatchOp
from storage.model.silence import Silence, SilenceId, SilenceKind
from tests.fakes import NOON
from tests.routing.town import PLAYBOOK, Town, alert, town

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = Reminder(recurrence=Recurrence(cron="0 14 * * *", timezone="Europe/Berlin"))  # 13:00 UTC


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, replace(PLAYBOOK, reminder=DAILY)) as place:
        await reminder(place).look()  # the first start begins to count
        yield place


def reminder(place: Town) -> SilenceReminder:
    return SilenceReminder(place.database, place.clock, place.playbook, place.wake)


async def silence(place: Town, service: str, left: timedelta | None, **more: object) -> None:
    desk = SilenceDesk(place.database, place.clock, place.playbook)
    now = place.clock.utc_now()
    plain = Silence(
        id=SilenceId(0),
        uuid="",
        matchers=(Matcher("service", MatchOp.EQUAL, service),),
        starts_at=now,
        ends_at=None if left is None else now + left,
        created_by="ada",
        updated_at=now,
    )
    made = replace(plain, **more)  # type: ignore[arg-type]
    await desk.make(made, actor="ada", via="test")


async def told(place: Town) -> list[tuple[str, str]]:
    await place.sender.send_due()
    return [
        (sent.message.title, sent.message.summary)
        for sent in (*place.slack.sent, *place.sms.sent)
        if "hide" in sent.message.title
    ]


async def test_the_long_ones_first_by_whom_until_when_and_how_much(here: Town) -> None:
    await here.fire(*(alert(i=str(n), service="checkout") for n in range(3)), alert(service="mail"))
    await silence(here, "checkout", 2 * HOUR, comment="deploy")
    await silence(here, "mail", 3 * DAY)
    window = {"kind": SilenceKind.MAINTENANCE, "rule": "FREQ=DAILY", "lasts": DAY}
    await silence(here, "backup", None, **window)
    await silence(here, "later", 3 * HOUR, starts_at=NOON + 2 * HOUR)
    await here.quiet.look()
    here.clock.advance(3_599)
    assert await reminder(here).look() == 0, "it is not time"
    here.clock.advance(1)
    await reminder(here).look()
    ((title, text),) = await told(here)
    assert title == "3 silences hide 4 alerts now"
    assert text.splitlines() == [
        'maintenance 3 on service="backup": hides 0, by Ada, for 23 h more, until '
        "2026-03-03 12:00 UTC, then again",
        'silence 2 on service="mail": hides 1, by Ada, for 2 d 23 h more, '
        "until 2026-03-05 12:00 UTC",
        'silence 1 on service="checkout": hides 3, by Ada, for 1 h more, until 14:00 UTC; deploy',
    ]


async def test_windows_of_the_configuration_are_told_too_and_no_alert_counts_twice(
    here: Town,
) -> None:
    nightly = Silence(
        id=SilenceId(0),
        uuid="nightly",
        kind=SilenceKind.MAINTENANCE,
        matchers=(Matcher("service", MatchOp.REGEX, "check.*"),),
        starts_at=NOON,
        ends_at=None,
        created_by="configuration",
        updated_at=NOON,
        comment="nightly",
        rule="FREQ=DAILY",
        lasts=DAY,
    )
    here.playbook.swap(replace(here.playbook(), maintenance=(nightly,)))
    await here.fire(*(alert(i=str(n), service="checkout") for n in range(3)))
    await silence(here, "checkout", 2 * HOUR)
    await here.quiet.look()
    here.clock.advance(3_600)
    await reminder(here).look()
    ((title, text),) = await told(here)
    assert title == "2 silences hide 3 alerts now"
    assert text.splitlines()[0] == (
        'maintenance nightly on service=~"check.*": hides 3, by configuration, for 23 h more, '
        "until 2026-03-03 12:00 UTC, then again"
    )


async def test_nothing_is_told_where_nothing_is_silenced(here: Town) -> None:
    await silence(here, "checkout", HOUR / 2)
    here.clock.advance(3_600)
    assert await reminder(here).look() == 0
    assert await told(here) == []


async def test_each_day_once_by_however_many_that_look(here: Town) -> None:
    await silence(here, "checkout", 6 * DAY)
    for day in range(3):
        here.clock.advance(86_400 if day else 3_600)
        await asyncio.gather(*(reminder(here).look() for _ in range(4)))
        here.restart()
        await reminder(here).look()
        assert len(await told(here)) == day + 1


async def test_late_is_told_and_too_late_is_not(here: Town) -> None:
    await silence(here, "checkout", 6 * DAY)
    here.clock.advance(3_600 + 11 * 3_600)
    await reminder(here).look()
    assert len(await told(here)) == 1
    here.clock.advance(26 * 3_600)  # to 13 hours behind the next
    await reminder(here).look()
    assert len(await told(here)) == 1
    here.clock.advance(11 * 3_600)
    await reminder(here).look()
    assert len(await told(here)) == 2


async def test_in_rooms_where_they_are_named_and_never_where_it_is_off(here: Town) -> None:
    await silence(here, "checkout", 6 * DAY)
    here.playbook.swap(replace(here.playbook(), reminder=replace(DAILY, to=(("slack", "C9"),))))
    here.clock.advance(3_600)
    await reminder(here).look()
    await here.sender.send_due()
    assert [sent.address for sent in here.slack.sent] == ["C9"]
    here.playbook.swap(replace(here.playbook(), reminder=None))
    here.clock.advance(86_400)
    assert await reminder(here).look() == 0


async def test_many_are_counted_and_what_is_written_in_them_is_one_line(here: Town) -> None:
    for n in range(60):
        await silence(here, f"s{n}\n\x1b[31m{'x' * 300}", 6 * DAY, comment="y\n" * 200)
    here.clock.advance(3_600)
    await reminder(here).look()
    ((title, text),) = await told(here)
    assert title == "60 silences hide 0 alerts now"
    assert len(text) <= 1_000
    *lines, last = text.splitlines()
    assert last == f"and {60 - len(lines)} more"
    assert all("\x1b" not in line and len(line) <= 180 for line in lines)
