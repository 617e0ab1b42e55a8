"""`me`: what happens when I am paged now."""

from dataclasses import replace
from datetime import time, timedelta

from storage.model.alert import Severity
from storage.model.hours import Hours
from storage.model.person import PersonalRule, QuietHours, Turn
from tests.bot.chat.conftest import Square
from tests.routing.town import ADA, BOB, PEOPLE, PLAYBOOK

HEAD = ("severity", "at once", "then")
MINUTE = timedelta(minutes=1)
LADDER = PersonalRule(
    turns=(Turn(after=0 * MINUTE, by=("chat",)), Turn(after=2 * MINUTE, by=("sms",)))
)
QUIET = QuietHours(hours=Hours(start=time(11), end=time(14), zone="Europe/Berlin"))


async def test_without_rules_the_severity_says_how(square: Square) -> None:
    reply = await square.say("me")
    assert reply.text == (
        "Ada, if an incident asks you now (12:00 UTC):\n"
        "On primary: on call now.\n"
        "A step of a policy that names channels (`by`) goes before."
    )
    assert reply.table == (
        HEAD,
        ("critical", "slack and sms", ""),
        ("warning", "slack", ""),
        ("informational", "slack", ""),
        ("predictive", "slack", ""),
    )


async def test_with_rules_and_quiet_hours(square: Square) -> None:
    ada = replace(PEOPLE[ADA], rules=(LADDER,), quiet=QUIET, zone="Europe/Berlin")
    bob = replace(PEOPLE[BOB], contacts=())
    square.town.playbook.swap(replace(PLAYBOOK, people=PEOPLE | {ADA: ada, BOB: bob}))
    reply = await square.say("me")
    assert "(13:00 CET)" in reply.text
    assert "Quiet hours 11:00-14:00 Europe/Berlin: only critical rings then." in reply.text
    assert reply.table[1:3] == (
        (Severity.CRITICAL, "slack", "sms after 2 min"),
        (Severity.WARNING, "slack", "sms at 14:00 CET, after quiet hours"),
    )
    other = await square.say("me", who=BOB)
    assert "On primary: number 2." in other.text
    assert other.table[1] == ("critical", "nothing", "")
