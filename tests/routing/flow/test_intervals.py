"""`group_interval` and `repeat_interval`: what joins is told together, what is unanswered again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from routing.incidents.events import Acknowledge
from routing.playbook import Route
from storage.model.incident import Status
from tests.routing.town import ADA, PLAYBOOK, POLICY, Town, alert, resolved, town

FIVE = timedelta(minutes=5)
GROUPED = replace(POLICY, group_interval=FIVE)


@pytest.fixture
async def grouped(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, replace(PLAYBOOK, policies={"default": GROUPED})) as place:
        yield place


def lines(here: Town) -> list[str]:
    return [line.text for line in here.slack.rooms[-1].message.lines]


async def test_what_joins_is_told_together_and_the_message_is_true_at_once(grouped: Town) -> None:
    await grouped.fire(alert(i="a"))
    await grouped.turn()
    before = lines(grouped)
    for name in "bcd":
        await grouped.fire(alert(i=name))
        await grouped.turn(30)
    assert lines(grouped) == before
    assert dict(grouped.slack.rooms[-1].message.facts)["Alerts"].startswith("4 of 4 firing")
    assert not any("more" in stage for stage in grouped.slack.rooms[-1].message.stages)
    await grouped.turn(300, by=600)
    assert "3 more alerts began to fire, 4 firing now" in lines(grouped)
    assert any("more." in stage for stage in grouped.slack.rooms[-1].message.stages)
    assert (await grouped.running())[0].kind != "group_update"


async def test_an_end_is_told_at_once(grouped: Town) -> None:
    await grouped.fire(alert(i="a"), alert(i="b"))
    await grouped.turn()
    await grouped.fire(resolved(alert(i="b")))
    await grouped.turn()
    assert lines(grouped)[-1] == "1 alert is over, 1 firing now"
    await grouped.fire(resolved(alert(i="a")))
    await grouped.turn()
    assert (await grouped.incident()).status is Status.RESOLVED


async def test_a_higher_severity_rings_at_once(grouped: Town) -> None:
    await grouped.fire(alert(severity="warning", i="a"))
    await grouped.turn(10)
    assert grouped.sms.pages == []
    await grouped.fire(alert(severity="critical", i="b"))
    await grouped.turn()
    assert len(grouped.sms.pages) == 1


async def test_what_waits_survives_a_restart_and_ends_with_the_incident(grouped: Town) -> None:
    await grouped.fire(alert(i="a"))
    await grouped.turn()
    await grouped.fire(alert(i="b"))
    grouped.restart()
    await grouped.turn(310, by=600)
    assert "1 more alert began to fire, 2 firing now" in lines(grouped)
    await grouped.fire(alert(i="c"))
    await grouped.fire(*(resolved(alert(i=name)) for name in "abc"))
    await grouped.turn()
    assert list(await grouped.running()) == []


async def test_news_is_repeated_until_somebody_takes_it(here: Town) -> None:
    repeating = replace(POLICY, repeat_interval=timedelta(hours=4))
    here.playbook.swap(replace(PLAYBOOK, policies={"default": repeating}))
    await here.fire(alert(severity="info"))
    await here.turn(3 * 3600, by=3600)
    assert len(here.slack.sent) == len(here.slack.rooms) == 1
    await here.turn(2 * 3600, by=3600)
    assert "It fires still, nobody answered in time" in lines(here)
    assert (await here.incident()).round == 1
    await here.desk.apply((await here.incident()).id, Acknowledge(ADA), actor=ADA, via="cli")
    await here.turn()
    before = len(here.slack.sent)
    await here.turn(3 * 3600, by=3600)
    assert len(here.slack.sent) == before


async def test_it_stands_above_the_policys_own_repeat(here: Town) -> None:
    route = Route(matchers=(), repeat_interval=timedelta(hours=1), group_interval=FIVE)
    here.playbook.swap(replace(PLAYBOOK, routes=(route,)))
    await here.fire()
    await here.turn(55 * 60, by=3600)  # two steps, five minutes apart
    assert len(here.sms.pages) == 2
    await here.turn(12 * 60, by=3600)
    assert len({sent.key for sent in here.sms.pages}) == 3
    assert (await here.incident()).policy.group_interval == FIVE
