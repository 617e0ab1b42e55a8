"""What hides much is confirmed by a button: by whoever asked, once, and looked at again."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.chat.slack_confirm import CANCELLED, DONE, FORGED, LASTING, OVER
from routing.playbook import SilenceLimits
from storage.model.incident import Status
from storage.model.person import Permission
from storage.sql import silences
from tests.bot.chat.slack_office import Office, answered, member, office
from tests.routing.town import ADA, alert
from tests.vendors.slack_workspace import Message

LIMITS = SilenceLimits(longest=timedelta(days=1), confirm=2, widest=5)


@pytest.fixture(params=["socket", "http"])
async def place(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    async with office(tmp_path, over=request.param) as made:
        playbook = made.town.playbook
        playbook.swap(replace(playbook(), limits=LIMITS))
        await made.town.fire(
            *(alert(i=str(n), team=f"t{n % 2}", a="b") for n in range(4)), alert("X")
        )
        yield made


async def asked(place: Office, sentence: str = "silence a=b 2h deploy") -> Message:
    """Ask for what is broad; return the message that only the speaker sees, with its buttons."""
    text = await place.ask(sentence)
    assert text == "This hides 4 alerts, 2 teams (t0, t1)."
    return place.server.space.ephemerals[-1]


async def pressed(place: Office, message: Message, button: str, user: str = "U1") -> str:
    return await answered(await place.server.press("C1", message.ts, button, user=user))


async def made(place: Office) -> list[str]:
    async with place.town.database.reading() as tx:
        return [f"{it.created_by}: {it.comment}" for it in await silences.search(tx)]


def forge(message: Message, **changes: Any) -> None:
    for block in message.blocks:
        for button in block.get("elements", ()):
            button["value"] = json.dumps(json.loads(button["value"]) | changes)


async def test_two_buttons_stand_under_the_preview_and_one_press_does_it(place: Office) -> None:
    message = await asked(place)
    assert message.actions == ["confirm", "cancel"]
    assert message.element("confirm")["text"]["text"] == "Hide 4 alerts"
    assert await made(place) == []
    answer = await pressed(place, message, "confirm")
    assert 'Silence 1 on a="b" until 14:00 UTC (2 h). It hides 4 alerts, 2 teams now.' in answer
    assert await made(place) == ["ada: deploy"]
    assert message.actions == [], "the answer stands where the buttons were"


async def test_what_no_button_can_carry_is_typed(place: Office) -> None:
    text = await place.ask(f"silence a=b 2h {'x' * 1_900}")
    assert "To do it, say `silence a=" in text
    assert place.server.space.ephemerals[-1].actions == []


async def test_cancelled_is_cancelled(place: Office) -> None:
    message = await asked(place)
    old = [*message.blocks]
    assert await pressed(place, message, "cancel") == CANCELLED
    place.server.space.edit(message, "old", old)
    assert await pressed(place, message, "confirm") == DONE
    assert await made(place) == []


async def test_pressed_twice_or_after_a_restart_it_is_done_once(place: Office) -> None:
    message = await asked(place)
    old = [*message.blocks]
    await place.restart()
    assert "Silence 1 on" in await pressed(place, message, "confirm")
    place.server.space.edit(message, "old", old)
    assert await pressed(place, message, "confirm") == DONE
    assert await made(place) == ["ada: deploy"]


async def test_somebody_else_confirms_nothing(place: Office) -> None:
    message = await asked(place)
    for user in ("U2", "U3"):
        assert await pressed(place, message, "confirm", user) == FORGED
        message = await asked(place)
    assert await made(place) == []
    said = "confirmed what somebody else, or nobody, was asked"
    assert await place.refusals() == [("bob", said), ("U3", said)]


@pytest.mark.parametrize(
    "changes",
    [
        {"say": "silence X=~.* 24h"},
        {"who": "bob"},
        {"ends": 2**40},
        {"seal": "0" * 40},
        {"seal": 7},
    ],
)
async def test_what_was_not_signed_like_this_is_refused(
    place: Office, changes: dict[str, Any]
) -> None:
    message = await asked(place)
    forge(message, **changes)
    assert await pressed(place, message, "confirm", "U2" if "who" in changes else "U1") == FORGED
    assert await made(place) == []


async def test_after_ten_minutes_it_has_to_be_said_again(place: Office) -> None:
    message = await asked(place)
    place.town.clock.advance(LASTING.total_seconds())
    assert await pressed(place, message, "confirm") == OVER
    assert await made(place) == []


async def test_far_more_than_was_shown_is_shown_again(place: Office) -> None:
    message = await asked(place)
    limits = replace(LIMITS, widest=100)
    place.town.playbook.swap(replace(place.town.playbook(), limits=limits))
    await place.town.fire(*(alert(i=str(n), a="b") for n in range(10, 20)))
    assert "This hides 14 alerts" in await pressed(place, message, "confirm")
    assert await made(place) == []
    assert "Silence 1 on" in await pressed(place, message, "confirm")


async def test_who_lost_the_right_meanwhile_is_refused(place: Office) -> None:
    message = await asked(place)
    people = {**place.town.playbook().people, ADA: member(ADA, "U1", Permission.VIEW)}
    place.town.playbook.swap(replace(place.town.playbook(), people=people))
    assert "Not allowed" in await pressed(place, message, "confirm")
    assert await made(place) == []


async def test_the_menu_of_an_incident_silences_what_it_is_about(place: Office) -> None:
    await place.deliver()
    top = next(it for it in place.server.messages("C1") if "X" in it.text)
    press = await place.server.press("C1", top.ts, "more", choice=value_of(top, "silence 1h"))
    assert "until 13:00 UTC (1 h)" in await answered(press)
    await place.town.quiet.look()
    found = {it.title.split()[0]: it.status for it in await place.town.open_incidents()}
    assert found["X"] is Status.MUTED
    await place.deliver()
    assert "more" not in top.actions, "what is silenced is not silenced again"


async def test_a_menu_that_claims_another_incident_or_verb_does_nothing(place: Office) -> None:
    await place.deliver()
    top = place.server.messages("C1")[0]
    for changes in ({"incident": 2}, {"say": "escalate"}, {"say": "silence 999h"}, {"say": None}):
        forged = json.dumps({"incident": 1, "version": 1, "say": "silence 1h"} | changes)
        for option in top.element("more")["options"][:1]:
            option["value"] = forged
        press = await place.server.press("C1", top.ts, "more", choice=forged)
        assert "does not belong to this message" in await answered(press)
    assert await made(place) == []


def value_of(message: Message, verb: str) -> str:
    options = message.element("more")["options"]
    return next(it["value"] for it in options if json.loads(it["value"])["say"] == verb)
