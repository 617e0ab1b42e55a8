"""SMS on the wire: what is sent, what every failure becomes, what becomes of a message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.sms import CHANNEL, Sms, SmsOptions
from bot.config.secret import Secret
from routing.delivery.channel import Message, Receipt, Rejected, TryLater
from routing.delivery.compose import ACTIONS
from storage.model.alert import Severity
from storage.model.delivery import DeliveryStatus, Purpose
from storage.model.incident import Status
from tests.vendors.faults import Failure, Fault
from tests.vendors.twilio import TwilioServer
from tests.vendors.twilio_messages import Fate, segments

ADA = "+14155550142"
PAGE = Message(
    purpose=Purpose.PAGE,
    title="#42 CheckoutSlow",
    incident=42,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 is 3.2 s",
    actions=ACTIONS[Status.TRIGGERED],
)


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioServer]:
    async with TwilioServer() as server:
        server.usual_fate = Fate(pause=0.0)
        yield server


def options(twilio: TwilioServer, **changed: Any) -> SmsOptions:
    right: dict[str, Any] = {
        "account_sid": twilio.account_sid,
        "auth_token": Secret(twilio.auth_token),
        "from_number": min(twilio.numbers),
        "api_url": twilio.url,
    }
    return SmsOptions(**(right | changed))


@pytest.fixture
async def sms(twilio: TwilioServer) -> AsyncIterator[Sms]:
    opened = Sms(options(twilio))
    yield opened
    await opened.close()


async def send(sms: Sms, message: Message = PAGE, key: str = "page/ada/sms") -> Receipt:
    return await sms.send(message, ADA, key, None)


async def test_the_text_names_the_incident_and_how_to_answer(
    twilio: TwilioServer, sms: Sms
) -> None:
    receipt = await send(sms)
    (sent,) = twilio.sent(ADA)
    assert receipt == Receipt(provider_id=sent.sid)
    assert sent.body.startswith("#42 CRITICAL CheckoutSlow. p99 is 3.2 s")
    assert sent.body.endswith("/tocsin ack 42")
    assert (CHANNEL.proves, CHANNEL.is_chat) == (True, False)


async def test_a_long_story_takes_two_segments_at_most(twilio: TwilioServer, sms: Sms) -> None:
    await send(sms, replace(PAGE, summary="Straße ist voll 🔥 " * 40))
    await send(sms, replace(PAGE, summary="~" * 900))
    assert [segments(one.body) for one in twilio.sent(ADA)] == [2, 2]


TEMPORARY = [
    pytest.param(Fault(failure=Failure.STATUS, status=503), id="503"),
    pytest.param(Fault(failure=Failure.STATUS, status=500), id="500"),
    pytest.param(Fault(failure=Failure.RATE_LIMIT), id="429"),
    pytest.param(Fault(failure=Failure.RESET), id="reset"),
    pytest.param(Fault(failure=Failure.HTML), id="a-web-page"),
    pytest.param(Fault(failure=Failure.TRUNCATED), id="half-an-answer"),
]


@pytest.mark.parametrize("fault", TEMPORARY)
async def test_what_may_pass_is_tried_later_and_rings_once(
    twilio: TwilioServer, sms: Sms, fault: Fault
) -> None:
    twilio.faults.add(replace(fault, method="Messages.create", times=1))
    with pytest.raises(TryLater) as later:
        await send(sms)
    assert str(later.value).startswith(f"Twilio, SMS to {ADA}: ")
    assert twilio.auth_token not in str(later.value)
    assert later.value.doubtful == (fault.failure is not Failure.RATE_LIMIT)
    assert len(twilio.calls()) == 1, "the client itself repeats nothing"
    receipt = await send(sms)
    assert [one.sid for one in twilio.sent(ADA)] == [receipt.provider_id]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(failure=Failure.RESET, work_done=True), id="reset"),
        pytest.param(Fault(failure=Failure.STATUS, status=502, work_done=True), id="502"),
    ],
)
async def test_a_text_that_was_taken_without_a_receipt_is_found_again(
    twilio: TwilioServer, sms: Sms, fault: Fault
) -> None:
    twilio.faults.add(replace(fault, times=1))
    with pytest.raises(TryLater):
        await send(sms)
    receipt = await send(sms)
    assert [one.sid for one in twilio.sent(ADA)] == [receipt.provider_id]


async def test_a_call_cut_off_by_the_sender_is_looked_for_as_well(
    twilio: TwilioServer, sms: Sms
) -> None:
    twilio.faults.add(Fault(failure=Failure.SLOW, seconds=60, times=1))
    sending = asyncio.create_task(send(sms))
    await twilio.until(lambda: twilio.sent(ADA))
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    await send(sms)
    assert len(twilio.sent(ADA)) == 1


async def test_a_text_that_a_crash_cut_off_is_looked_for(twilio: TwilioServer, sms: Sms) -> None:
    sent = await send(sms)
    for number in range(120):  # a storm meanwhile: it is not among the newest any more
        await send(sms, replace(PAGE, summary=f"host {number}"), f"page/{number}")
    after = Sms(options(twilio))
    doubted = replace(PAGE, doubted_since=datetime.now(UTC))
    assert await send(after, doubted) == sent
    other = replace(doubted, summary="p99 is 9 s")
    assert await send(after, other, "page/ben/sms") != sent
    await after.close()
    assert len(twilio.sent(ADA)) == 122


async def test_the_same_words_for_another_page_do_ring(twilio: TwilioServer, sms: Sms) -> None:
    await send(sms, key="round/0/step/1")
    await send(sms, key="round/0/step/2")
    assert len(twilio.sent(ADA)) == 2


async def test_twilio_away_is_tried_later(twilio: TwilioServer, sms: Sms) -> None:
    await twilio.down()
    with pytest.raises(TryLater, match="cannot be reached") as later:
        await send(sms)
    assert not later.value.doubtful, "nothing was ever asked of it"


async def test_a_person_who_texted_stop_is_not_texted(twilio: TwilioServer, sms: Sms) -> None:
    twilio.stopped.add(ADA)
    with pytest.raises(Rejected, match="21610") as refused:
        await send(sms)
    assert "START" in refused.value.advice


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"auth_token": Secret("wrong")}, "20003", "auth_token"),
    ({"from_number": "+14155550999"}, "21606", "channels.sms.from_number"),
    ({"from_number": "ACME"}, "21212", "channels.sms.from_number"),
    ({"account_sid": "AC" + "1" * 32}, "20003", "account_sid"),
]


@pytest.mark.parametrize(("changed", "code", "advice"), REFUSED)
async def test_a_refusal_is_final_and_says_what_to_do(
    twilio: TwilioServer, changed: dict[str, Any], code: str, advice: str
) -> None:
    sms = Sms(options(twilio, **changed))
    with pytest.raises(Rejected, match=code) as refused:
        await send(sms)
    await sms.close()
    assert advice in refused.value.advice
    assert "wrong" not in str(refused.value)
    assert len(twilio.calls()) == 1


async def test_a_plain_400_is_final(twilio: TwilioServer, sms: Sms) -> None:
    twilio.faults.add(Fault(failure=Failure.STATUS, status=400))
    with pytest.raises(Rejected):
        await send(sms)


FATES = [
    (Fate(pause=0.0), DeliveryStatus.DELIVERED, ""),
    (Fate(end="sent", pause=0.0), DeliveryStatus.SENT, ""),
    (Fate(end="queued", pause=0.0), DeliveryStatus.SENT, ""),
    (
        Fate(end="undelivered", error=30003, pause=0.0),
        DeliveryStatus.FAILED,
        "undelivered: the phone is unreachable or switched off (30003)",
    ),
    (
        Fate(end="undelivered", error=30005, pause=0.0),
        DeliveryStatus.FAILED,
        "undelivered: the number is unknown or no longer in use (30005)",
    ),
    (
        Fate(end="undelivered", error=30007, pause=0.0),
        DeliveryStatus.FAILED,
        "undelivered: the carrier filtered it (30007)",
    ),
    (
        Fate(end="failed", error=30999, pause=0.0),
        DeliveryStatus.FAILED,
        "failed: see this code in the error dictionary (30999)",
    ),
    (Fate(end="failed", pause=0.0), DeliveryStatus.FAILED, "failed"),
]


@pytest.mark.parametrize(("fate", "status", "error"), FATES)
async def test_what_became_of_it_is_asked(
    twilio: TwilioServer, sms: Sms, fate: Fate, status: DeliveryStatus, error: str
) -> None:
    twilio.usual_fate = fate
    sid = (await send(sms)).provider_id
    assert await sms.outcome(sid) == Receipt(provider_id=sid, status=status, error=error)


async def test_asking_fails_as_sending_does(twilio: TwilioServer, sms: Sms) -> None:
    with pytest.raises(Rejected):
        await sms.outcome("SM" + "0" * 32)
    twilio.faults.add(Fault(failure=Failure.STATUS, status=503))
    with pytest.raises(TryLater):
        await sms.outcome("SM" + "0" * 32)
