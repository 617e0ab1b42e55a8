"""From an alert to people and back: the journeys, on a real database, with the clock in hand."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from routing.delivery.channel import TryLater
from routing.incidents.events import Acknowledge, Resolve, Snooze
from routing.playbook import Route
from storage.errors import NotAllowed, UnknownIncident
from storage.model.delivery import DeliveryStatus
from storage.model.incident import IncidentId, Status
from tests.routing.town import ADA, BOB, CY, ROOT, Town, alert, resolved

ONE = IncidentId(1)


async def test_from_trigger_to_page_to_step_to_ack_to_resolved(here: Town) -> None:
    await here.fire()
    await here.turn()
    first = here.slack.rooms[0]
    assert first.message.title == "#1 CheckoutSlow"
    assert first.message.asked == ("slack-ada",)  # the post itself asks her: no second message
    assert (len(here.slack.sent), [sent.address for sent in here.sms.pages]) == (1, ["sms-ada"])

    await here.turn(301)
    assert (await here.incident()).step == 1
    assert [sent.address for sent in here.sms.pages] == ["sms-ada", "sms-cy"]
    assert [sent.address for sent in here.slack.pages] == ["slack-cy"]
    assert here.slack.pages[0].post is not None

    await here.desk.apply(ONE, Acknowledge(by=CY), actor=CY, via="slack")
    await here.turn(600)
    assert (await here.incident()).status is Status.ACKNOWLEDGED
    assert len(here.sms.pages) == 2
    taken = {(sent.address, sent.message.summary) for sent in here.sms.notices}
    assert taken == {("sms-ada", "acknowledged by Cy")}
    assert "acknowledged by Cy until 16:05 UTC" in dict(here.slack.rooms[-1].message.facts)["State"]

    await here.fire(resolved(alert()))
    await here.turn()
    assert (await here.incident()).status is Status.RESOLVED
    assert dict(here.slack.rooms[-1].message.facts)["State"] == "resolved by itself after 15 min"
    over = {sent.address for sent in here.sms.notices if "resolved" in sent.message.summary}
    assert over == {"sms-ada", "sms-cy"}
    assert await here.running() == []


async def test_one_post_for_each_incident_edited_in_place(here: Town) -> None:
    await here.fire()
    await here.turn(1200, by=60)
    posts = [sent for sent in here.slack.rooms if sent.post is None]
    assert len(posts) == 1
    assert {sent.post.message_id for sent in here.slack.rooms if sent.post} == {"slack-1"}


async def test_an_alert_told_again_changes_nothing(here: Town) -> None:
    await here.fire()
    before = (await here.incident(), await here.record(), await here.owed())
    await here.fire()
    await here.fire(alert(), alert())
    assert (await here.incident(), await here.record(), await here.owed()) == before


async def test_alerts_that_belong_together_open_one_incident(here: Town) -> None:
    await here.fire(*(alert(instance=f"web-{i}") for i in range(3)), alert("DiskFull", "warning"))
    await here.fire(alert(instance="web-4"))
    assert [(it.title, it.firing) for it in reversed(await here.open_incidents())] == [
        ("CheckoutSlow (4 alerts)", 4),
        ("DiskFull", 1),
    ]


async def test_trouble_that_is_back_soon_reopens_and_later_gets_a_new_number(here: Town) -> None:
    await here.fire()
    await here.fire(resolved(alert()))
    here.clock.advance(29 * 60)
    await here.fire()
    assert ((await here.incident()).status, (await here.incident()).round) == (Status.TRIGGERED, 1)
    await here.fire(resolved(alert()))
    here.clock.advance(31 * 60)
    await here.fire()
    assert [it.id for it in await here.open_incidents()] == [2]


async def test_resolved_by_hand_while_firing_stays_quiet_until_it_clears(here: Town) -> None:
    await here.fire()
    await here.turn()
    await here.desk.apply(ONE, Resolve(by=ADA, note="known"), actor=ADA, via="cli")
    here.clock.advance(7200)
    await here.fire()
    await here.fire(replace(alert(), no_data_since=here.clock.utc_now()))
    await here.turn(600)
    assert await here.open_incidents() == []
    assert len(here.sms.pages) == 1
    await here.fire(resolved(alert()))
    here.clock.advance(60)
    await here.fire()
    assert [it.id for it in await here.open_incidents()] == [1]


async def test_what_begins_while_an_incident_is_quiet_rings_by_a_number_of_its_own(
    here: Town,
) -> None:
    """Who resolved #1 knew of one machine; that another one fails is news to everybody."""
    await here.fire()
    await here.turn()
    await here.desk.apply(ONE, Resolve(by=ADA, note="known"), actor=ADA, via="cli")
    await here.fire(alert(instance="another"))
    await here.turn()
    assert [it.id for it in await here.open_incidents()] == [2]
    assert [sent.message.title for sent in here.sms.pages] == [
        "#1 CheckoutSlow",
        "#2 CheckoutSlow instance=another",
    ]
    await here.fire(alert(instance="third"), resolved(alert()))
    assert [(it.id, it.firing) for it in await here.open_incidents()] == [(2, 2)]
    assert not (await here.incident()).quiet
    await here.fire()
    assert [(it.id, it.firing) for it in await here.open_incidents()] == [(2, 3)]


