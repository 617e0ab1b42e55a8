"""`verdict`: one word on what an alarm was worth; changeable, and who said it is kept."""

import pytest

from storage.model.incident import Verdict
from storage.sql import audit
from tests.bot.chat.conftest import Square
from tests.routing.town import BOB, alert, resolved


async def over(square: Square, *names: str) -> None:
    """Incidents that Ada was asked about, and that are over."""
    alerts = [alert(name) for name in names or ("CheckoutSlow",)]
    await square.town.fire(*alerts)
    await square.town.turn(5)
    await square.town.fire(*map(resolved, alerts))
    await square.town.turn(5)


async def verdicts(square: Square, number: int = 1) -> list[str]:
    async with square.town.database.reading() as tx:
        rows = await audit.of_incident(tx, (await square.town.incident(number)).id)
    return [f"{row.actor} by {row.via}: {row.because}" for row in rows if row.what == "verdict"]


async def test_the_last_word_counts_and_each_stands_on_record(square: Square) -> None:
    await over(square)
    said = await square.say("verdict 1 false")
    assert said.text == "#1 CheckoutSlow: noted, a false alarm"
    square.town.clock.advance(60)
    await square.say("verdict 1 none", who=BOB, via="cli")
    incident = await square.town.incident()
    assert (incident.verdict, incident.verdict_by, incident.verdict_at) == (
        Verdict.NONE,
        BOB,
        square.town.clock.utc_now(),
    )
    assert await verdicts(square) == [
        "ada by slack: verdict by ada: a false alarm",
        "bob by cli: verdict by bob: no action was needed, not a false alarm",
    ]
    await square.town.turn(5)
    facts = dict(square.town.slack.rooms[-1].message.facts)
    assert facts["Verdict"] == "no action was needed, said Bob"


async def test_said_twice_it_is_noted_once_and_nobody_is_asked_by_it(square: Square) -> None:
    await over(square)
    sent = len(square.town.sms.sent)
    for _ in range(3):
        assert (await square.say("real 1")).text == "#1 CheckoutSlow: noted, a real alarm"
    await square.town.turn(600)
    assert len(await verdicts(square)) == 1
    assert len(square.town.sms.sent) == sent


SENTENCES = [
    ("verdict 1 real", Verdict.REAL),
    ("verdict real 1", Verdict.REAL),
    ("false 1", Verdict.FALSE),
    ("FALSE #1", Verdict.FALSE),
    ("none 1", Verdict.NONE),
    ("real", Verdict.REAL),
    ("verdict none", Verdict.NONE),
]


@pytest.mark.parametrize(("sentence", "verdict"), SENTENCES)
async def test_the_ways_to_say_it(square: Square, sentence: str, verdict: Verdict) -> None:
    await over(square)
    await square.say(sentence, via="sms")
    assert (await square.town.incident()).verdict is verdict


async def test_without_a_number_it_is_the_only_one_that_lacks_one(square: Square) -> None:
    assert (await square.say("false")).text == (
        "Nothing that you were asked about in the last day lacks a verdict; "
        "`false 12` says it of incident 12."
    )
    await over(square, "CheckoutSlow", "DiskFull")
    assert (await square.say("false")).text.splitlines()[0] == (
        "2 incidents that you were asked about lack a verdict; which one? "
        "`false 2` says it of the newest."
    )
    await square.say("false 2")
    assert (await square.say("real")).text == "#1 CheckoutSlow: noted, a real alarm"
    assert (await square.say("real", who=BOB)).refused


async def test_what_is_not_over_has_no_worth_yet(square: Square) -> None:
    await square.town.fire()
    said = await square.say("verdict 1 real")
    assert (said.refused, said.text) == (
        True,
        "#1 is not over yet: what it was worth is said at its end",
    )
    await square.say("resolve 1")
    assert not (await square.say("verdict 1 real")).refused


async def test_odd_words_are_answered(square: Square) -> None:
    await over(square)
    assert "did you mean 'false'?" in (await square.say("verdict 1 flase")).text
    assert (await square.say("verdict 1")).text.startswith("What was it worth? Expected real")
    assert (await square.say("verdict 77 real")).text == "#77: no incident has the number 77"
    assert (await square.town.incident()).verdict is None


async def test_trouble_that_comes_back_keeps_the_word_until_another_is_said(
    square: Square,
) -> None:
    await over(square)
    await square.say("false 1")
    await square.town.fire()
    await square.town.turn(5)
    assert "Verdict" not in dict(square.town.slack.rooms[-1].message.facts)
    assert (await square.say("real 1")).refused
    await square.town.fire(resolved(alert()))
    await square.say("real 1")
    assert (await square.town.incident()).verdict is Verdict.REAL
