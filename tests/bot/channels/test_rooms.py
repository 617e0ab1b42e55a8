"""An incident's whole life in rooms that cannot be edited: Teams, a program, a push service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bot.channels import push, teams, webhook
from bot.config.secret import Secret
from routing.delivery.channel import Channel, ChannelKind
from routing.flow.deliver import Sender
from routing.incidents.events import Acknowledge, Resolve
from storage.model.delivery import DeliveryStatus
from storage.model.incident import IncidentId
from storage.model.labels import Labels
from storage.model.policy import Room
from tests.bot.channels.test_cards import HOSTILE
from tests.routing.town import ADA, PLAYBOOK, POLICY, Town, alert, resolved, town
from tests.vendors.chats import Chats
from tests.vendors.faults import Failure, Fault
from tests.vendors.receiver import Receiver
from tests.vendors.teams import TeamsServer

KEY = "a-key-of-24-characters.."
ONE = IncidentId(1)
ROOMS = tuple(Room(channel=name, address="ops") for name in ("teams", "webhook", "push"))


class Place:
    """The town, and the three vendors that its rooms stand at."""

    def __init__(self, town: Town, workflows: TeamsServer, program: Receiver, chats: Chats) -> None:
        self.town, self.workflows, self.program, self.chats = town, workflows, program, chats

    def states(self) -> list[str]:
        """Say what people saw in Teams, oldest first."""
        found = [card["fallbackText"].split(":")[0] for card in self.workflows.cards("ops")]
        return [state.split(" · ")[0] for state in found]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    policy = replace(POLICY, rooms=ROOMS)
    book = replace(PLAYBOOK, policies={"default": policy}, wants_alerts=frozenset({"webhook"}))
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(town(tmp_path, book))
        workflows = await stack.enter_async_context(TeamsServer())
        program = Receiver(key=KEY, clock=there.clock)
        await stack.enter_async_context(program)
        chats = await stack.enter_async_context(Chats())
        url = f"http://127.0.0.1:{program.port}/x"
        opened: dict[str, tuple[ChannelKind, Channel]] = {
            "teams": (
                teams.CHANNEL,
                teams.Teams(teams.TeamsOptions(rooms={"ops": Secret(workflows.address("ops"))})),
            ),
            "webhook": (
                webhook.CHANNEL,
                webhook.Webhook(
                    webhook.WebhookOptions(
                        urls={"ops": Secret(url)}, keys={"ops": Secret(KEY)}, allow=("127.0.0.1",)
                    ),
                    there.clock,
                ),
            ),
            "push": (
                push.CHANNEL,
                push.Push(push.PushOptions(urls={"ops": Secret(chats.url("json"))})),
            ),
            "slack": (there.slack.kind(is_chat=True), there.slack),
            "sms": (there.sms.kind(proves=True), there.sms),
        }
        for _, channel in opened.values():
            stack.push_async_callback(channel.close)
        there.sender = Sender(
            there.database, there.clock, opened, there.playbook, there.wake, "test",
            jitter=lambda: 0.0,
        )  # fmt: skip
        yield Place(there, workflows, program, chats)


async def life(place: Place, text: str = "p99 is 3.2 s") -> None:
    """Let an alert with this text fire, escalate, be acknowledged, and resolve."""
    fired = replace(alert(host=text), annotations=Labels.of(summary=text, description=text))
    await place.town.fire(fired)
    await place.town.turn(5)
    await place.town.turn(5 * 60)
    await place.town.desk.apply(ONE, Acknowledge(ADA), actor="ada", via="test")
    await place.town.turn(5)
    await place.town.fire(resolved(fired))
    await place.town.turn(5)


async def test_each_state_is_told_once_in_each_room(place: Place) -> None:
    await life(place)
    assert place.states() == ["Triggered", "Escalated", "Acknowledged", "Resolved"]
    assert len(place.chats.got) == 4
    told = [(got["incident"]["status"], got["status"]) for got in place.program.got]
    assert list(dict.fromkeys(told)) == [
        ("triggered", "firing"),
        ("acknowledged", "firing"),
        ("resolved", "resolved"),
    ]
    assert place.program.got[0]["groupLabels"] == {"alertname": "CheckoutSlow"}
    assert place.program.got[0]["groupKey"] == 'default{alertname="CheckoutSlow"}'


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\ud800" not in text])
async def test_hostile_text_fails_no_run_and_stops_no_room(place: Place, text: str) -> None:
    await life(place, text)
    assert place.workflows.failed() == []
    assert len(place.workflows.cards("ops")) == len(place.chats.got) == 4
    rooms = [row for row in await place.town.owed() if row.address == "ops"]
    assert {row.status for row in rooms} == {DeliveryStatus.SENT}


async def test_after_an_outage_rooms_get_the_present_state_and_not_the_backlog(
    place: Place,
) -> None:
    down = Fault(failure=Failure.STATUS, status=503)
    for vendor in (place.workflows, place.program, place.chats):
        vendor.ledger.faults.add(down)
    await life(place)
    assert (place.workflows.runs, place.program.got, place.chats.got) == ([], [], [])
    for vendor in (place.workflows, place.program, place.chats):
        vendor.ledger.faults.clear()
    await place.town.turn(120)
    assert place.states() == ["Resolved"]
    assert [got["incident"]["status"] for got in place.program.got] == ["resolved"]
    assert len(place.chats.got) == 1


async def test_a_workflow_that_is_gone_is_told_to_administrators_once(place: Place) -> None:
    place.workflows.gone = {"ops"}
    await life(place)
    assert len(place.workflows.calls()) <= 4
    words = [m for m in place.town.slack.sent if "Workflow" in str(m)]
    assert len(words) == 1
    assert place.workflows.sig not in str(place.town.slack.sent)


async def test_resolved_by_hand_while_it_fires_is_told_so(place: Place) -> None:
    await place.town.fire(alert())
    await place.town.turn(5)
    await place.town.desk.apply(ONE, Resolve(ADA), actor="ada", via="test")
    await place.town.turn(5)
    last = place.program.got[-1]
    assert (last["incident"]["status"], last["status"]) == ("resolved", "firing")
    assert place.states() == ["Triggered", "Resolved"]
