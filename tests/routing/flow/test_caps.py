"""A daily cap stops messages for their cost, never an incident's first critical page."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from routing.delivery.cap import DailyCap
from routing.playbook import Playbook
from storage.model.delivery import DeliveryStatus
from storage.model.policy import Step
from tests.routing.town import PLAYBOOK, POLICY, PRIMARY, alert, town

BY_PHONE = replace(
    POLICY,
    steps=(
        Step(after=timedelta(0), targets=(PRIMARY,), by=("sms",)),
        Step(after=timedelta(minutes=5), targets=(PRIMARY,), by=("sms",)),
    ),
    rooms=(),
)


def capped(**caps: int) -> Playbook:
    caps_of = {"sms": DailyCap(**caps)}
    return replace(PLAYBOOK, policies={"default": BY_PHONE}, caps=caps_of)


async def test_what_is_too_many_goes_the_next_way_and_administrators_hear_once(
    tmp_path: Path,
) -> None:
    async with town(tmp_path, capped(person=2)) as here:
        for n in range(5):
            await here.fire(alert(f"Rule{n}", "warning"))
            await here.turn(1)
        assert len(here.sms.pages) == 2
        assert [it.address for it in here.slack.pages] == ["slack-ada"] * 3
        assert any(
            "not delivered: sms to Ada: the daily cap is reached: 2 in 24 h for ada; going by slack"
            in fact
            for fact in await here.facts(3)
        )
        told = [it.message.title for it in here.slack.notices if it.address == "slack-root"]
        assert told == ["the daily cap of sms is reached"]
        here.restart()
        await here.fire(alert("Later", "warning"))
        await here.turn(1)
        assert len(here.sms.pages) == 2, "counted over a restart"
        here.clock.advance(86_400)
        await here.fire(alert("Tomorrow", "warning"))
        await here.turn(1)
        assert "Tomorrow" in {it.message.title.split()[1] for it in here.sms.pages}


async def test_the_first_critical_of_each_incident_goes_all_the_same(tmp_path: Path) -> None:
    async with town(tmp_path, capped(total=1)) as here:
        for n in range(4):
            await here.fire(alert(f"Rule{n}"))
        await here.turn(1)
        assert len(here.sms.pages) == 4
        await here.turn(301)
        assert len(here.sms.pages) == 4, "the second step is not the first page"
        failed = [it for it in await here.owed(1) if it.status is DeliveryStatus.FAILED]
        assert [it.error for it in failed] == ["the daily cap is reached: 1 in 24 h for everybody"]
