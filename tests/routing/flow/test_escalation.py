"""Gathering, overrides, worsening, and who hears of what."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from routing.incidents.events import Acknowledge, Resolve
from storage.model.delivery import DeliveryStatus, Purpose
from storage.model.incident import IncidentId, Status
from storage.model.person import Override
from storage.model.policy import Step
from storage.sql import overrides
from tests.routing.town import (
    ADA,
    BOB,
    CY,
    PLAYBOOK,
    POLICY,
    PRIMARY,
    SECOND,
    Town,
    alert,
    resolved,
    town,
)

ONE = IncidentId(1)


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Town]:
    """A town that gathers alerts for half a minute before it tells anybody."""
    waiting = replace(POLICY, group_wait=timedelta(seconds=30))
    async with town(tmp_path, replace(PLAYBOOK, policies={"default": waiting})) as place:
        yield place


async def test_alerts_gather_and_are_told_together(patient: Town) -> None:
    await patient.fire(alert(instance="1"))
    await patient.turn(15)
    await patient.fire(alert(instance="2"))
    await patient.turn(14)
    assert patient.slack.tried == []
    await patient.turn(2)
    assert [sent.message.title for sent in patient.slack.rooms] == ["#1 CheckoutSlow (2 alerts)"]
    assert len(patient.sms.pages) == 1


async def test_what_clears_while_it_gathers_bothers_nobody(patient: Town) -> None:
    await patient.fire()
    await patient.turn(10)
    await patient.fire(resolved(alert()))
    await patient.turn(120)
    assert (patient.slack.tried, patient.sms.tried) == ([], [])
    assert (await patient.incident()).status is Status.RESOLVED


async def test_an_override_says_who_is_asked(here: Town) -> None:
    now = here.clock.utc_now()
    taken = Override(
        oncall="primary",
        person=CY,
        starts_at=now,
        ends_at=now + timedelta(hours=8),
        made_by=CY,
    )
    async with here.database.transaction() as tx:
        await overrides.add(tx, taken)
    await here.fire()
    await here.turn()
    assert [sent.address for sent in here.sms.pages] == ["sms-cy"]
    here.clock.advance(8 * 3600)
    await here.fire(alert("Later"))
    await here.turn()
    assert "sms-ada" in [sent.address for sent in here.sms.pages]


async def test_worse_trouble_is_told_to_the_one_who_has_it(here: Town) -> None:
    await here.fire(alert("Slow", "warning"))
    await here.turn()
    await here.desk.apply(ONE, Acknowledge(by=BOB), actor=BOB, via="slack")
    await here.fire(alert("Slow", "critical"))
    await here.turn()
    assert [(it.address, it.message.summary) for it in here.slack.notices if "rose" in it.text] == [
        ("slack-bob", "severity rose to critical")
    ]
    assert (await here.incident()).status is Status.ACKNOWLEDGED
    (post,) = {sent.post.message_id for sent in here.slack.notices if sent.post}
    assert post == "slack-1"


async def test_steps_follow_one_another_and_each_is_taken_once(tmp_path: Path) -> None:
    steps = tuple(
        Step(after=timedelta(minutes=m), targets=(t,)) for m, t in ((0, PRIMARY), (5, SECOND))
    )
    repeated = (*steps, replace(steps[1], after=timedelta(minutes=5)))
    policy = replace(POLICY, steps=repeated)
    async with town(tmp_path, replace(PLAYBOOK, policies={"default": policy})) as here:
        await here.fire()
        await here.turn(601, by=30)
        assert [sent.key for sent in here.sms.pages] == [
            "incident/1/round/0/step/0/ada/sms",
            "incident/1/round/0/step/1/cy/sms",
            "incident/1/round/0/step/2/cy/sms",
        ]


async def test_a_paused_machine_takes_missed_steps_once_each(here: Town) -> None:
    await here.fire()
    await here.turn()
    here.clock.advance(3 * 3600)
    await here.turn()
    await here.turn()
    assert (await here.incident()).step == 1
    assert [sent.address for sent in here.sms.pages] == ["sms-ada", "sms-cy"]


async def test_who_ends_it_is_not_told_and_those_rung_are(here: Town) -> None:
    await here.fire()
    await here.turn(301)
    await here.desk.apply(ONE, Resolve(by=ADA, note="rolled back"), actor=ADA, via="slack")
    await here.turn()
    told = {(sent.address, sent.message.summary) for sent in here.sms.notices}
    assert told == {("sms-cy", "resolved by Ada: rolled back")}


async def test_a_policy_in_flight_is_not_changed_by_a_reload(here: Town) -> None:
    await here.fire()
    await here.turn()
    quick = replace(POLICY, steps=(POLICY.steps[0],), repeat_after=timedelta(seconds=10))
    here.playbook.swap(replace(PLAYBOOK, policies={"default": quick}))
    await here.turn(301)
    assert [sent.address for sent in here.sms.pages] == ["sms-ada", "sms-cy"]


async def test_who_took_it_is_not_told_any_more_once_it_is_over(here: Town) -> None:
    await here.fire()
    await here.turn()
    await here.desk.apply(IncidentId(1), Acknowledge(BOB), actor=BOB, via="cli")
    await here.fire(resolved(alert()))
    notices = {
        it.key.split("/")[4]: it.status
        for it in await here.owed()
        if it.purpose is Purpose.NOTICE and it.channel == "slack"
    }
    assert notices == {"taken": DeliveryStatus.CANCELLED, "over": DeliveryStatus.WAITING}
