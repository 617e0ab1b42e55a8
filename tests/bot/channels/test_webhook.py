"""Webhooks on the wire: Alertmanager's format, signed; and that nothing inside is ever called."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.channels.webhook import CHANNEL, Webhook, WebhookOptions, faults, sign
from bot.channels.webhook_body import NEVER, body_of
from bot.config.secret import Secret
from bot.outbound import Resolve, resolve
from routing.delivery.channel import Bundle, Message, Rejected, TryLater
from storage.model.alert import Alert, AlertStatus, Severity
from storage.model.delivery import Post, Purpose
from storage.model.incident import Status
from storage.model.labels import Labels
from tests.fakes import NOON, ManualClock
from tests.vendors.faults import Failure, Fault
from tests.vendors.receiver import Receiver

KEY = "a-key-of-24-characters.."
ROOM = "incident/42/room/webhook/log"
SLOW = Labels.of(alertname="CheckoutSlow", service="checkout", severity="critical")
ONE = Alert(
    labels=SLOW.with_({"instance": "web-1"}),
    annotations=Labels.of(summary="slow", runbook_url="https://wiki.example.com/x"),
    starts_at=NOON,
)
TWO = replace(
    ONE,
    labels=SLOW.with_({"instance": "web-2"}),
    status=AlertStatus.RESOLVED,
    ends_at=NOON + timedelta(minutes=2),
)
OPEN = Message(
    purpose=Purpose.ROOM,
    title="#42 CheckoutSlow (2 alerts)",
    incident=42,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="slow",
    facts=(("State", "triggered, asked Ada"),),
    link="https://tocsin.example.com/incidents/42",
    stages=("triggered.0.0",),
    bundle=Bundle(
        group='shop{alertname="CheckoutSlow"}',
        by=Labels.of(alertname="CheckoutSlow"),
        alerts=(ONE, TWO),
        left_out=3,
        home="https://tocsin.example.com",
    ),
)
ACKED = replace(OPEN, status=Status.ACKNOWLEDGED, facts=(("State", "acknowledged by Ada"),))


@pytest.fixture
async def program() -> AsyncIterator[Receiver]:
    async with Receiver(key=KEY, clock=ManualClock()) as opened:
        yield opened


def options(url: str, *allow: str, key: str = KEY) -> WebhookOptions:
    return WebhookOptions(urls={"log": Secret(url)}, keys={"log": Secret(key)}, allow=allow)


def url_of(program: Receiver, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{program.port}/hooks/very-secret?token=very-secret"


async def call(
    opts: WebhookOptions, message: Message = OPEN, post: Post | None = None, ask: Resolve = resolve
) -> Any:
    webhook = Webhook(opts, ManualClock(), ask)
    try:
        return await webhook.send(message, "log", ROOM, post)
    finally:
        await webhook.close()


async def test_a_program_for_alertmanager_reads_it(program: Receiver) -> None:
    await call(options(url_of(program), "127.0.0.0/8"))
    (told,) = program.got
    assert told == {
        "version": "4",
        "groupKey": 'shop{alertname="CheckoutSlow"}',
        "truncatedAlerts": 3,
        "status": "firing",
        "receiver": "log",
        "groupLabels": {"alertname": "CheckoutSlow"},
        "commonLabels": dict(SLOW),
        "commonAnnotations": {"runbook_url": "https://wiki.example.com/x", "summary": "slow"},
        "externalURL": "https://tocsin.example.com",
        "alerts": [
            {
                "status": "firing",
                "labels": told_labels(1),
                "annotations": {"runbook_url": "https://wiki.example.com/x", "summary": "slow"},
                "startsAt": "2026-03-02T12:00:00Z",
                "endsAt": NEVER,
                "generatorURL": "https://tocsin.example.com/incidents/42",
                "fingerprint": ONE.fingerprint,
            },
            {
                "status": "resolved",
                "labels": told_labels(2),
                "annotations": {"runbook_url": "https://wiki.example.com/x", "summary": "slow"},
                "startsAt": "2026-03-02T12:00:00Z",
                "endsAt": "2026-03-02T12:02:00Z",
                "generatorURL": "https://tocsin.example.com/incidents/42",
                "fingerprint": TWO.fingerprint,
            },
        ],
        "incident": {
            "number": 42,
            "status": "triggered",
            "severity": "critical",
            "title": "#42 CheckoutSlow (2 alerts)",
            "summary": "slow",
            "state": "triggered, asked Ada",
            "url": "https://tocsin.example.com/incidents/42",
        },
    }


def told_labels(number: int) -> dict[str, str]:
    return {**dict(SLOW), "instance": f"web-{number}"}


def test_a_message_without_alerts_is_one_too() -> None:
    plain = Message(purpose=Purpose.NOTICE, title="A test from Tocsin", summary="all is well")
    told = json.loads(body_of(plain, "log"))
    assert (told["status"], told["alerts"], told["commonLabels"]) == ("resolved", [], {})
    assert json.loads(body_of(replace(OPEN, bundle=None), "log"))["status"] == "firing"


HOSTILE = ["x" * 10_000, '"}], "status": "resolved"', "a\r\nX-Evil: 1", "\u202egnihton", "<b>🔥"]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_a_value_and_nothing_else(program: Receiver, text: str) -> None:
    bad = replace(ONE, labels=SLOW.with_({"x": text}), annotations=Labels.of(summary=text))
    assert OPEN.bundle is not None
    told = replace(OPEN, title=text, bundle=replace(OPEN.bundle, alerts=(bad,)))
    await call(options(url_of(program), "127.0.0.0/8"), told)
    (got,) = program.got
    assert got["alerts"][0]["annotations"] == {"summary": text}
    assert got["alerts"][0]["labels"]["x"] == text
    assert (got["incident"]["title"], got["status"]) == (text, "firing")
    assert "X-Evil" not in program.ledger.calls[0].args


async def test_another_key_is_refused_for_good(program: Receiver) -> None:
    with pytest.raises(Rejected, match="answers 401") as refused:
        await call(options(url_of(program), "127.0.0.0/8", key="another-key-of-ours"))
    assert "compare its key" in refused.value.advice
    assert program.got == []


async def test_the_signature_is_of_now_and_of_this_body(program: Receiver) -> None:
    program.clock = ManualClock(NOON + timedelta(hours=1))
    with pytest.raises(Rejected, match="answers 401"):
        await call(options(url_of(program), "127.0.0.0/8"))
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert sign(Secret("k" * 16), at, b"{}") != sign(Secret("k" * 16), at, b"{ }")


async def test_the_same_state_is_told_once_and_a_repeat_is_recognised(program: Receiver) -> None:
    opts = options(url_of(program), "127.0.0.0/8")
    first = await call(opts)
    again = await call(opts, post=first.post)
    assert (len(program.ledger.calls), again.post) == (1, first.post)
    await call(opts)  # a crash forgot that it was sent
    assert (len(program.got), program.repeats) == (1, 1)
    acked = await call(opts, ACKED, first.post)
    assert [got["incident"]["status"] for got in program.got] == ["triggered", "acknowledged"]
    assert acked.post.message_id != first.post.message_id


TEMPORARY = [
    pytest.param(Fault(failure=Failure.STATUS, status=503), id="503"),
    pytest.param(Fault(failure=Failure.STATUS, status=500), id="500"),
    pytest.param(Fault(failure=Failure.RATE_LIMIT, seconds=7), id="429"),
    pytest.param(Fault(failure=Failure.RESET), id="reset"),
]


@pytest.mark.parametrize("fault", TEMPORARY)
async def test_what_may_pass_is_tried_later(program: Receiver, fault: Fault) -> None:
    program.ledger.faults.add(fault)
    with pytest.raises(TryLater) as later:
        await call(options(url_of(program), "127.0.0.0/8"))
    assert later.value.after == (7 if fault.failure is Failure.RATE_LIMIT else None)
    assert len(program.ledger.calls) == 1
    hidden(later.value)


def hidden(error: BaseException) -> None:
    """No error shows the address or the key, nor does any error behind it."""
    behind: BaseException | None = error
    while behind is not None:
        assert "very-secret" not in f"{behind} {behind!r} {vars(behind)}"
        assert KEY not in f"{behind!r} {vars(behind)}"
        behind = behind.__cause__ or behind.__context__


async def test_a_program_that_is_away_is_tried_later(program: Receiver) -> None:
    await program.down()
    with pytest.raises(TryLater, match="cannot be reached") as later:
        await call(options(url_of(program), "127.0.0.0/8"))
    hidden(later.value)


@pytest.mark.parametrize(("status", "advice"), [(404, "check"), (410, "take it out"), (400, "")])
async def test_a_refusal_is_for_good(program: Receiver, status: int, advice: str) -> None:
    program.ledger.faults.add(Fault(failure=Failure.STATUS, status=status))
    with pytest.raises(Rejected, match=f"answers {status}") as refused:
        await call(options(url_of(program), "127.0.0.0/8"))
    assert advice in refused.value.advice
    hidden(refused.value)


async def test_no_redirect_is_followed(program: Receiver) -> None:
    async with Receiver(key=KEY, clock=ManualClock()) as inside:
        program.elsewhere = url_of(inside)
        with pytest.raises(Rejected, match="leads elsewhere"):
            await call(options(url_of(program), "127.0.0.0/8"))
        assert inside.ledger.calls == []


NUMBERS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "0.0.0.0",
    "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
]  # fmt: skip


@pytest.mark.parametrize("host", NUMBERS)
async def test_this_machine_is_not_called_however_it_is_written(
    program: Receiver, host: str
) -> None:
    with pytest.raises(Rejected) as refused:
        await call(options(url_of(program, host)))
    assert program.ledger.calls == []
    hidden(refused.value)
    assert "channels.webhook." in refused.value.advice


async def test_a_name_is_judged_by_what_it_leads_to_each_time(program: Receiver) -> None:
    answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"], ["10.0.0.5"]]

    async def ask(host: str, port: int) -> list[str]:
        del host, port
        return answers.pop(0)

    for _ in range(3):
        with pytest.raises(Rejected, match=r"hooks\.example\.com leads to 1") as refused:
            await call(options(url_of(program, "hooks.example.com")), ask=ask)
        assert refused.value.advice.startswith("add its network")
    assert program.ledger.calls == []


async def test_the_checked_address_is_the_one_that_is_called(program: Receiver) -> None:
    asked = []

    async def ask(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    await call(options(url_of(program, "hooks.example.com"), "127.0.0.1"), ask=ask)
    assert (len(program.got), asked) == (1, [("hooks.example.com", program.port)])


async def test_a_name_that_leads_nowhere_is_tried_later() -> None:
    async def ask(host: str, port: int) -> list[str]:
        raise OSError(f"{host}:{port} is not known")

    with pytest.raises(TryLater, match="cannot be reached"):
        await call(options("https://hooks.example.com/very-secret"), ask=ask)


async def test_a_program_that_nobody_configured_is_refused() -> None:
    webhook = Webhook(options("https://hooks.example.com/x"))
    with pytest.raises(Rejected, match="none is called 'other'"):
        await webhook.send(OPEN, "other", ROOM, None)
    with pytest.raises(TryLater):
        await webhook.outcome("x")
    await webhook.close()
    assert (CHANNEL.asks, CHANNEL.has_rooms, CHANNEL.wants_alerts) == (False, True, True)


# fmt: off
WRITTEN: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"urls": {"log": Secret("https://93.184.216.34/x")}}, []),
    ({"urls": {"log": Secret("http://127.0.0.1/very-secret")}}, ["this machine itself"]),
    ({"urls": {"log": Secret("http://localhost/very-secret")}}, ["localhost leads to"]),
    ({"urls": {"log": Secret("http://169.254.169.254/very-secret")}}, ["clouds keep"]),
    ({"urls": {"log": Secret("http://10.1.2.3/very-secret")}}, ["private"]),
    ({"urls": {"log": Secret("http://10.1.2.3/x")}, "allow": ("10.0.0.0/8",)}, []),
    ({"urls": {"log": Secret("very-secret")}}, ["no address"]),
    ({"urls": {"log": Secret("ftp://example.com/very-secret")}}, ["no address"]),
    ({"keys": {}}, ["nothing signs"]),
    ({"keys": {"log": Secret("very-secret")}}, ["too short"]),
    ({"keys": {"log": Secret(KEY), "lag": Secret(KEY)}}, ["no webhook is called 'lag'"]),
]
# fmt: on


@pytest.mark.parametrize(("changed", "said"), WRITTEN)
def test_what_is_written_is_judged_before_it_is_used(
    changed: dict[str, Any], said: list[str]
) -> None:
    opts = replace(options("https://93.184.216.34/x"), **changed)
    found = list(faults(opts))
    assert len(found) == len(said)
    for (_, text), part in zip(found, said, strict=True):
        assert part in text
        assert "very-secret" not in text


def test_networks_are_read_or_refused() -> None:
    with pytest.raises(ValueError, match="expected a network"):
        options("https://93.184.216.34/x", "10.0.0.0/40")
