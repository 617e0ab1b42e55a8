"""`maintenance`: planned once, planned again and again, listed and ended."""

from dataclasses import replace

import pytest

from storage.model.incident import Status
from tests.bot.chat.conftest import Square
from tests.routing.town import ADA, ROOT, alert


async def test_a_window_stops_what_rings_and_looks_again_at_its_end(square: Square) -> None:
    await square.town.fire(alert(team="db"))
    await square.town.turn()
    reply = await square.say("maintenance team=db 2h at 13:00 upgrade")
    assert reply.text == (
        'Maintenance 1 on team="db": from 13:00 UTC for 2 h. It covers 1 alert, 1 team now.'
    )
    await square.town.turn()
    assert (await square.town.incident()).status is Status.TRIGGERED
    await square.town.turn(3_660, by=300)
    incident = await square.town.incident()
    assert incident.muted == "maintenance 1 by ada until 2026-03-02 15:00 UTC"
    rows = (await square.say("maintenance list")).table
    assert list(rows[1]) == ["1", 'team="db"', "now until 15:00 UTC", "1", "Ada", "upgrade"]
    await square.town.turn(7_300, by=900)
    assert (await square.town.incident()).status is Status.TRIGGERED


async def test_a_window_lasts_longer(square: Square) -> None:
    await square.say("maintenance team=db 2 hours at 13:00 upgrade")
    assert (await square.say("maintenance extend 1 by 90 min")).text == (
        "Maintenance 1 lasts until 16:30 UTC."
    )
    rows = (await square.say("maintenance list")).table
    assert rows[1][2] == "from 13:00 UTC for 3 h 30 min"
    await square.town.turn(5_400, by=900)
    assert "17:00 UTC" in (await square.say("maintenance extend 1 0.5h")).text
    await square.say("maintenance team=db 2h at 2026-03-03 22:00 weekly backups", who=ROOT)
    for sentence, said in (
        ("maintenance extend 2 1h", "maintenance 2 comes again: end it, and plan another"),
        ("maintenance extend 1 30 days", "a maintenance lasts 7d at most"),
        ("maintenance extend 1", "Say `maintenance extend 1 2h`"),
        ("maintenance extend 9 1h", "no silence has the number 9"),
        ("maintenance extend", "`maintenance list` shows them"),
    ):
        reply = await square.say(sentence)
        assert reply.refused, sentence
        assert said in reply.text


async def test_one_that_comes_again_is_planned_by_administrators_in_their_zone(
    square: Square,
) -> None:
    book = square.town.playbook()
    people = {**book.people, ROOT: replace(book.people[ROOT], zone="Europe/Berlin")}
    square.town.playbook.swap(replace(book, people=people))
    asked = "maintenance team=db 2h at 2026-03-03 22:00 weekly backups"
    refused = await square.say(asked, who=ADA)
    assert "a window that comes again needs the permission `admin`" in refused.text
    reply = await square.say(asked, who=ROOT)
    assert reply.text == (
        'Maintenance 1 on team="db": from 2026-03-03 21:00 UTC for 2 h, FREQ=WEEKLY '
        "(Europe/Berlin). Nothing that it covers fires now."
    )
    assert "is over" in (await square.say("maintenance expire 1")).text
    assert (await square.say("maintenance list")).text == "No maintenance is planned."


async def test_a_series_that_is_over_is_not_listed(square: Square) -> None:
    await square.say("maintenance team=db 2h at 22:00 FREQ=DAILY;COUNT=2 twice", who=ROOT)
    assert len((await square.say("maintenance list")).table) == 2
    await square.town.turn(36 * 3_600, by=3_600)
    assert (await square.say("maintenance list")).text == "No maintenance is planned."


REFUSED = [
    ("maintenance", "Say what, for how long and when"),
    ("maintenance team=db", "Say what, for how long and when"),
    ("maintenance team=db 30d", "Say what, for how long and when"),
    ("maintenance team=db 2h at noon", "expected a time such as `at 22:00`"),
    ("maintenance team=db 2h at 2030-12-31 23:59", "a window begins within 2 years of now"),
    ("maintenance team=db 2h at 9999-12-31 23:59", "within 10 years of now"),
    ("maintenance team=db 2h at 9999-12-31 23:59 daily", "within 10 years of now"),
    ("maintenance team=db 2h at 0001-01-01 00:00 daily", "within 10 years of now"),
    ("maintenance team=db 2h at 2026-01-01 22:00", "that window is over already"),
    ("maintenance team=db 2h FREQ=MINUTELY", "daily or more rarely"),
    ("maintenance team=db 2h FREQ=DAILY;INTERVAL=0", "INTERVAL is a number from 1 to 1,000"),
]


@pytest.mark.parametrize(("sentence", "why"), REFUSED)
async def test_what_cannot_be_is_said_in_words(square: Square, sentence: str, why: str) -> None:
    reply = await square.say(sentence, who=ROOT)
    assert reply.refused
    assert why in reply.text
    assert (await square.say("maintenance list")).text == "No maintenance is planned."
