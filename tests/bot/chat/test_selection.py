"""Many incidents at a time: which are meant, and what is answered."""

from dataclasses import replace

import pytest

from bot.chat.selection import selection
from bot.chat.wording import answered
from storage.model.incident import Status
from storage.model.labels import Matcher, MatchOp
from storage.sql import incidents
from tests.bot.chat.conftest import Square
from tests.routing.town import BOB, alert

SERVICE = Matcher("service", MatchOp.EQUAL, "checkout")

TWO = Matcher("a", MatchOp.EQUAL, "two words")
ODD = Matcher("a", MatchOp.REGEX, "b,c=d")


@pytest.mark.parametrize(("words", "matchers", "everything", "mine", "left"), [
    pytest.param("all", (), True, False, "", id="all"),
    pytest.param("All, looking", (), True, False, "looking", id="all-and-a-comma"),
    pytest.param("mine and more", (), False, True, "and more", id="mine"),
    pytest.param("service=checkout rolled back", (SERVICE,), False, False, "rolled back",
        id="by-a-label"),
    pytest.param("all service=checkout x", (SERVICE,), True, False, "x", id="all-of-a-label"),
    pytest.param('service=checkout,a=~"b,c=d", x', (SERVICE, ODD), False, False, "x",
        id="commas"),
    pytest.param("mine a=“two words” x", (TWO,), False, True, "x", id="quotes-of-a-phone"),
    pytest.param('{service="checkout", a="two words"} x', (SERVICE, TWO), False, False, "x",
        id="braces"),
    pytest.param("looking at all", (), False, False, "looking at all", id="a-note"),
])  # fmt: skip
def test_selection(
    words: str, matchers: tuple[Matcher, ...], everything: bool, mine: bool, left: str
) -> None:
    found = selection(tuple(words.split()))
    assert (found.matchers, found.everything, found.mine) == (matchers, everything, mine)
    assert found.words == tuple(left.split())


@pytest.mark.parametrize("words", ["=x", "job=~("])
def test_what_looks_like_a_matcher_and_is_none_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        selection((words,))


async def test_many_are_taken_by_a_label_in_one_sentence(square: Square) -> None:
    shop = [alert(f"Slow{n}", service="checkout") for n in range(3)]
    await square.town.fire(*shop, alert("DiskFull", service="mail"))
    reply = await square.say("ack service=checkout looking", who=BOB)
    assert reply.text.splitlines() == [
        f"#{n} Slow{n - 1} service=checkout: yours for 4 h, escalation stopped" for n in (1, 2, 3)
    ]
    assert (await square.say("ack service=none")).text == (
        "No open incident is meant by that; `alerts` shows what is open."
    )
    assert (await square.say("ack service=~(")).refused
    assert (await square.say("resolve mine", who=BOB)).text.count("resolved") == 3
    await square.say("resolve all")
    async with square.town.database.reading() as tx:
        assert await incidents.search(tx, statuses=[Status.TRIGGERED]) == []


async def test_very_many_are_answered_in_a_sentence(square: Square) -> None:
    await square.town.fire(*(alert(f"Slow{n}") for n in range(50)))
    reply = await square.say("ack all")
    assert reply.text.startswith("50 incidents: yours for 4 h, escalation stopped: #1 #2 ")
    assert reply.text.endswith("#40 and 10 more")
    again = await square.say("ack 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17")
    assert again.refused
    assert again.text.endswith("and 2 more were refused")


async def test_what_is_selected_and_taken_already_is_left_alone(square: Square) -> None:
    await square.town.fire(alert(), alert("DiskFull"))
    await square.say("ack 1", who=BOB)
    assert (await square.say("ack alertname=CheckoutSlow")).text == (
        "Nothing of that waits for an answer: #1 is acknowledged by Bob."
    )
    assert (await square.say("ack all")).text.startswith("#2 DiskFull")


async def test_what_is_not_meant_is_said_by_every_verb_in_its_words(square: Square) -> None:
    await square.town.fire(alert(service="checkout"))
    assert (await square.say("ack service=chekout")).text == (
        "No open incident is meant by that; `alerts` shows what is open. "
        "No alert has service=\"chekout\"; did you mean 'checkout'?"
    )
    await square.say("ack mine")
    await square.say("resolve all")
    assert (await square.say("ack mine")).text.startswith("Nothing waits for your answer")
    for verb in ("resolve mine", "snooze mine 1h", "silence mine 1h"):
        assert (await square.say(verb)).text.startswith("No open incident is yours")


async def test_of_very_many_those_that_went_otherwise_are_told_apart(square: Square) -> None:
    await square.town.fire(*(alert(f"Slow{n}") for n in range(20)))
    async with square.town.database.reading() as tx:
        found = await incidents.search(tx, statuses=[Status.TRIGGERED], newest_first=False)
    went = {it.id: replace(it, quiet=it.id != 1) for it in found}
    reply = answered(went, {}, lambda it: "resolved; it still fires" if it.quiet else "resolved")
    one, *others = reply.text.splitlines()
    assert one == "1 incident: resolved: #1"
    assert [line[:44] for line in others] == ["19 incidents: resolved; it still fires: #2 #"]


async def test_a_duration_stands_behind_any_number_of_matchers(square: Square) -> None:
    await square.town.fire(alert(service="checkout", team="shop"))
    reply = await square.say("snooze service=checkout team=shop 2 hours lunch")
    assert "snoozed for 2 h" in reply.text
    await square.say("resolve service=checkout team=shop 5 min blip")
    assert any("5 min blip" in fact for fact in await square.town.facts())
