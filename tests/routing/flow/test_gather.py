"""Many pages to one phone: a few alone, the rest as one; each keeps its receipt and its answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from routing.delivery.channel import Message, Receipt, Rejected, TryLater
from routing.delivery.sms_text import as_sms
from routing.delivery.throttle import Pace
from routing.incidents.events import Acknowledge
from storage.model.delivery import DeliveryStatus
from storage.model.incident import IncidentId, Status
from storage.model.policy import Step
from tests.routing.town import ADA, BOB, PLAYBOOK, POLICY, PRIMARY, Town, alert, resolved, town

BY_PHONE = replace(
    POLICY,
    steps=(Step(after=timedelta(0), targets=(PRIMARY,), by=("sms",)),),
    repeat_after=timedelta(hours=2),
    rooms=(),
)
BOOK = replace(PLAYBOOK, policies={"default": BY_PHONE}, pace=Pace(single=3, within=60.0))


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, BOOK) as place:
        yield place


def many(count: int, severity: str = "critical", first: int = 0) -> list[object]:
    services = ["checkout", "mail", "disk"]
    return [
        alert(f"Rule{n}", severity, service=services[n % 3]) for n in range(first, first + count)
    ]


async def test_twelve_at_once_are_three_messages(phone: Town) -> None:
    await phone.fire(*many(12))  # type: ignore[arg-type]
    await phone.turn(1)
    first, second, rest = sorted(phone.sms.pages, key=lambda it: it.message.incident or 99)
    alone = {first.message.incident, second.message.incident}
    assert len(alone) == 2
    assert None not in alone
    assert rest.message.incident is None
    assert rest.message.title == "10 incidents, 3 services"
    assert rest.message.summary.startswith("10 critical: ")
    assert "disk 4" in rest.message.summary.splitlines()[0]
    assert "#3 Rule2 service=disk, #4 Rule3 service=checkout" in rest.message.summary
    assert as_sms(rest.message).startswith("10 incidents, 3 services. 10 critical: ")
    assert " Answer: /tocsin ack mine" in as_sms(rest.message)
    await phone.turn(300)
    assert len(phone.sms.pages) == 3, "each was told"
    for number in {*range(1, 13)} - alone:
        (page,) = await phone.owed(number or 0)
        assert page.status is DeliveryStatus.SENT
        assert "asked ada by sms, together with 9 more" in await phone.facts(number)


async def test_what_follows_waits_and_goes_together(phone: Town) -> None:
    began = phone.clock.elapsed
    for n in range(10):
        await phone.fire(*many(1, first=n))  # type: ignore[arg-type]
        await phone.turn(1)
    await phone.turn(60)
    told = [
        (it.message.title.split(" service")[0].split(", ")[0], round(it.at - began))
        for it in phone.sms.pages
    ]
    assert [title for title, _ in told] == [
        "#1 Rule0", "#2 Rule1", "#3 Rule2", "7 incidents",
    ]  # fmt: skip
    assert told[3][1] <= 22 + 1


async def test_warnings_fill_the_minute_and_the_first_critical_goes_at_once(phone: Town) -> None:
    await phone.fire(*many(5, "warning"))  # type: ignore[arg-type]
    await phone.turn(1)
    await phone.fire(*many(2, "warning", first=5))  # type: ignore[arg-type]
    await phone.turn(1)
    assert len(phone.sms.pages) == 3
    await phone.fire(*many(1, "critical", first=7))  # type: ignore[arg-type]
    await phone.turn(0)
    assert phone.sms.pages[3].message.incident == 8
    await phone.fire(*many(2, "critical", first=8))  # type: ignore[arg-type]
    await phone.turn(60)
    last = phone.sms.pages[-1].message
    assert len(phone.sms.pages) <= 6
    assert {it.status for n in range(1, 11) for it in await phone.owed(n)} == {DeliveryStatus.SENT}
    assert "critical" in phone.sms.pages[4].message.summary
    assert last.incident is None


async def test_what_is_answered_before_it_goes_is_left_out(phone: Town) -> None:
    for n in range(8):
        await phone.fire(*many(1, first=n))  # type: ignore[arg-type]
        await phone.turn(0)
    assert len(phone.sms.pages) == 3
    for number in (4, 5):
        await phone.desk.apply(IncidentId(number), Acknowledge(by=BOB), actor=BOB, via="test")
    await phone.fire(resolved(many(1, first=5)[0]))  # type: ignore[arg-type]
    await phone.turn(60)
    assert phone.sms.pages[3].message.title == "2 incidents, 2 services"
    assert {(await phone.owed(n))[0].status for n in (4, 5, 6)} == {DeliveryStatus.CANCELLED}


async def test_one_answer_takes_them_all(phone: Town) -> None:
    await phone.fire(*many(12))  # type: ignore[arg-type]
    await phone.turn(1)
    numbers = [IncidentId(n) for n in range(1, 13)]
    await phone.desk.apply_many(numbers, Acknowledge(by=ADA), actor=ADA, via="test")
    assert {it.status for it in await phone.open_incidents()} == {Status.ACKNOWLEDGED}


async def test_a_bundle_that_fails_fails_over_for_each(phone: Town) -> None:
    refuse = Rejected("unknown number")
    phone.sms.fault = lambda message: refuse if message.incident is None else None
    await phone.fire(*many(6))  # type: ignore[arg-type]
    await phone.turn(1)
    assert sorted(it.message.incident or 0 for it in phone.sms.pages) == [1, 2]
    for number in range(3, 7):
        assert any("not delivered: sms to Ada" in fact for fact in await phone.facts(number))
    assert {it.address for it in phone.slack.pages} == {"slack-ada"}, "the next of her ways"


async def test_a_bundle_that_was_lost_later_fails_over_for_each(phone: Town) -> None:
    await phone.fire(*many(6))  # type: ignore[arg-type]
    await phone.turn(1)
    (page,) = await phone.owed(6)
    lost = Receipt(provider_id=page.provider_id, status=DeliveryStatus.FAILED, error="undelivered")
    phone.sms.outcomes[page.provider_id] = lost
    await phone.turn(30)
    for number in range(3, 7):
        assert any("not delivered: sms to Ada" in fact for fact in await phone.facts(number))


async def test_the_providers_own_word_counts_for_all_it_carried(phone: Town) -> None:
    await phone.fire(*many(6))  # type: ignore[arg-type]
    await phone.turn(1)
    (page,) = await phone.owed(6)
    word = Receipt(provider_id=page.provider_id, status=DeliveryStatus.DELIVERED)
    assert await phone.sender.outcomes.told("sms", word)
    assert not await phone.sender.outcomes.told("sms", word)
    for number in range(3, 7):
        assert [it.status for it in await phone.owed(number)] == [DeliveryStatus.DELIVERED]


async def test_failing_for_now_is_tried_again_together(phone: Town) -> None:
    phone.sms.fault = lambda it: TryLater("busy") if it.incident is None else None
    await phone.fire(*many(6))  # type: ignore[arg-type]
    await phone.turn(1)
    phone.sms.fault = None
    await phone.turn(40)
    titles = [it.message.title for it in phone.sms.pages]
    assert sorted(titles[:2]) == ["#1 Rule0 service=checkout", "#2 Rule1 service=mail"]
    assert titles[2:] == ["4 incidents, 3 services"]


async def test_a_crash_while_it_is_on_its_way(phone: Town) -> None:
    """The provider took it and nobody noted that: all it told goes once more, not many times."""

    def crash(message: Message) -> None:
        if message.incident is None:
            phone.sms.before = lambda _: None
            raise asyncio.CancelledError

    phone.sms.before = crash
    await phone.fire(*many(6))  # type: ignore[arg-type]
    await phone.sender.send_due()
    phone.restart()
    await phone.sender.take_over()
    await phone.turn(60)
    told = sorted(it.message.incident or 99 for it in phone.sms.pages)
    assert len(told) <= 5, "two alone, and the four others alone twice and together at most"
    for number in range(1, 7):
        assert [page.status for page in await phone.owed(number)] == [DeliveryStatus.SENT]
        asked = [fact for fact in await phone.facts(number) if fact.startswith("asked ada by sms")]
        assert len(asked) == 1


async def test_news_is_gathered_too(phone: Town) -> None:
    await phone.fire(*many(9))  # type: ignore[arg-type]
    await phone.turn(61)
    numbers = [IncidentId(n) for n in range(1, 10)]
    await phone.desk.apply_many(numbers, Acknowledge(by=BOB), actor=BOB, via="test")
    await phone.turn(60)
    *alone, rest = sorted(phone.sms.notices, key=lambda it: it.message.incident or 99)
    assert [it.message.incident for it in alone] == [1, 2]
    assert rest.message.title == "7 incidents: news"
    assert "#3 Rule2 service=disk: acknowledged by Bob" in rest.message.summary
    assert rest.message.actions == ()
