"""What will be sent when, as things stand: asked at every stage, and then seen to come true."""

from dataclasses import replace
from datetime import timedelta

from routing.flow.ahead import ahead_of
from routing.incidents.ahead import in_words
from routing.incidents.events import Acknowledge, Event, Snooze
from storage.model.flaps import Flapping, Flaps
from storage.model.person import Override, PersonalRule, Turn
from storage.model.policy import Policy
from storage.sql import overrides
from tests.routing.town import ADA, BOB, CY, PEOPLE, PLAYBOOK, POLICY, Town, alert, resolved

M = timedelta(minutes=1)
FLAPPY = Flapping(times=2)


def play(here: Town, policy: Policy = POLICY, **more: object) -> None:
    policies = {"default": policy}
    here.playbook.swap(replace(PLAYBOOK, policies=policies, **more))  # type: ignore[arg-type]


async def ahead(here: Town) -> list[str]:
    incident = await here.incident()
    async with here.database.reading() as tx:
        due = await ahead_of(tx, incident, here.clock, here.playbook())
    return [in_words(it, here.clock.utc_now()) for it in due]


async def answer(here: Town, event: Event) -> None:
    await here.desk.apply((await here.incident()).id, event, actor=ADA, via="cli")
    await here.turn()


async def test_steps_and_then_all_over_again(here: Town) -> None:
    await here.fire()
    assert await ahead(here) == [
        "now: page to Ada by slack (step 1)",
        "now: page to Ada by sms (step 1)",
        "now: message in C1 by slack",
        "12:05 UTC, in 5 min: page to Cy by slack and sms (step 2)",
    ]
    await here.turn(301)
    assert await ahead(here) == [
        "12:20 UTC, in 14 min: repeat: policy default begins again",
        "12:20 UTC, in 14 min: page to Ada by slack and sms (step 1)",
    ]
    pages = len(here.sms.pages)
    await here.turn(900)
    assert len(here.sms.pages) == pages + 1


async def test_whoever_is_on_call_then_is_named(here: Town) -> None:
    play(here, replace(POLICY, steps=(POLICY.steps[0], replace(POLICY.steps[0], after=5 * M))))
    now = here.clock.utc_now()
    stand_in = Override(
        oncall="primary",
        person=BOB,
        starts_at=now + 3 * M,
        ends_at=now + 60 * M,
        made_by=ADA,
    )
    async with here.database.transaction() as tx:
        await overrides.add(tx, stand_in)
    await here.fire()
    await here.turn()
    assert await ahead(here) == ["12:05 UTC, in 5 min: page to Bob by slack and sms (step 2)"]


async def test_a_group_that_gathers_and_one_that_grows(here: Town) -> None:
    play(here, replace(POLICY, group_wait=1 * M, group_interval=10 * M))
    await here.fire(alert(i="a"))
    assert await ahead(here) == [
        "12:01 UTC, in 1 min: the group is complete",
        "12:01 UTC, in 1 min: page to Ada by slack and sms (step 1)",
    ]
    await here.turn(60)
    await here.fire(alert(i="b"), alert(i="c"))
    await here.turn()
    assert (await ahead(here))[-1] == "12:11 UTC, in 10 min: update of the group: 2 new alerts"


async def test_answers_have_an_end_too(here: Town) -> None:
    await here.fire()
    await here.turn()
    await answer(here, Acknowledge(by=ADA, hold=30 * M))
    assert await ahead(here) == [
        "12:30 UTC, in 30 min: the acknowledgement by Ada ends",
        "12:30 UTC, in 30 min: page to Ada by slack and sms (step 1)",
    ]
    await answer(here, Snooze(by=CY, hold=timedelta(hours=13)))
    assert (await ahead(here))[0] == "2026-03-03 01:00 UTC, in 13 h: the snooze by Cy ends"
    await here.fire(resolved(alert()))
    assert await ahead(here) == []


async def test_news_is_repeated_only_where_that_is_wanted(here: Town) -> None:
    await here.fire(alert(severity="info"))
    await here.turn()
    assert await ahead(here) == []
    play(here, replace(POLICY, repeat_interval=timedelta(hours=4)))
    await here.fire(resolved(alert(severity="info")))
    await here.turn(3600, by=3600)
    await here.fire(alert(severity="info"))
    await here.turn()
    async with here.database.reading() as tx:
        incident = (await here.open_incidents())[0]
        due = await ahead_of(tx, incident, here.clock, here.playbook())
    assert [it.what for it in due] == ["repeat", "page to Ada by slack (step 1)"]


async def test_the_turns_of_a_person(here: Town) -> None:
    ladder = PersonalRule(turns=(Turn(after=0 * M, by=("slack",)), Turn(after=2 * M, by=("sms",))))
    ada = replace(PEOPLE[ADA], rules=(ladder,))
    play(here, people=PEOPLE | {ADA: ada})
    await here.fire()
    await here.turn()
    assert (await ahead(here))[0] == "12:02 UTC, in 2 min: page to Ada by sms (step 1)"
    assert len(await ahead(here)) == 2


async def test_what_flaps_waits_for_calm(here: Town) -> None:
    play(here, replace(POLICY, flapping=FLAPPY))
    for _ in range(2):
        await here.fire()
        await here.turn(10)
        await here.fire(resolved(alert()))
        await here.turn(10)
    assert await ahead(here) == [
        "12:05 UTC, in 4 min: step 2 waits until something fires",
        "12:10 UTC, in 9 min: if nothing begins or ends before: told that it is resolved",
    ]
    assert (await here.incident()).flaps != Flaps()