async def test_an_alert_stays_with_its_incident_when_routes_change(here: Town) -> None:
    await here.fire()
    other = Route(matchers=(), policy="default", group_by=("severity",))
    here.playbook.swap(replace(here.playbook(), routes=(other,)))
    await here.fire(resolved(alert()))
    assert (await here.incident()).status is Status.RESOLVED


async def test_an_ended_acknowledgement_asks_again(here: Town) -> None:
    await here.fire()
    await here.turn()
    ask = Acknowledge(by=ADA, hold=timedelta(minutes=10))
    await here.desk.apply(ONE, ask, actor=ADA, via="cli")
    await here.turn(601)
    assert (await here.incident()).round == 1
    assert [sent.key for sent in here.sms.pages] == [
        "incident/1/round/0/step/0/ada/sms",
        "incident/1/round/1/step/0/ada/sms",
    ]


async def test_a_snooze_ends_by_elapsed_time(here: Town) -> None:
    await here.fire()
    await here.turn()
    await here.desk.apply(ONE, Snooze(by=ADA, hold=timedelta(minutes=30)), actor=ADA, via="cli")
    here.clock.jump(7200)
    await here.turn(1790, by=60)
    assert (await here.incident()).status is Status.SNOOZED
    await here.turn(20)
    assert (await here.incident()).status is Status.TRIGGERED


@pytest.mark.parametrize("jump", [-86_400, -3_600, 3_600, 86_400])
async def test_a_jump_of_the_wall_clock_moves_no_step(here: Town, jump: float) -> None:
    await here.fire()
    await here.turn(100)
    here.clock.jump(jump)
    await here.turn(190)
    assert (await here.incident()).step == 0
    await here.turn(15)
    assert (await here.incident()).step == 1
    here.clock.jump(-jump)
    await here.turn(100)
    assert [sent.key for sent in here.sms.pages] == [
        "incident/1/round/0/step/0/ada/sms",
        "incident/1/round/0/step/1/cy/sms",
    ]


async def test_a_finished_policy_begins_again_and_tells_an_administrator(here: Town) -> None:
    await here.fire()
    await here.turn(301 + 901, by=60)
    incident = await here.incident()
    assert (incident.status, incident.round, incident.step) == (Status.TRIGGERED, 1, 0)
    assert [sent.address for sent in here.slack.notices] == ["slack-root"]
    assert "nobody answered" in here.slack.notices[0].message.summary


async def test_of_a_critical_an_administrator_hears_also_while_chat_is_away(here: Town) -> None:
    here.slack.fault = TryLater("down")
    await here.fire()
    await here.turn(301 + 901, by=60)
    assert any("nobody answered" in sent.message.summary for sent in here.sms.notices)


async def test_two_people_acknowledge_at_once_and_one_wins(here: Town) -> None:
    await here.fire()
    answers = await asyncio.gather(
        here.desk.apply(ONE, Acknowledge(by=ADA), actor=ADA, via="slack"),
        here.other_desk.apply(ONE, Acknowledge(by=BOB), actor=BOB, via="cli"),
        return_exceptions=True,
    )
    winners = [it for it in answers if not isinstance(it, BaseException)]
    losers = [it for it in answers if isinstance(it, NotAllowed)]
    assert (len(winners), len(losers)) == (1, 1)
    assert f"by {winners[0].owner}" in str(losers[0])
    said = [row.what for row in await here.record()]
    assert (said.count("acknowledged"), said.count("refused")) == (1, 1)


async def test_many_at_once_answer_one_by_one(here: Town) -> None:
    await here.fire(alert("A"), alert("B"))
    await here.desk.apply(ONE, Resolve(by=ADA), actor=ADA, via="cli")
    ids = [IncidentId(number) for number in (1, 2, 99)]
    answers = await here.desk.apply_many(ids, Acknowledge(by=BOB), actor=BOB, via="cli")
    assert isinstance(answers[IncidentId(1)], NotAllowed)
    assert (await here.incident(2)).owner == BOB
    assert isinstance(answers[IncidentId(99)], UnknownIncident)


async def test_informational_is_told_once_by_chat_and_never_escalates(here: Town) -> None:
    await here.fire(alert("Deployed", "info"))
    await here.turn(1800, by=60)
    assert (await here.incident()).step == 0
    assert (len(here.slack.rooms), here.sms.sent, await here.running()) == (1, [], [])


async def test_what_nobody_answers_in_rooms_only_is_still_recorded(here: Town) -> None:
    await here.fire()
    await here.turn()
    assert [row.what for row in await here.record()] == ["opened", "sent", "sent"]
    pages = [it for it in await here.owed() if it.person == ADA]
    assert {it.status for it in pages} == {DeliveryStatus.SENT}
    assert (await here.incident()).rung == (ADA,)
    assert ROOT not in (await here.incident()).rung
