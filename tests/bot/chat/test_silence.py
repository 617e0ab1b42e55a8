"""`silence`: what people say, what they are asked first, and what becomes of the alerts."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from routing.playbook import SilenceLimits
from storage.model.incident import Status
from storage.model.person import Permission
from storage.sql import audit, silences
from tests.bot.chat.conftest import Square
from tests.routing.town import ADA, BOB, ROOT, alert, resolved


def narrow(square: Square, confirm: int = 2, widest: int = 4) -> None:
    limits = SilenceLimits(longest=timedelta(days=1), confirm=confirm, widest=widest)
    square.town.playbook.swap(replace(square.town.playbook(), limits=limits))


async def record(square: Square) -> list[str]:
    async with square.town.database.reading() as tx:
        return [row.because for row in await audit.of_incident(tx, None)]


async def test_by_labels_it_stops_what_rings_and_begins_again_at_its_end(square: Square) -> None:
    await square.town.fire(alert(service="checkout"))
    await square.town.turn()
    reply = await square.say("silence service=checkout 2h planned work")
    assert reply.text == (
        'Silence 1 on service="checkout" until 14:00 UTC (2 h). It hides 1 alert now.'
    )
    assert square.desks.wake.muting.is_set()  # whoever looks what mutes does not wait for a second
    await square.town.turn()
    assert (await square.town.incident()).status is Status.MUTED
    shown = await square.say("alerts")
    assert "muted, silence 1 by Ada until 2026-03-02 14:00 UTC" in str(shown)
    assert await record(square) == [
        'silence 1 on service="checkout" until 2026-03-02 14:00 UTC: planned work by ada'
    ]
    await square.town.turn(7_300, by=900)
    assert (await square.town.incident()).status is Status.TRIGGERED


async def test_a_matcher_is_taken_as_it_is_written(square: Square) -> None:
    await square.town.fire(alert(i="db1"), alert(i="dbd"))
    reply = await square.say(r'silence i=~"db\d" "host.name"!="x" 2h planned')
    assert "It hides 1 alert now" in reply.text
    async with square.town.database.reading() as tx:
        [made] = await silences.search(tx)
    assert [str(it) for it in made.matchers] == [r'i=~"db\\d"', '"host.name"!="x"']


async def test_until_resolved_ends_with_the_last_alert_that_it_covered(square: Square) -> None:
    await square.town.fire(alert(i="1"), alert(i="2"))
    reply = await square.say("silence 1 until resolved known fault")
    assert reply.text.startswith(
        'Silence 1 on alertname="CheckoutSlow", severity="critical" until resolved, at the latest'
    )
    await square.town.turn()
    await square.town.fire(resolved(alert(i="1")))
    assert "1 silence" in (await square.say("silence list")).text
    await square.town.fire(resolved(alert(i="2")))
    assert (await square.say("silence list")).text == "No silence."
    await square.town.fire(alert(i="1"))
    await square.town.turn()
    assert (await square.town.incident()).status is Status.TRIGGERED


@pytest.mark.parametrize("span", ["2 hours", "for 120 min", "2.0h", "1 h 60 min,"])
async def test_a_duration_is_said_as_people_say_it(square: Square, span: str) -> None:
    reply = await square.say(f"silence service=checkout team=shop {span} planned work")
    assert "until 14:00 UTC (2 h)" in reply.text
    assert (await square.say("silence list")).table[1][-1] == "planned work"
    assert "15:30" in (await square.say("silence extend 1 by 1.5 hours")).text
    assert "16:00" in (await square.say("silence extend 1 by half an hour")).text


async def test_listed_extended_and_ended(square: Square) -> None:
    await square.town.fire(alert(team="shop"))
    await square.say("silence team=shop 1h deploy")
    await square.town.turn()
    reply = await square.say("silence list")
    assert list(reply.table[1]) == ["1", 'team="shop"', "Ada", "13:00 UTC", "1", "deploy"]
    assert (await square.say("silence extend 1 30m")).text == "Silence 1 lasts until 13:30 UTC."
    assert "is over" in (await square.say("silence expire 1", who=BOB)).text
    await square.town.turn()
    assert (await square.town.incident()).status is Status.TRIGGERED
    again = await square.say("silence expire 1")
    assert (again.text, again.refused) == (
        "silence 1 is over already, since 2026-03-02 12:00 UTC",
        True,
    )
    assert (await square.say("silence extend 9 1h")).text == "no silence has the number 9"
    assert [row.split(" by ")[0] for row in await record(square)] == [
        'silence 1 on team="shop" until 2026-03-02 13:00 UTC: deploy',
        "silence 1 extended",
        "silence 1 ended",
    ]


async def test_several_are_ended_together_or_none_is(square: Square) -> None:
    for team in "abc":
        await square.say(f"silence team={team} 1h")
    await square.say("maintenance team=d 1h")
    assert (await square.say("silence expire 1 9")).text == "no silence has the number 9"
    assert len((await square.say("silence list")).table) == 4
    assert (await square.say("silence expire #1,#2 4")).text.startswith(
        "Silence 1, silence 2 and maintenance 4 are over; what they hid and fires still"
    )
    assert (await square.say("silence expire 3")).text.startswith("Silence 3 is over; what it hid")


async def test_until_a_time_by_the_speakers_clocks(square: Square) -> None:
    book = square.town.playbook()
    people = {**book.people, ADA: replace(book.people[ADA], zone="Europe/Berlin")}
    square.town.playbook.swap(replace(book, people=people))
    reply = await square.say("silence team=shop until 14:30 planned")
    assert reply.text.startswith('Silence 1 on team="shop" until 13:30 UTC (1 h 30 min).')
    tomorrow = await square.say("silence team=shop until 2026-03-03 09:00")
    assert "until 2026-03-03 08:00 UTC (20 h)" in tomorrow.text
    assert "until 2026-03-03 11:00 UTC" in (await square.say("silence team=x until 12:00")).text


SLIPS = [
    ("silence servce=checkout 1h", "No alert has the label 'servce'; did you mean 'service'?"),
    ("silence service=chekout 1h", "No alert has service=\"chekout\"; did you mean 'checkout'?"),
    ("silence service=mail 1h", "Nothing that it covers fires now."),
    ("silence service=checkout,team=shop 1h", "It hides 1 alert, 1 team now."),
    ('silence {service="checkout",team="shop"} 1h', "It hides 1 alert, 1 team now."),
]


@pytest.mark.parametrize(("sentence", "said"), SLIPS)
async def test_a_slip_of_the_pen_is_seen(square: Square, sentence: str, said: str) -> None:
    await square.town.fire(alert(service="checkout", team="shop"), alert("Disk", service="db"))
    assert (await square.say(sentence)).text.endswith(said)


async def test_a_broad_one_is_confirmed_with_the_word_that_was_shown(square: Square) -> None:
    narrow(square)
    await square.town.fire(*(alert(i=str(n), team=f"t{n}", a="b") for n in range(3)), alert("X"))
    reply = await square.say("silence a=b 2h big work")
    assert reply.refused
    assert reply.text.startswith("This hides 3 alerts, 3 teams (t0, t1, t2). To do it, say `")
    sentence = re.findall("`(.+)`", reply.text)[0]
    assert sentence.startswith('silence a="b" 2h big work yes-')
    assert "This hides" in (await square.say(sentence, who=BOB)).text
    assert "This hides" in (await square.say("silence a=b 2h --yes")).text
    assert "Silence 1 on" in (await square.say(sentence)).text
    assert "Silence 2 on" in (await square.say("silence a=b 2h --yes", via="cli")).text


WIDEST = ["silence a=b 1h --yes", 'silence alertname=~".*" 1h --yes', "silence none!=x 1h --yes"]


@pytest.mark.parametrize("sentence", WIDEST)
async def test_the_widest_need_an_administrator(square: Square, sentence: str) -> None:
    narrow(square)
    await square.town.fire(*(alert(i=str(n), a="b") for n in range(5)), alert("X"))
    reply = await square.say(sentence, via="cli")
    assert (reply.refused, reply.text.split(":")[0]) == (True, "Not allowed")
    assert any("needs the permission `admin`" in because for because in await record(square))
    assert "Silence 1 on" in (await square.say(sentence, via="cli", who=ROOT)).text


async def test_the_widest_are_made_to_last_longer_by_administrators_alone(square: Square) -> None:
    narrow(square)
    await square.town.fire(*(alert(i=str(n), a="b") for n in range(5)), alert("X"))
    await square.say("silence a=b 1h --yes", via="cli", who=ROOT)
    reply = await square.say("silence extend 1 1h")
    assert (reply.refused, reply.text.split(":")[0]) == (True, "Not allowed")
    assert "until" in (await square.say("silence extend 1 1h", who=ROOT)).text


REFUSED = [
    ("silence", "Say what and for how long"),
    ("silence team=shop", "For how long?"),
    ("silence team=shop 0s", "That time is over"),
    ("silence team=shop until 2026-01-01 08:00", "That time is over"),
    ("silence team=shop until 9999-12-31 23:59", "within 10 years of now"),
    ("silence team=shop until noon", "expected a time such as `until 22:00`"),
    ("silence expire", "`silence list` shows them"),
    ("silence expire all", "`silence list` shows them"),
    ("silence extend", "Which one, and by how much?"),
    ("silence 2h", "Say what and for how long"),
    ("silence team=shop 2d", "a silence lasts 1d at most (alerts.silences.longest)"),
    ("silence team=~( 1h", "regular expression '('"),
    ("silence team=shop until resolved", "Nothing that this covers fires now"),
    ("silence 7 1h", "no incident has the number 7"),
    ("silence extend 1", "By how much?"),
]


@pytest.mark.parametrize(("sentence", "why"), REFUSED)
async def test_what_cannot_be_is_said_in_words(square: Square, sentence: str, why: str) -> None:
    narrow(square)
    reply = await square.say(sentence)
    assert reply.refused
    assert why in reply.text
    assert (await square.say("silence list")).text == "No silence."


async def test_what_says_that_we_are_blind_rings_on(square: Square) -> None:
    await square.town.fire(alert("SourceSilent", team="shop"), alert(team="shop"))
    reply = await square.say("silence team=shop 1h")
    assert "It hides 1 alert, 1 team now" in reply.text
    await square.town.turn()
    named = {it.title.split()[0]: it.status for it in await square.town.open_incidents()}
    assert named == {"SourceSilent": Status.TRIGGERED, "CheckoutSlow": Status.MUTED}


async def made(square: Square) -> list[tuple[str, str]]:
    async with square.town.database.reading() as tx:
        return [(str(it.matchers[-1]), it.comment) for it in await silences.search(tx)]


async def test_mine_and_all_make_one_for_each_incident_at_once(square: Square) -> None:
    await square.town.fire(alert("One"), alert("Two", i="1"), alert("Two", i="2"), alert("Three"))
    await square.town.turn()
    await square.say("ack 2", who=BOB)
    reply = await square.say("silence mine 1h big work")
    assert reply.text.startswith("Silences 1 and 2 until 13:00 UTC (1 h). They hide 2 alerts")
    assert [note for _, note in await made(square)] == ["big work"] * 2
    await square.town.turn()
    found = {it.title.split()[0]: it.status for it in await square.town.open_incidents()}
    assert found == {"One": Status.MUTED, "Two": Status.ACKNOWLEDGED, "Three": Status.MUTED}
    assert (
        "Silences 3 to 5 until resolved"
        in (await square.say("silence all until resolved", who=ROOT)).text
    )
    assert (await square.say("silence mine service=none 1h")).text.startswith("No")


async def test_many_are_previewed_by_their_numbers_and_need_the_right(square: Square) -> None:
    narrow(square, confirm=2, widest=3)
    await square.town.fire(
        *(alert(f"A{n}") for n in range(4)), *(alert("B", n=str(n)) for n in range(3))
    )
    await square.town.turn()
    refused = await square.say("silence all 30m")
    assert (refused.refused, "permission `admin`" in refused.text) == (True, True)
    asked = await square.say("silence all 30m night", who=ROOT)
    assert asked.refused
    assert asked.text.startswith(
        "This hides 7 alerts. To do it, say `silence 1 2 3 4 5 30m night yes-"
    )
    assert await made(square) == []
    await square.town.fire(alert("Later"))
    sentence = re.findall("`(.+)`", asked.text)[0]
    done = await square.say(sentence, who=ROOT)
    assert "They hide 7 alerts now" in done.text, "what was shown, and no more"
    assert [note for _, note in await made(square)] == ["night"] * 5


async def test_all_or_none_of_them_is_made(square: Square) -> None:
    await square.town.fire(alert("One"), alert("Two"))
    await square.town.turn()
    assert (await square.say("silence 1 2 9 1h")).refused
    assert (await square.say("silence 1 2 90d")).refused
    assert await made(square) == []
    await square.town.fire(*(alert(f"N{n}") for n in range(100)))
    assert "100 at most" in (await square.say("silence all 1h", who=ROOT)).text
    assert await made(square) == []


async def test_who_may_only_look_sees_the_list_and_changes_nothing(square: Square) -> None:
    await square.town.fire(alert(team="shop"))
    await square.say("silence team=shop 1h")
    book = square.town.playbook()
    people = {**book.people, BOB: replace(book.people[BOB], permission=Permission.VIEW)}
    square.town.playbook.swap(replace(book, people=people))
    assert len((await square.say("silence list", who=BOB)).table) == 2
    assert not (await square.say("maintenance list", who=BOB)).refused
    for sentence in ("silence expire 1", "silence extend 1 1h", "silence all 1h", "silence"):
        reply = await square.say(sentence, who=BOB)
        assert (
            reply.text == "Not allowed: `silence` needs the permission `respond`; Bob has `view`."
        )
    assert "Not allowed" in (await square.say("maintenance team=shop 1h", who=BOB)).text


async def test_a_long_note_can_be_confirmed_too(square: Square) -> None:
    narrow(square)
    await square.town.fire(*(alert(i=str(n), a="b") for n in range(3)), alert("X"))
    reply = await square.say("silence a=b 2h " + "word " * 390)
    assert reply.confirm is not None
    assert (await square.say(reply.confirm.sentence)).text.startswith("Silence 1 on")
