"""`routes`: where such an alert would go at this very moment, with all that fires and is open."""

from dataclasses import replace

import pytest

from routing.alerts.inhibit import InhibitRule
from routing.playbook import Route
from storage.model.labels import Matcher, MatchOp
from tests.bot.chat.conftest import Square
from tests.routing.town import alert, resolved

DOWN = InhibitRule(
    source=(Matcher("alertname", MatchOp.EQUAL, "NodeDown"),),
    target=(Matcher("severity", MatchOp.EQUAL, "warning"),),
    equal=("node",),
)
SLOW = "routes alertname=CheckoutSlow severity"


async def lines(square: Square, sentence: str) -> list[str]:
    return (await square.say(sentence)).text.splitlines()


async def test_what_a_firing_alert_would_hide_says_so(square: Square) -> None:
    square.town.playbook.swap(replace(square.town.playbook(), inhibit=(DOWN,)))
    asked = "routes alertname=CpuHigh severity=warning node=n1"
    assert not any("quiet now" in line for line in await lines(square, asked))
    await square.town.fire(alert("NodeDown", node="n1"))
    assert "  quiet now: hidden by NodeDown" in await lines(square, asked)
    other = await lines(square, asked.replace("n1", "n2"))
    assert not any("quiet now" in line for line in other)


async def test_what_would_join_an_incident_says_which_and_that_nobody_is_asked(
    square: Square,
) -> None:
    assert not any("#1" in line for line in await lines(square, f"{SLOW}=critical"))
    await square.town.fire(alert(severity="warning", pod="a"))
    await square.town.turn()
    joins = "  joins #1, triggered: its steps go on, nobody is asked anew"
    assert joins in await lines(square, f"{SLOW}=warning")
    assert "  joins #1, triggered" in await lines(square, f"{SLOW}=critical")
    await square.say("ack 1")
    had = "  joins #1, acknowledged by Ada: nobody is asked anew while Ada has it"
    assert had in await lines(square, f"{SLOW}=warning")
    worse = "  joins #1, acknowledged by Ada: Ada hears that it is worse, nobody is asked anew"
    assert worse in await lines(square, f"{SLOW}=critical")
    await square.town.fire(resolved(alert(severity="warning", pod="a")))
    assert "  opens #1 again" in await lines(square, f"{SLOW}=warning")


@pytest.mark.parametrize("sentence", ["routes", "routes test", "tocsin routes test"])
async def test_it_is_said_as_on_the_command_line_too(square: Square, sentence: str) -> None:
    matcher = Matcher("team", MatchOp.EQUAL, "shop team")
    route = Route(matchers=(matcher,), policy="default")
    square.town.playbook.swap(replace(square.town.playbook(), routes=(route,)))
    first, *_ = await lines(square, f'{sentence} alertname=X team="shop team"')
    assert first.startswith('routes[0] (team="shop team") -> policy default')
    assert (await square.say(sentence)).refused
