"""`next`: what will be sent, to whom and when."""

from tests.bot.chat.conftest import Square
from tests.routing.town import alert


async def test_of_one_incident_and_of_all(square: Square) -> None:
    assert (await square.say("next")).text == "Nothing is open, so nothing will be sent."
    await square.town.fire(alert(), alert("DiskFull"))
    await square.town.turn()
    one = (await square.say("next 1")).text.splitlines()
    assert one[0] == "#1 CheckoutSlow: triggered"
    assert "page to Cy" in one[1]
    both = (await square.say("next")).text
    assert "#1 CheckoutSlow: 12:" in both
    assert "#2 DiskFull: 12:" in both
    await square.say("resolve all")
    await square.town.turn()
    over = (await square.say("next 1")).text
    assert over.splitlines() == [
        "#1 CheckoutSlow: resolved by Ada, quiet while it still fires",
        "  nothing is due, as things stand",
    ]


async def test_what_it_does_not_understand_is_said(square: Square) -> None:
    assert (await square.say("next time")).text.startswith("Which one?")
    assert (await square.say("next 7")).text == "no incident has the number 7"


async def test_what_is_muted_says_what_comes_after(square: Square) -> None:
    await square.town.fire(alert())
    await square.say("silence 1 1h")
    await square.town.turn()
    await square.town.turn()
    lines = (await square.say("next 1")).text.splitlines()
    assert "muted, silence 1 by Ada until" in lines[0]
    assert lines[-1].endswith("if it fires still: step 1 of its policy")
    await square.say("ack 1")
    assert (
        "nobody is asked if it is muted still, silence 1 by Ada"
        in (await square.say("next 1")).text
    )
