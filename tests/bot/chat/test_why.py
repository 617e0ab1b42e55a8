"""`why`: who was told and who was not, and why, in sentences that stay true."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from bot.chat.parse import parse
from routing.delivery.cap import DailyCap
from routing.delivery.throttle import Pace
from routing.flow.current import Current
from routing.rules.read import parse_rules
from storage.model.alert import Origin
from storage.model.flaps import Flapping
from storage.model.hours import Hours
from storage.model.labels import Matcher, MatchOp
from storage.model.person import QuietHours
from storage.model.silence import Silence, SilenceId
from storage.sql import silences
from tests.bot.chat.conftest import Square
from tests.fakes import NOON
from tests.routing.flow.test_trail import TREE
from tests.routing.town import ADA, PLAYBOOK, POLICY, alert, resolved

HOUR = timedelta(hours=1)


async def silence(square: Square, name: str, comment: str = "new disks") -> Silence:
    made = Silence(
        id=SilenceId(0),
        uuid="u1",
        matchers=(Matcher("alertname", MatchOp.EQUAL, name),),
        starts_at=NOON,
        ends_at=NOON + HOUR,
        created_by="ada",
        updated_at=NOON,
        comment=comment,
    )
    async with square.town.database.transaction() as tx:
        return await silences.create(tx, made)


async def test_an_incident_from_its_door_to_its_receipts(square: Square) -> None:
    square.town.playbook.swap(TREE)
    origin = Origin(door="rules", rule="rules/shop.yaml:3:9", group="shop", expr="errors > 0.05")
    await square.town.fire(replace(alert(team="shop"), origin=origin))
    await square.town.turn(301)
    reply = await square.say("why 1")
    number = alert(team="shop").labels.fingerprint
    assert reply.text.splitlines() == [
        "#1 CheckoutSlow team=shop",
        "Asked Ada by slack and sms at 12:00 UTC and Cy by slack and sms at 12:05 UTC.",
        '  grouped into: 12:00:00 UTC, group default{alertname="CheckoutSlow", team="shop"}; '
        "1 of 1 alert firing",
        "  asked: 12:00:00 UTC, Ada by slack and sms: step 1 of 2 of policy default asks who is on "
        "call for primary",
        "  asked: 12:05:00 UTC, Cy by slack and sms: step 2 of 2 of policy default asks cy",
        'Alert CheckoutSlow{severity="critical", team="shop"}, firing',
        "  came in: 12:00:00 UTC, from our own rules",
        "  rule: rules/shop.yaml:3:9, group shop: errors > 0.05; value 2.5",
        f"  deduplicated: into alert {number}, one for equal labels",
        "  muted: by nobody",
        '  routed: routes[0].routes[0] (team="shop", severity=~"critical|page") -> '
        'policy default, group default{alertname="CheckoutSlow", team="shop"}',
        "  grouped into: incident #1",
    ]
    assert ("12:05 UTC", "Cy", "sms", "sent") in reply.table


async def test_in_a_terminal_it_stands_in_columns(square: Square) -> None:
    await square.town.fire()
    lines = (await square.say("why 1", via="cli")).text.splitlines()
    assert "  muted:        by nobody" in lines
    assert "  grouped into: incident #1" in lines


async def test_it_stays_true_after_a_reload_and_after_the_silence(square: Square) -> None:
    square.town.playbook.swap(TREE)
    await silence(square, "CheckoutSlow")
    await square.town.fire(alert(team="shop"))
    before = await square.say("why CheckoutSlow")
    assert before.text.splitlines()[1] == (
        "  Nobody is told now: silence 1 by Ada until 13:00 UTC (new disks). "
        "If it fires still, it is told at 13:00 UTC."
    )
    await square.town.turn(3_601, by=600)
    square.town.playbook.swap(PLAYBOOK)
    square.town.restart()
    await square.town.turn(1)
    lines = (await square.say("why 1")).text.splitlines()
    assert (
        "  silenced: 12:00:00 UTC, silence 1 by Ada until 13:00 UTC (new disks); "
        "it muted this until 13:00:00 UTC"
    ) in lines
    assert any("routed: routes[0].routes[0]" in line for line in lines)
    assert any("since then: the routes changed; by those of now: no route" in it for it in lines)


async def test_everything_that_is_not_heard_now_or_was_not(square: Square) -> None:
    await silence(square, "DiskFull")
    await square.town.fire(*(alert("DiskFull", disk=str(n)) for n in range(3)), alert())
    await square.town.fire(resolved(alert("DiskFull", disk="0")))
    await square.town.turn(60)
    lines = (await square.say("why")).text.splitlines()
    assert lines[0] == "3 alerts firing, 2 of that muted."
    assert lines[1].startswith("  2 alerts: silence 1 by Ada until 13:00 UTC; such as DiskFull{")
    assert lines[2] == "Over within the last 24 hours, and nobody was told:"
    assert lines[3].startswith("  12:00:00 UTC, DiskFull (")
    assert lines[3].endswith("Nobody was told: silence 1 by Ada until 13:00 UTC (new disks), "
                             "until it was over.")  # fmt: skip
    square.town.clock.advance(90_000)
    await square.town.fire(*(resolved(alert("DiskFull", disk=str(n))) for n in (1, 2)))
    assert (await square.say("why")).text.splitlines()[0] == "1 alert firing, none of that muted."


async def test_what_was_told_before_and_is_muted_now_is_not_called_told(square: Square) -> None:
    await square.town.fire()
    await square.town.turn(60)
    await square.town.fire(resolved(alert()))
    await silence(square, "CheckoutSlow")
    await square.town.turn(60)
    await square.town.fire()
    await square.town.turn()
    lines = (await square.say("why CheckoutSlow")).text.splitlines()
    assert lines[1].startswith(
        "  Nobody is told now: silence 1 by Ada until 13:00 UTC (new disks). If it fires still, "
        "it is told at 13:00 UTC. When it fired before it was told in #1. Asked Ada by slack and"
    )
    assert "  grouped into: incident #1, when it fired before" in lines


async def test_what_rang_and_is_muted_now_says_both(square: Square) -> None:
    await square.town.fire()
    await square.town.turn(60)
    await silence(square, "CheckoutSlow")
    await square.town.turn()
    lines = (await square.say("why CheckoutSlow")).text.splitlines()
    assert lines[1].startswith("  Told in #1. Asked Ada by slack and sms at 12:00 UTC.")
    assert lines[1].endswith(" Muted now: silence 1 by Ada until 13:00 UTC (new disks).")


async def test_who_has_what_is_muted_sees_that_it_is(square: Square) -> None:
    await square.town.fire()
    await square.say("ack 1")
    await silence(square, "CheckoutSlow")
    await square.town.turn()
    shown = (await square.say("show 1")).text
    stands = "acknowledged by Ada, silence 1 by Ada until 2026-03-02 13:00 UTC"
    assert stands in shown
    assert " — silence 1 by Ada until 2026-03-02 13:00 UTC" in shown
    assert stands in str((await square.say("alerts")).table)


async def test_an_end_that_came_first_says_so_and_is_no_news(square: Square) -> None:
    began = replace(alert(), dated=True)
    await square.town.fire(replace(resolved(began), ends_at=NOON + HOUR / 60))
    await square.town.fire(began)
    lines = (await square.say("why CheckoutSlow")).text.splitlines()
    assert lines[1] == "  Nobody was told: that it is over was told before that it fires."
    assert "  routed: nowhere: its end came first" in lines
    assert (await square.say("why")).text.splitlines() == [
        "Nothing fires.",
        "Nothing else of the last 24 hours was kept from people.",
    ]


async def test_what_gathers_says_until_when_and_what_was_over_before(square: Square) -> None:
    waits = replace(POLICY, group_wait=timedelta(seconds=30))
    square.town.playbook.swap(replace(PLAYBOOK, policies={"default": waits}))
    await square.town.fire()
    assert (await square.say("why 1")).text.splitlines()[1] == (
        "Nobody was told: it gathers until 12:00:30 UTC, then it asks."
    )
    assert "#1 CheckoutSlow: Nobody was told: it gathers" in (await square.say("why")).text
    await square.town.fire(resolved(alert()))
    assert (await square.say("why 1")).text.splitlines()[1] == (
        "Nobody was told: all of it was over before the group was complete."
    )


async def test_quiet_hours_and_who_was_asked_instead(square: Square) -> None:
    quiet = QuietHours(hours=Hours(start=time(11), end=time(14)))
    ada = replace(PLAYBOOK.people[ADA], quiet=quiet)
    slow = replace(alert("Slow", "warning"))
    people = {**PLAYBOOK.people, ADA: ada}
    by_sms = replace(POLICY, steps=(replace(POLICY.steps[0], by=("sms",)),))
    square.town.playbook.swap(replace(PLAYBOOK, people=people, policies={"default": by_sms}))
    await square.town.fire(slow)
    await square.town.turn(5)
    text = (await square.say("why 1")).text
    assert "not told: 12:00:00 UTC, quiet hours: nothing rings for Ada until 14:00" in text
    assert text.splitlines()[1] == "Asked Bob by sms at 12:00 UTC."


async def test_the_daily_cap_is_named(square: Square) -> None:
    by_sms = replace(POLICY, steps=(replace(POLICY.steps[0], by=("sms",)),), rooms=())
    caps = {"sms": DailyCap(person=0)}
    square.town.playbook.swap(replace(PLAYBOOK, policies={"default": by_sms}, caps=caps))
    await square.town.fire(alert("Slow", "warning"))
    await square.town.turn(5)
    assert "the daily cap is reached: 0 in 24 h for Ada" in (await square.say("why 1")).text


async def test_what_went_together_with_others(square: Square) -> None:
    pace = Pace(single=1, within=600.0)
    square.town.playbook.swap(replace(PLAYBOOK, pace=pace))
    await square.town.fire(*(alert(f"Rule{n}", "critical") for n in range(4)))
    await square.town.turn(900)
    told = [(await square.say(f"why {n}")).text for n in range(1, 5)]
    assert any("gathered:" in text and "together with" in text for text in told)


async def test_who_had_it_before_and_which_steps_were_not_taken(square: Square) -> None:
    await square.town.fire()
    await square.town.turn(5)
    await square.say("ack 1")
    square.town.clock.advance(60)
    await square.town.fire(alert(instance="web-2"))
    text = (await square.say("why 1")).text
    assert "  not asked: step 2 of 2: Ada acknowledged it before that" in text
    assert "incident #1; it joined when Ada had acknowledged it, so nobody was asked anew" in text
    assert "nobody was asked anew" not in text.split("instance=")[0]


async def test_who_resolved_it_keeps_it_quiet(square: Square) -> None:
    await square.town.fire()
    await square.town.turn(5)
    await square.say("resolve 1")
    text = (await square.say("why 1")).text
    assert "quiet: resolved by Ada while it fired: it stays quiet until it clears" in text
    assert (
        (await square.say("why CheckoutSlow"))
        .text.splitlines()[1]
        .endswith(" Ada resolved it while it fired: it stays quiet until it clears.")
    )
    lines = (await square.say("why")).text.splitlines()
    assert lines[1:3] == [
        "Resolved by people, and firing still: quiet until it clears:",
        "  #1 CheckoutSlow: resolved by Ada, quiet while it still fires",
    ]
    kept = "No open incidents.\n1 incident fires still that people resolved; `why` names them."
    assert (await square.say("alerts")).text == kept
    await square.town.fire(resolved(alert()))
    assert (await square.say("alerts")).text == "No open incidents."
    assert "Resolved by people" not in (await square.say("why")).text


async def test_nobody_can_be_reached(square: Square) -> None:
    people = {id: replace(person, contacts=()) for id, person in PLAYBOOK.people.items()}
    square.town.playbook.swap(replace(PLAYBOOK, people=people))
    await square.town.fire()
    await square.town.turn(5)
    lines = (await square.say("why 1")).text.splitlines()
    assert lines[1].startswith("Nobody was asked: ")
    assert "reached nobody" in lines[1]
    assert lines[1].endswith("; shown in slack C1.")


RULES = """
groups:
  - name: shop
    rules:
      - alert: Hidden
        expr: up == 0
        shadow: true
      - alert: Calm
        expr: up == 0
