"""Speaking: strangers, rights, refusals on record, and answers whatever breaks."""

from dataclasses import replace

import pytest

from bot.chat import speak as speaking
from bot.chat.speak import verbs
from bot.chat.verb import Ask, Reply, Verb
from routing.flow.desks import Desks
from storage.model.audit import AuditRow
from storage.model.incident import Status
from storage.model.person import Permission, PersonId
from storage.sql import audit
from tests.bot.chat.conftest import Square
from tests.fakes import NOON
from tests.routing.town import BOB, PEOPLE


async def refusals(square: Square) -> list[AuditRow]:
    async with square.town.database.reading() as tx:
        end = square.town.clock.utc_now().replace(year=NOON.year + 1)
        return await audit.between(tx, NOON, end, {"refused"})


async def test_a_stranger_is_told_so_and_it_is_recorded(square: Square) -> None:
    await square.town.fire()
    reply = await square.say("ack 1", who=None)
    assert reply == Reply(
        "I do not know you (slack U0STRANGER), so I cannot do this. "
        "An administrator can add you to `people` in the configuration.",
        refused=True,
    )
    (row,) = await refusals(square)
    assert (row.actor, row.via, row.because) == ("U0STRANGER", "slack", "a stranger said 'ack 1'")
    assert (await square.town.incident()).status is Status.TRIGGERED


async def test_who_may_not_is_told_so_and_it_is_recorded(square: Square) -> None:
    await square.town.fire()
    viewer = replace(PEOPLE[BOB], permission=Permission.VIEW)
    playbook = square.town.playbook()
    square.town.playbook.swap(replace(playbook, people={**playbook.people, BOB: viewer}))
    for text in ("ack 1", "oncall take 8h"):
        verb = text.removesuffix(" 1").removesuffix(" 8h")
        assert await square.say(text, who=BOB) == Reply(
            f"Not allowed: `{verb}` needs the permission `respond`; Bob has `view`.", refused=True
        )
    assert [(row.actor, row.because[:24]) for row in await refusals(square)] == [
        ("bob", "'ack 1' refused: `ack` n"),
        ("bob", "'oncall take 8h' refused"),
    ]
    assert (await square.say("alerts", who=BOB)).text.startswith("1 open incident")


async def test_an_unknown_verb_is_answered_with_a_guess(square: Square) -> None:
    reply = await square.say("akc 1")
    assert reply.text == (
        f"I do not know 'akc'; did you mean 'ack'? I know: {', '.join(verbs())}. "
        "`help <verb>` explains one."
    )
    assert reply.refused


async def test_an_error_inside_is_answered_by_a_plain_sentence(
    square: Square, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(ask: Ask, desks: Desks) -> Reply:
        raise RuntimeError(f"secret detail of {ask} and {desks}")

    broken = Verb(name="alerts", usage="", summary="", needs=Permission.VIEW, run=fail)
    monkeypatch.setattr(speaking, "verbs", lambda: {"alerts": broken})
    reply = await square.say("alerts")
    assert reply.text == (
        "`alerts` failed inside Tocsin and is in its log. It may not have been done; "
        "`alerts` shows how things stand."
    )


async def test_a_stranger_is_answered_while_the_database_is_away(square: Square) -> None:
    await square.town.database.close()
    assert (await square.say("ack 1", who=None)).refused


NASTY = [
    "", " ", "\x00", "/", "#", "ack #", "ack -1", "ack 1 for", "ack for for", "show all",
    "help \x00", "snooze 1 0s", "snooze 1 999999999y", "oncall take 1ms \u202e", "alerts 12",
    "ack " + "1 " * 3000, "resolve 1 '; drop table incidents", "ack <!channel>",
    "report ../../etc/passwd", "ack 1 a\x00b\ud800", "oncall take 8h \ud800",
]  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
async def test_whatever_is_typed_is_answered(square: Square, text: str) -> None:
    await square.town.fire()
    answer = (await square.say(text)).text
    assert answer
    assert "failed inside" not in answer
    assert (await square.say(text, who=None)).refused


async def test_numbers_of_any_size_are_answered(square: Square) -> None:
    for number in (0, 2**31, 2**63, 10**17, 10**30):
        assert "no incident has the number" in (await square.say(f"ack {number}")).text
        assert "no incident has the number" in (await square.say(f"show {number}")).text


async def test_someone_who_left_the_configuration_is_a_stranger(square: Square) -> None:
    assert square.town.playbook().speaker("slack", "slack-gone") is None
    assert (await square.say("alerts", who=None, via="cli")).text.startswith("I do not know you")
    assert PersonId("gone") not in square.town.playbook().people
