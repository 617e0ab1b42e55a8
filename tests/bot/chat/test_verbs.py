"""The verbs, on a real database: what is done, and what is heard."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.chat.speak import verbs
from bot.chat.verb import Reply
from routing.catalogue import Catalogue
from routing.delivery.channel import Rejected
from routing.dependencies import Dependencies
from routing.finding import Finding, Group
from storage.model.incident import Status
from storage.model.labels import Labels
from storage.model.person import OnCallList, Override
from storage.model.services import Service
from storage.sql import audit, overrides
from tests.bot.chat.conftest import Square
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, CY, ROOT, alert, resolved


async def test_ack_takes_incidents_and_stops_the_escalation(square: Square) -> None:
    await square.town.fire(alert(), alert("DiskFull"))
    reply = await square.say("ack 1 2 9 for 2h looking")
    assert reply == Reply(
        "#1 CheckoutSlow: yours for 2 h, escalation stopped\n"
        "#2 DiskFull: yours for 2 h, escalation stopped\n"
        "#9: no incident has the number 9"
    )
    incident = await square.town.incident()
    assert (incident.status, incident.owner) == (Status.ACKNOWLEDGED, ADA)
    assert any("looking" in fact for fact in await square.town.facts())


async def test_a_second_ack_hears_who_was_first(square: Square) -> None:
    await square.town.fire()
    await square.say("ack 1")
    reply = await square.say("ack 1", who=BOB)
    assert reply == Reply("#1 is already acknowledged by Ada", refused=True)


async def test_ack_without_a_number_takes_the_only_page(square: Square) -> None:
    await square.town.fire()
    await square.town.turn()
    assert (await square.say("ack", who=BOB)).text == (
        "Nothing waits for your answer. `ack 12` takes incident 12."
    )
    assert (await square.say("ack on it")).text == (
        "#1 CheckoutSlow: yours for 4 h, escalation stopped"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "MailQueue",
            "'MailQueue' names #2 MailQueue host=mx1, acknowledged by Bob; `ack 2` takes it.",
        ),
        ("mailqueue looking at it", "names #2 MailQueue"),
        ("mx1", "'mx1' names #2 MailQueue"),
        ("host mx1 rebooting", "'host mx1' names #2 MailQueue"),
        ("host:mx1", "names #2 MailQueue"),
        ("MialQueue", "No open incident is called 'MialQueue'; did you mean #2 MailQueue?"),
        ("DiskFull", "No open incident is called 'DiskFull'."),
    ],
)
async def test_ack_does_not_take_your_page_where_another_is_named(
    square: Square, words: str, said: str
) -> None:
    await square.town.fire(alert(service="shop"), alert("MailQueue", host="mx1"))
    await square.say("ack 2", who=BOB)
    await square.town.turn()
    reply = await square.say(f"ack {words}")
    assert reply.refused
    assert said in reply.text
    assert (
        f"What waits for your answer is #1 CheckoutSlow service=shop: `ack 1 {words}` takes"
        in reply.text
    )
    assert (await square.town.incident()).status is Status.TRIGGERED


@pytest.mark.parametrize(
    "note",
    [
        "looking",
        "on it",
        "OPS-42",
        "CheckoutSlow",
        "chekoutslow",
        "ChekoutSlow",
        "shop",
        "like MailQueue last week",
        "critical",
        "host is down",
        "mx1 may be why",
        "https://wiki.example.com/x_y",
    ],
)
async def test_ack_with_a_note_stays_easy(square: Square, note: str) -> None:
    await square.town.fire(alert(service="shop"), alert("MailQueue", host="mx1"))
    await square.say("ack 2", who=BOB)
    await square.town.turn()
    assert (await square.say(f"ack {note}")).text.startswith("#1 CheckoutSlow service=shop: yours")


async def test_ack_by_a_name_says_its_number_to_whom_nothing_waits_for(square: Square) -> None:
    await square.town.fire()
    assert (await square.say("ack CheckoutSlow", who=BOB)).text == (
        "'CheckoutSlow' names #1 CheckoutSlow, triggered; `ack 1` takes it."
    )


async def test_ack_without_a_number_asks_which_of_several(square: Square) -> None:
    await square.town.fire(alert(), alert("DiskFull"))
    await square.town.turn()
    assert (await square.say("ack")).text == (
        "2 incidents wait for your answer; which one? `ack 1 2` takes them all.\n"
        "#1 CheckoutSlow\n#2 DiskFull"
    )
    assert (await square.town.incident()).status is Status.TRIGGERED


async def test_ack_mine_takes_all_that_wait_for_the_speaker(square: Square) -> None:
    assert (await square.say("aa")).text == (
        "Nothing waits for your answer. `ack 12` takes incident 12."
    )
    await square.town.fire(alert(), alert("DiskFull"))
    assert (await square.say("aa", who=BOB)).refused
    assert (await square.say("aa")).text == (
        "#1 CheckoutSlow: yours for 4 h, escalation stopped\n"
        "#2 DiskFull: yours for 4 h, escalation stopped"
    )
    assert (await square.town.incident()).status is Status.ACKNOWLEDGED


async def test_resolve_closes_and_says_what_still_fires(square: Square) -> None:
    await square.town.fire()
    assert (await square.say("resolve")).refused
    assert (await square.say("resolve 1 rolled back")).text == (
        "#1 CheckoutSlow: resolved; it still fires, and stays quiet (`escalate` lets it ring again)"
    )
    assert (await square.say("ack 1", who=BOB)).text.startswith("#1 is already resolved by Ada")


async def test_nobody_takes_an_incident_for_years(square: Square) -> None:
    await square.town.fire()
    for hold in ("100y", "31d", "0s"):
        answer = (await square.say(f"ack 1 for {hold}")).text
        assert answer == "An acknowledgement lasts between 1s and 30d."
    assert "yours for 30 d" in (await square.say("ack 1 for 30d")).text


async def test_escalate_asks_the_next_ones_at_once(square: Square) -> None:
    await square.town.fire()
    await square.town.turn()
    assert (await square.say("escalate")).text == "Which one? Say its number: `escalate 12`."
    await square.say("ack 1")
    assert (await square.say("escalate 1 need a hand")).text == (
        "#1 CheckoutSlow: escalated, step 2 of 2 is asked now"
    )
    incident = await square.town.incident()
    assert (incident.status, incident.owner, incident.step) == (Status.TRIGGERED, None, 1)
    assert any("escalated by ada: need a hand" in fact for fact in await square.town.facts())
    await square.say("resolve 1")
    await square.town.fire(resolved(alert()))
    assert (await square.say("escalate 1", who=BOB)).refused


async def test_snooze_needs_a_number_and_a_duration(square: Square) -> None:
    await square.town.fire()
    assert (await square.say("snooze 30m")).text == (
        "Which one? Say its number and for how long: `snooze 12 30m`."
    )
    assert (await square.say("snooze 1")).text == (
        "For how long? Say a duration with its unit: `snooze 1 30m`."
    )
    assert (await square.say("snooze 1 90d")).text == "A snooze lasts between 1s and 30d."
    assert (await square.say("snooze 1 30m")).text == (
        "#1 CheckoutSlow: snoozed for 30 min, until 12:30 UTC"
    )
    assert (await square.town.incident()).status is Status.SNOOZED


async def test_alerts_lists_the_unanswered_and_urgent_first(square: Square) -> None:
    assert (await square.say("alerts")).text == "No open incidents."
    await square.town.fire(alert("Old", "warning"), alert("Worst"), alert("Taken"))
    await square.say("ack 3")
    square.town.clock.advance(300)
    reply = await square.say("alerts")
    assert reply.text == "3 open incidents: 2 critical and 1 warning."
    assert reply.table == (
        ("#", "severity", "stands", "title", "began"),
        ("2", "critical", "triggered", "Worst", "5 min ago"),
        ("1", "warning", "triggered", "Old", "5 min ago"),
        ("3", "critical", "acknowledged by Ada", "Taken", "5 min ago"),
    )
    assert (await square.say("alerts of ada")).text == (
        "I do not know `alerts of ada`; say `alerts` or `alerts all`."
    )


async def test_alerts_counts_what_fires_unheard(square: Square) -> None:
    services = [Service(name="web", depends_on=("db",)), Service(name="db")]
    changed = {
        "catalogue": Catalogue.of(services),
        "dependencies": Dependencies.of(services, hides=True),
    }
    square.town.playbook.swap(replace(square.town.playbook(), **changed))
    await square.town.fire(alert("Down", service="db"))
    await square.town.fire(alert("Slow", service="web"), alert("Late", service="web"))
    assert (await square.say("alerts")).text == (
        "1 open incident: 1 critical.\n"
        "2 alerts fire unheard: silenced, hidden by others, or in a quiet time."
    )


async def test_alerts_is_short_and_all_is_long(square: Square) -> None:
    await square.town.fire(*(alert(f"A{number}") for number in range(20)))
    reply = await square.say("alerts")
    assert reply.text == (
        "20 open incidents: 20 critical. The 15 most urgent; `alerts all` shows more:"
    )
    assert len(reply.table) == 16
    assert len((await square.say("alerts all")).table) == 21


async def test_show_tells_everything_about_one(square: Square) -> None:
    await square.town.fire(alert(code="<b>"))
    await square.town.turn()
    await square.say("ack 1", who=CY)
    reply = await square.say("show #1")
    assert reply.text.splitlines()[:6] == [
        "#1 CheckoutSlow code=<b>",
        "critical · degradation · acknowledged by Cy",
        "Began 12:00 UTC, 0 s ago; 1 of 1 alerts firing",
        "Policy default, step 1 of 2",
        "Alerts:",
        '  firing: {alertname="CheckoutSlow", code="<b>", severity="critical"}'
        " — CheckoutSlow hurts",
    ]
    assert "  12:00 UTC  Alerts began to fire" in reply.text.splitlines()
    assert "Acknowledged by Cy" in reply.text
    head, *receipts = reply.table
    assert head == ("when", "to", "by", "outcome")
    assert ("12:00 UTC", "Ada", "sms", "sent") in receipts
    assert any(to == "C1" and by == "slack" for _, to, by, _ in receipts)


async def test_show_says_what_will_be_sent_when(square: Square) -> None:
    await square.town.fire()
    await square.town.turn()
    reply = await square.say("show 1")
    due = "12:05 UTC, in 5 min: page to Cy by slack and sms (step 2)"
    assert f"Next:\n  {due}\n" in reply.text
    await square.say("resolve 1")
    assert "Next:" not in (await square.say("show 1")).text


async def test_show_cuts_what_is_long_and_says_what_failed(square: Square) -> None:
    square.town.sms.fault = Rejected("no such number")
    await square.town.fire(*(alert(instance=str(number)) for number in range(7)))
    await square.town.turn()
    reply = await square.say("show 1")
    assert "  and 2 more" in reply.text.splitlines()
    outcomes = {(to, by): outcome for _, to, by, outcome in reply.table[1:]}
    assert outcomes["Ada", "sms"] == "failed for good: no such number"
    assert outcomes["C1", "slack"].startswith("room, sent")


async def test_show_keeps_room_for_the_story_whatever_an_alert_says(square: Square) -> None:
    loud = alert()
    said = Labels.of(summary="<!channel>\r\n" * 2_000)
    await square.town.fire(replace(loud, annotations=said))
    reply = await square.say("show 1")
    assert len(reply.text) < 1_500
    (line,) = [line for line in reply.text.splitlines() if "<!channel>" in line]
    assert line.endswith("…")
    assert "Alerts began to fire" in reply.text


async def test_show_and_alerts_say_when_nobody_was_reached(square: Square) -> None:
    playbook = square.town.playbook()
    nobody = {id: replace(person, contacts=()) for id, person in playbook.people.items()}
    square.town.playbook.swap(replace(playbook, people=nobody))
    await square.town.fire()
    await square.town.turn()
    assert (await square.say("alerts")).table[1][2] == "triggered, not delivered"
    assert "Not delivered: the last step reached nobody" in (await square.say("show 1")).text


async def test_show_says_how_long_data_is_missing_and_until_when_it_sleeps(square: Square) -> None:
    await square.town.fire(replace(alert(), no_data_since=NOON))
    assert "No data since 12:00 UTC" in (await square.say("show 1")).text
    await square.say("snooze 1 13h", who=CY)
    assert "snoozed until 2026-03-03 01:00 UTC by Cy" in (await square.say("show 1")).text
    await square.say("resolve 1", who=CY)
    assert "resolved by Cy" in (await square.say("show 1")).text


async def test_show_wants_one_number_that_exists(square: Square) -> None:
    assert await square.say("show") == Reply("Which one? Say one number: `show 12`.", refused=True)
    assert await square.say("show 7") == Reply("no incident has the number 7", refused=True)


async def test_oncall_says_who_and_taking_it_changes_that_for_a_while(square: Square) -> None:
    head = ("list", "on call", "until", "then")
    assert (await square.say("oncall")).table == (head, ("primary", "Ada", "", "Bob"))
    reply = await square.say("oncall take 8h", who=CY)
    assert reply == Reply("Cy is on call on primary until 20:00 UTC instead of Ada.", public=True)
    assert (await square.say("oncall")).table == (
        head,
        ("primary", "Cy", "20:00 UTC", "Ada, Bob"),
    )
    await square.town.fire()
    await square.town.turn()
    assert [sent.address for sent in square.town.sms.pages] == ["sms-cy"]
    square.town.clock.advance(8 * 3600 + 1)
    assert (await square.say("oncall")).table == (head, ("primary", "Ada", "", "Bob"))
    async with square.town.database.reading() as tx:
        (fact,) = await audit.between(tx, NOON, NOON + timedelta(days=1), {"override"})
        rows = await overrides.active(tx, NOON + timedelta(hours=1))
    assert (fact.actor, fact.via) == ("cy", "slack")
    assert fact.because == "on call on primary for 8 h: taken by cy"
    assert rows == [
        Override(
            oncall="primary",
            person=CY,
            starts_at=NOON,
            ends_at=NOON + timedelta(hours=8),
            made_by=CY,
        )
    ]


@pytest.mark.parametrize(("text", "answer"), [
    ("oncall take", "For how long? `oncall take 8h`, up to 30d."),
    ("oncall take 90d", "For how long? `oncall take 8h`, up to 30d."),
    ("oncall take 8h primry", "oncall take: no on-call list is called 'primry'; "
        "did you mean 'primary'? known: primary, second, third"),
    ("oncall take 8h", "Which list? `oncall take 8h <list>`, one of primary, second and third."),
    ("oncall give", "Say `oncall`, or `oncall take 8h` to be on call for 8 hours."),
])  # fmt: skip
async def test_oncall_take_says_what_is_missing(square: Square, text: str, answer: str) -> None:
    playbook = square.town.playbook()
    lists = {
        "primary": playbook.oncall["primary"],
        "second": OnCallList(name="second", people=(ADA,)),
        "third": OnCallList(name="third", people=(CY,)),
    }
    square.town.playbook.swap(replace(playbook, oncall=lists))
    assert await square.say(text) == Reply(answer, refused=True)


async def test_oncall_without_lists_says_so(square: Square) -> None:
    square.town.playbook.swap(replace(square.town.playbook(), oncall={}))
    none = "No on-call list is configured; policies name people."
    assert (await square.say("oncall")).text == none
    assert (await square.say("oncall take 8h")).text == none


async def test_oncall_takes_the_speakers_own_list_of_several(square: Square) -> None:
    playbook = square.town.playbook()
    lists = {**playbook.oncall, "second": OnCallList(name="second", people=(CY,))}
    square.town.playbook.swap(replace(playbook, oncall=lists))
    reply = await square.say("oncall take 8h", who=CY)
    assert reply.text == "Cy is on call on second until 20:00 UTC."


async def test_help_explains_all_and_one(square: Square) -> None:
    reply = await square.say("help")
    assert [usage.split()[0] for usage, _ in reply.table[1:]] == list(verbs())
    assert (await square.say("help /ack")).text == (
        "ack [incident...] [for <duration>] [note] | ack mine|all|<label>=<value>... [note]\n"
        "Take incidents: escalation stops; without a number your only page.\n"
        "Needs the permission `respond`; you have `respond`."
    )
    assert "did you mean 'snooze'?" in (await square.say("help snoze")).text


async def test_a_report_that_nobody_has_is_refused_with_a_guess(square: Square) -> None:
    assert (
        await square.say("report")
    ).text == "Which report? `report alerts`, `report performance`."
    assert "did you mean 'alerts'?" in (await square.say("report alert")).text


async def test_a_report_answers_with_a_table_and_files(square: Square) -> None:
    await square.town.fire()
    await square.town.fire(resolved(alert()))
    reply = await square.say("report alerts 2h json")
    assert [file.media_type for file in reply.attachments] == ["application/json"]
    assert reply.public
    assert reply.table
    for said in ("report alerts json 2 hours", "report alerts 1.5 h json for the board"):
        again = await square.say(said)
        assert again.refused is ("board" in said)
        assert (again.table == reply.table) is ("board" not in said)


async def test_doctor_shows_what_is_amiss_to_administrators_alone(square: Square) -> None:
    clock, slack = Group("clock"), Group("slack")

    async def examine() -> tuple[Finding, ...]:
        return clock.ok("right"), clock.warning("slow", "wind it"), slack.fault("gone", "get it")

    well = replace(square, desks=replace(square.desks, examine=examine))
    assert (await well.say("doctor")).refused, "Ada may respond, and no more"
    reply = await well.say("doctor", who=ROOT)
    assert reply.text == "1 fault, 1 warning, 1 in order."
    assert [tuple(row) for row in reply.table[1:]] == [
        ("fault", "slack", "gone -> get it"),
        ("warning", "clock", "slow -> wind it"),
    ]
    assert (await square.say("doctor", who=ROOT)).refused, "nothing can be examined here"


async def test_what_was_resolved_by_mistake_rings_again_unless_another_took_its_place(
    square: Square,
) -> None:
    await square.town.fire(alert(pod="a"))
    await square.town.turn()
    await square.say("resolve 1")
    assert (await square.say("escalate 1 oops")).text.endswith("step 1 of 2 is asked now")
    await square.town.turn()
    assert (await square.town.incident()).status is Status.TRIGGERED
    assert "Escalated by Ada, it fires still: oops" in (await square.say("show 1")).text
    assert len({page.key for page in square.town.sms.pages}) == 2
    await square.say("resolve 1")
    await square.town.fire(alert(pod="b"))
    refused = await square.say("escalate 1")
    assert (refused.refused, refused.text) == (True, "#1 is over; what came after it is #2")
    await square.town.fire(resolved(alert(pod="b")))
    assert (await square.say("escalate 1")).refused  # the group's next trouble goes to #2