"""


async def test_a_rule_that_tells_nobody_is_found_by_its_name(
    square: Square,
) -> None:
    desks = replace(square.desks, rules=Current(parse_rules(RULES, "shop.yaml")))
    there = replace(square, desks=desks)
    assert (
        "is in the shadow: it is judged, and nobody is told" in (await there.say("why Hidden")).text
    )
    assert "never fired as far back as that" in (await there.say("why Calm")).text
    assert (await there.say("why Nothing")).refused
    assert (await there.say("why 99")).text == "no incident has the number 99"


async def test_an_alert_is_found_by_fingerprint_and_by_labels(square: Square) -> None:
    await square.town.fire(alert(service="checkout"), alert(service="Checkout"))
    meant = alert(service="checkout")
    for text in (f"why {meant.fingerprint}", f"why {meant.fingerprint[:8]}"):
        if parse(text).incidents:
            continue
        assert 'service="checkout"' in (await square.say(text)).text
    found = (await square.say("why service=checkout severity=critical")).text
    assert 'service="checkout"' in found
    assert "is meant" not in found
    await square.town.turn(5)
    assert ("12:00 UTC", "Ada", "sms", "sent") in (await square.say("why service=checkout")).table
    assert "1 more is meant by that" in (await square.say("why CheckoutSlow")).text
    assert (await square.say("why service=100%")).refused


@pytest.mark.parametrize("sentence", ["why 1", "why CheckoutSlow", "why"])
async def test_on_a_phone_a_sentence_must_do(square: Square, sentence: str) -> None:
    await square.town.fire(*(alert(instance=f"web-{n}" * 20) for n in range(9)))
    await square.town.turn(400)
    reply = await square.say(sentence, via="sms")
    assert not reply.table
    assert len(reply.text.splitlines()) <= 5
    assert len(reply.text) < 600


async def test_what_flaps_says_so(square: Square) -> None:
    flappy = replace(POLICY, flapping=Flapping(times=3))
    square.town.playbook.swap(replace(PLAYBOOK, policies={"default": flappy}))
    for _ in range(8):
        await square.town.fire()
        await square.town.turn(20)
        await square.town.fire(resolved(alert()))
        await square.town.turn(20)
    await square.town.fire()
    text = (await square.say("why 1")).text
    assert "  flapping: 12:00:00 UTC, flapping, 9 times in 5 min" in text
    assert text.count("\n") < 30


async def test_foreign_text_stays_on_its_line(square: Square) -> None:
    await square.town.fire(alert("Bad\nname\u202e", team="a\n  told: Ada"))
    for line in (await square.say("why 1")).text.splitlines():
        assert not line.startswith("  told: Ada")
        assert "\u202e" not in line


async def test_a_slip_of_the_pen_is_seen(square: Square) -> None:
    assert (await square.say("why")).text.splitlines()[0] == "Nothing fires."
    await square.town.fire(alert(service="checkout"))
    slip = await square.say("why ChekoutSlow")
    assert slip.refused
    assert slip.text.endswith("did you mean 'CheckoutSlow'?")
    assert (await square.say("why service=chekout")).text.endswith("did you mean 'checkout'?")
