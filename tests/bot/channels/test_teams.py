"""Teams on the wire: what appears in a channel, and what every failure becomes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.links import AnswerLinks
from bot.channels.retry_after import seconds
from bot.channels.teams import CHANNEL, Teams, TeamsOptions, faults
from bot.config.secret import Secret
from routing.delivery.channel import Line, Message, Rejected, TryLater
from routing.delivery.compose import ACTIONS
from routing.flow.current import Current
from routing.playbook import Playbook
from storage.model.alert import Severity
from storage.model.delivery import Post, Purpose
from storage.model.incident import IncidentId, Status
from tests.fakes import ManualClock
from tests.vendors.faults import Failure, Fault
from tests.vendors.teams import TeamsServer

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = "incident/42/room/teams/ops"
OPEN = Message(
    purpose=Purpose.ROOM,
    title="#42 CheckoutSlow instance=web-1",
    incident=42,
    version=2,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 is 3.2 s",
    facts=(("State", "triggered, asked Ada"), ("Severity", "critical"), ("Value", "3.2")),
    actions=ACTIONS[Status.TRIGGERED],
    lines=(Line(id=11, at=NOON, text="Opened"),),
    link="https://tocsin.example.com/incidents/42",
    stages=("triggered.0.0",),
)
ACKED = replace(
    OPEN,
    status=Status.ACKNOWLEDGED,
    facts=(("State", "acknowledged by Ada"),),
    lines=(*OPEN.lines, Line(id=12, at=NOON, text="Acknowledged by Ada")),
    stages=("acknowledged.1772452800",),
)


@pytest.fixture
async def server() -> AsyncIterator[TeamsServer]:
    async with TeamsServer() as opened:
        yield opened


@pytest.fixture
def teams(server: TeamsServer) -> Teams:
    return channel(server.address("ops"))


def channel(address: str) -> Teams:
    return Teams(TeamsOptions(rooms={"ops": Secret(address)}))


async def test_an_incident_appears_as_a_card(server: TeamsServer, teams: Teams) -> None:
    sent = await teams.send(OPEN, "ops", KEY, None)
    (card,) = server.cards("ops")
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["fallbackText"] == "Triggered · critical: #42 CheckoutSlow instance=web-1"
    assert [action["title"] for action in card["actions"]] == ["Open #42"]
    assert sent.post == Post(
        incident=IncidentId(42),
        channel="teams",
        address="ops",
        message_id="",
        told=11,
        asked=("triggered.0.0",),
    )


async def test_what_changed_is_a_new_card_and_what_did_not_is_none(
    server: TeamsServer, teams: Teams
) -> None:
    post = (await teams.send(OPEN, "ops", KEY, None)).post
    again = await teams.send(replace(OPEN, version=3, summary="p99 is 3.3 s"), "ops", KEY, post)
    assert len(server.cards("ops")) == 1
    acked = await teams.send(ACKED, "ops", KEY, again.post)
    assert [card["fallbackText"].split(":")[0] for card in server.cards("ops")] == [
        "Triggered · critical",
        "Acknowledged · critical",
    ]
    assert "Opened" not in str(server.cards("ops")[1]), "that line was told before"
    assert acked.post is not None
    assert (acked.post.told, acked.post.asked) == (12, (*OPEN.stages, *ACKED.stages))


async def test_a_test_message_stands_in_the_room(server: TeamsServer, teams: Teams) -> None:
    plain = Message(purpose=Purpose.NOTICE, title="A test from Tocsin", summary="nothing is wrong")
    assert (await teams.send(plain, "ops", "test", None)).post is None
    assert "nothing is wrong" in str(server.cards("ops")[0])


TEMPORARY = [
    pytest.param(Fault(failure=Failure.STATUS, status=503), "answers 503", id="503"),
    pytest.param(Fault(failure=Failure.STATUS, status=500), "answers 500", id="500"),
    pytest.param(Fault(failure=Failure.STATUS, status=408), "answers 408", id="408"),
    pytest.param(Fault(failure=Failure.RATE_LIMIT), "answers 429", id="429"),
    pytest.param(Fault(failure=Failure.RESET), "connection broke", id="reset"),
    pytest.param(Fault(failure=Failure.HTML), "web page", id="a-web-page"),
    pytest.param(Fault(failure=Failure.ERROR, error="429"), "HTTP error 429", id="quirk-429"),
    pytest.param(Fault(failure=Failure.ERROR, error="503"), "HTTP error 503", id="quirk-503"),
]


@pytest.mark.parametrize(("fault", "said"), TEMPORARY)
async def test_what_may_pass_is_tried_later(
    server: TeamsServer, teams: Teams, fault: Fault, said: str
) -> None:
    server.ledger.faults.add(fault)
    with pytest.raises(TryLater, match=said) as later:
        await teams.send(OPEN, "ops", KEY, None)
    assert len(server.calls()) == 1, "the client itself repeats nothing"
    shown(later.value, server)


def shown(error: BaseException | None, server: TeamsServer) -> None:
    """No error shows the address, nor does any error behind it."""
    while error is not None:
        assert server.sig not in f"{error} {error!r} {vars(error)}"
        assert "/workflows/" not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


async def test_429_says_how_long_to_wait(server: TeamsServer, teams: Teams) -> None:
    server.ledger.faults.add(Fault(failure=Failure.RATE_LIMIT, seconds=17))
    with pytest.raises(TryLater) as later:
        await teams.send(OPEN, "ops", KEY, None)
    assert later.value.after == 17


@pytest.mark.parametrize(
    ("written", "read"),
    [("3", 3.0), ("", None), ("-1", None), ("soon", None), ("1e9", None), ("99999999", 3600.0)],
)
def test_a_wait_is_read_where_it_is_one(written: str, read: float | None) -> None:
    assert seconds(written) == read


async def test_four_a_second_pass_and_a_fifth_waits(server: TeamsServer, teams: Teams) -> None:
    server.throttled = True
    for number in range(4):
        await teams.send(replace(OPEN, incident=number + 1), "ops", KEY, None)
    with pytest.raises(TryLater) as later:
        await teams.send(OPEN, "ops", KEY, None)
    assert later.value.after == 1


async def test_teams_away_is_tried_later(server: TeamsServer, teams: Teams) -> None:
    await server.down()
    with pytest.raises(TryLater, match="cannot be reached") as later:
        await teams.send(OPEN, "ops", KEY, None)
    shown(later.value, server)


FINAL: list[tuple[str, str, str]] = [
    ("gone", "answers 410", "make a new one"),
    ("off", "WorkflowTriggerIsNotEnabled", "switch it on"),
    ("forged", "InvalidSasToken", "copy the present one"),
    ("cut", "DirectApiAuthorizationRequired", "copy it whole"),
    ("404", "answers 404", "Workflows"),
    ("moved", "leads elsewhere", "Workflow itself"),
    ("quirk", "HTTP error 404", "make a new Workflow"),
]


@pytest.mark.parametrize(("what", "said", "advice"), FINAL)
async def test_what_is_for_good_says_what_to_do(
    server: TeamsServer, what: str, said: str, advice: str
) -> None:
    address = {
        "forged": server.address("ops", sig="another-signature"),
        "cut": server.address("ops").split("&sig=")[0],
        "moved": server.moved("ops"),
    }.get(what, server.address("ops"))
    server.gone = {"ops"} if what == "gone" else set()
    server.off = {"ops"} if what == "off" else set()
    if what == "404":
        server.ledger.faults.add(Fault(failure=Failure.STATUS, status=404))
    if what == "quirk":
        server.ledger.faults.add(Fault(failure=Failure.ERROR, error="404"))
    with pytest.raises(Rejected, match=said) as refused:
        await channel(address).send(OPEN, "ops", KEY, None)
    assert advice in refused.value.advice
    assert len(server.calls()) <= 1
    shown(refused.value, server)


@pytest.mark.parametrize("status", [400, 413])
async def test_a_card_that_is_refused_for_what_it_is_goes_short(
    server: TeamsServer, teams: Teams, status: int
) -> None:
    server.ledger.faults.add(Fault(failure=Failure.STATUS, status=status, times=1))
    await teams.send(OPEN, "ops", KEY, None)
    (card,) = server.cards("ops")
    assert "CheckoutSlow" in str(card)
    assert "Value" not in str(card)
    assert len(server.calls()) == 2


async def test_a_room_that_nobody_configured_is_refused(teams: Teams) -> None:
    with pytest.raises(Rejected, match="no room is called 'dev'") as refused:
        await teams.send(OPEN, "dev", KEY, None)
    assert refused.value.advice == "add it to channels.teams.rooms; known: ops"


async def test_nothing_more_is_known_of_a_card(teams: Teams) -> None:
    with pytest.raises(TryLater):
        await teams.outcome("x")
    await teams.close()
    assert (CHANNEL.is_chat, CHANNEL.has_rooms, CHANNEL.asks) == (False, True, False)


ADDRESSES: list[tuple[str, str]] = [
    ("https://prod-12.westeurope.logic.azure.com:443/workflows/x?sig=very-secret", ""),
    ("https://x.1a.environment.api.powerplatform.com/powerautomate/x?sig=very-secret", ""),
    ("http://127.0.0.1:9/x?very-secret", ""),
    ("https://acme.webhook.office.com/webhookb2/very-secret", "retired"),
    ("https://outlook.office.com/webhook/very-secret", "retired"),
    ("https://OUTLOOK.office.com/webhook/very-secret", "retired"),
    ("http://prod-12.westeurope.logic.azure.com/very-secret", "not encrypted"),
    ("ftp://example.com/very-secret", "not encrypted"),
    ("very-secret", "no address"),
    ("https://[very-secret", "no address"),
    ("https://example.com/very secret", "no address"),
]


@pytest.mark.parametrize(("address", "fault"), ADDRESSES)
def test_an_address_is_judged_by_its_kind(address: str, fault: str) -> None:
    found: list[tuple[Any, str]] = list(faults(TeamsOptions(rooms={"ops": Secret(address)})))
    assert [way for way, _ in found] == ([("rooms", "ops")] if fault else [])
    for _, text in found:
        assert fault in text
        assert "expected" in text
        assert "very-secret" not in text


async def test_a_card_that_says_it_is_over_asks_what_it_was_worth(
    server: TeamsServer, teams: Teams
) -> None:
    playbook = Playbook(
        people={}, oncall={}, policies={}, default="", link="https://tocsin.example.com"
    )
    teams.take_links(AnswerLinks("secret", Current(playbook), ManualClock()))
    await teams.send(OPEN, "ops", KEY, None)
    over = replace(
        OPEN,
        status=Status.RESOLVED,
        actions=ACTIONS[Status.RESOLVED],
        stages=("resolved.1772452800",),
    )
    await teams.send(over, "ops", KEY, None)
    first, last = (run.card["actions"] for run in server.runs)
    assert [button["title"] for button in first] == ["Open #42"]
    assert [button["title"] for button in last] == [
        "Real alarm",
        "False alarm",
        "No action needed",
        "Open #42",
    ]
    assert last[1]["url"].startswith("https://tocsin.example.com/answer/42.0.verdict-false.")
