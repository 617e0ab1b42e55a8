"""Answers by SMS, and what Twilio tells us: signed, once, in any order, from those we know."""

import re
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from twilio.request_validator import RequestValidator

from routing.delivery.channel import Message
from routing.incidents.events import Resolve
from storage.model.delivery import Purpose
from storage.model.incident import Status
from storage.sql import audit
from tests.bot.chat.exchange import ADA, ADAS, BOBS, PUBLIC, STRANGER, Exchange, exchange
from tests.vendors.faults import Failure, Fault
from tests.vendors.twilio_messages import Fate, segments


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Exchange]:
    async with exchange(tmp_path) as made:
        await made.start()
        yield made


# answers


async def test_a_page_says_how_it_is_answered_and_the_answer_counts(here: Exchange) -> None:
    await here.fire("CheckoutSlow")
    (page,) = here.twilio.sent(ADAS)
    assert page.body.endswith("Answer: ack 1")
    assert await here.says("Ack 1") == "#1 CheckoutSlow: yours for 4 h, escalation stopped"
    incident = await here.incident()
    assert (incident.status, incident.owner) == (Status.ACKNOWLEDGED, "ada")
    assert (await here.facts())[-1].via == "sms" or any(
        row.via == "sms" for row in await here.facts()
    )


@pytest.mark.parametrize(
    ("text", "status", "back"),
    [
        ("res 1 fixed", Status.RESOLVED, "#1 CheckoutSlow: resolved"),
        ("snooze 1 30m", Status.SNOOZED, "#1 CheckoutSlow: snoozed for 30 min"),
        ("esc 1", Status.TRIGGERED, "#1 CheckoutSlow: escalated, step 2 of 2 is asked now"),
        ("aa", Status.ACKNOWLEDGED, "#1 CheckoutSlow: yours for 4 h"),
        ("why 1", Status.TRIGGERED, "#1 CheckoutSlow\nAsked Ada by sms at "),
        ("false 1", Status.TRIGGERED, "#1 is not over yet: what it was worth is said"),
        ("help", Status.TRIGGERED, "ack 12, res 12, snooze 12 30m"),
        ("alerts", Status.TRIGGERED, "1 open incident: 1 critical.\n#1 critical"),
        ("ack 7", Status.TRIGGERED, "#7: no incident has the number 7"),
        ("report alerts", Status.TRIGGERED, "report is too long for an SMS"),
        ("akc 1", Status.TRIGGERED, "I do not know 'akc'. Did you mean 'ack'? Text help"),
        ("", Status.TRIGGERED, "I do not know ''. Text help"),
    ],
)
async def test_every_answer(here: Exchange, text: str, status: Status, back: str) -> None:
    await here.fire("CheckoutSlow")
    said = await here.says(text)
    assert said.startswith(back)
    assert segments(said) <= 2
    assert (await here.incident()).status is status


async def test_hostile_titles_are_text_in_two_sms_at_most(here: Exchange) -> None:
    title = "A\r\nack 1\u202e\x1b[2J<!channel> " + "🔥" * 500
    await here.fire(title)
    assert (await here.says("ack 1")).startswith("#1 A ack 1")
    assert all(segments(it.body) <= 2 for it in here.twilio.sent(ADAS))
    assert not any(char in it.body for it in here.twilio.sent(ADAS) for char in "\r\u202e\x1b")


async def test_all_of_mine_are_taken_at_once(here: Exchange) -> None:
    await here.fire("CheckoutSlow", "DiskFull", "QueueLong")
    assert (await here.says("aa")).count("yours for 4 h") == 3
    assert {(await here.incident(n)).status for n in (1, 2, 3)} == {Status.ACKNOWLEDGED}


async def test_a_message_that_is_brought_twice_is_done_once(here: Exchange) -> None:
    await here.fire("CheckoutSlow")
    sms = here.twilio.text("esc 1", from_=ADAS)
    for _ in range(3):
        assert (await here.twilio.bring(f"{PUBLIC}/twilio/sms", sms))[0] == 200
    await here.start()  # a restart forgets nothing
    assert (await here.twilio.bring(f"{PUBLIC}/twilio/sms", sms))[0] == 200
    await here.turn(10)
    incident = await here.incident()
    assert (incident.step, incident.round) == (1, 0)
    escalated = [row for row in await here.facts() if "escalated by ada" in row.because]
    assert len(escalated) == 1


# who is who


async def test_a_stranger_is_refused_and_told_at_most_five_times_an_hour(here: Exchange) -> None:
    await here.fire("CheckoutSlow")
    for _ in range(12):
        await here.says("ack 1", STRANGER)
    assert len(here.twilio.sent(STRANGER)) == 5
    assert here.twilio.sent(STRANGER)[0].body.startswith("I do not know you")
    assert (await here.incident()).status is Status.TRIGGERED
    async with here.database.reading() as tx:
        end = here.clock.utc_now() + timedelta(hours=1)
        refused = await audit.between(tx, end - timedelta(hours=2), end, {"refused"})
    assert len(refused) == 5
    here.clock.advance(3601)
    assert await here.says("ack 1", STRANGER)


async def test_many_strangers_do_not_cost_without_end(here: Exchange) -> None:
    for number in range(40):
        await here.says("hello", f"+141555501{number:02}" if number != 42 else "+14155550199")
    assert len(here.twilio.messages) - 40 <= 30


async def test_two_machines_that_answer_each_other_come_to_an_end(here: Exchange) -> None:
    await here.fire("CheckoutSlow")
    answered = 0
    while answered < 100 and await here.says("I am driving and will reply later."):
        answered += 1
    assert answered == 10
    assert (await here.says("ack 1")).startswith("#1 CheckoutSlow: yours"), "a command still works"


# forged and replayed


@pytest.mark.parametrize("path", ["/twilio/sms", "/twilio/status"])
async def test_what_twilio_did_not_sign_has_no_effect(here: Exchange, path: str) -> None:
    here.twilio.usual_fate = Fate(end="queued", pause=0.0)
    await here.fire("CheckoutSlow")
    (page,) = here.twilio.sent(ADAS)
    form = {
        "From": ADAS,
        "To": min(here.twilio.numbers),
        "Body": "ack 1",
        "MessageSid": page.sid,
        "MessageStatus": "undelivered",
    }
    sign = RequestValidator(here.twilio.auth_token).compute_signature
    forged = {
        "none": "",
        "garbage": "\u00e9 not base64",
        "another address": sign(f"https://evil.example.com{path}", form),
        "the address inside": sign(f"{here.inside}{path}", form),
        "another token": RequestValidator("guess").compute_signature(f"{PUBLIC}{path}", form),
        "other words": sign(f"{PUBLIC}{path}", {**form, "Body": "hello"}),
        "another way": sign(f"{PUBLIC}{path}?x=1", form),
    }
    for signature in forged.values():
        headers = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"}
        assert await here.post(path, form, signature, **headers) == 403
    assert (await here.incident()).status is Status.TRIGGERED
    assert await here.statuses() == [("ada", "sms", "sent")]
    right = sign(f"{PUBLIC}{path}", form)
    assert await here.post(path, form, right, Host="whatever.example.com") in (200, 204)


async def test_a_giant_and_no_form_are_refused(here: Exchange) -> None:
    assert await here.post("/twilio/sms", {"Body": "x" * 70_000}) == 413
    assert await here.post("/twilio/sms", {f"k{n}": "x" for n in range(300)}) == 400


async def test_without_a_public_address_nothing_is_served(tmp_path: Path) -> None:
    async with exchange(tmp_path) as made:
        await made.start()
        made.twilio.places = {}
        await made.stop()
        await made.start(public=False)
        await made.fire("CheckoutSlow")
        assert made.twilio.sent(ADAS)[0].callback == ""


# what became of ours


async def test_a_late_failure_starts_the_next_channel_at_once(here: Exchange) -> None:
    here.twilio.fate[ADAS] = Fate(end="undelivered", error=30003, pause=0.0)
    await here.fire("CheckoutSlow")
    await here.twilio.until(lambda: ("undelivered", 204) in here.twilio.callbacks)
    await here.sender.send_due()  # nobody was asked in between: the callback has done it
    assert await here.statuses() == [("ada", "sms", "failed"), ("ada", "slack", "sent")]
    assert any("(30003); going by slack" in row.because for row in await here.facts())
    assert not here.twilio.calls("Messages.fetch")


async def test_an_old_word_changes_nothing(here: Exchange) -> None:
    here.twilio.usual_fate = Fate(end="queued", pause=0.0)
    await here.fire("CheckoutSlow")
    (page,) = here.twilio.sent(ADAS)
    form = {"MessageSid": page.sid, "To": ADAS, "AccountSid": here.twilio.account_sid}

    async def tell(status: str, **more: str) -> None:
        told = {**form, "MessageStatus": status, **more}
        address = f"{PUBLIC}/twilio/status"
        signature = RequestValidator(here.twilio.auth_token).compute_signature(address, told)
        assert await here.post("/twilio/status", told, signature) == 204

    await tell("delivered")
    lines = len(await here.facts())
    for status in ("sent", "queued", "undelivered", "failed", "delivered", "nonsense", ""):
        await tell(status, ErrorCode="30003")
    assert await here.statuses() == [("ada", "sms", "delivered")]
    assert len(await here.facts()) == lines
    await tell("undelivered", MessageSid="SM" + "0" * 32)  # of somebody else's


async def test_an_address_that_twilio_does_not_take_costs_no_page(here: Exchange) -> None:
    here.twilio.bad_callbacks = True
    await here.fire("CheckoutSlow")
    await here.fire("DiskFull")
    assert len(here.twilio.sent(ADAS)) == 2
    assert len(here.twilio.calls("Messages.create")) == 3, "it is left out from then on"


# STOP and START


async def test_stop_ends_sms_and_start_begins_them_again(here: Exchange) -> None:
    assert await here.says("Stop.") == "", "Twilio answers that by itself"
    await here.fire("CheckoutSlow")
    assert here.twilio.sent(ADAS) == []
    assert here.twilio.calls("Messages.create") == [], "21610 is never asked for"
    assert await here.statuses() == [("ada", "sms", "failed"), ("ada", "slack", "sent")]
    await here.start()
    await here.fire("DiskFull")
    assert here.twilio.calls("Messages.create") == []
    assert "texted STOP at" in await here.says("phones", BOBS)
    await here.says("START")
    await here.fire("QueueLong")
    assert [it.body[:13] for it in here.twilio.sent(ADAS)] == ["#3 CRITICAL Q"]


async def test_a_stop_that_we_did_not_hear_is_learnt_by_the_first_refusal(here: Exchange) -> None:
    here.twilio.stopped.add(ADAS)
    await here.fire("CheckoutSlow")
    await here.fire("DiskFull")
    assert len(here.twilio.calls("Messages.create")) == 1
    assert await here.statuses(2) == [("ada", "sms", "failed"), ("ada", "slack", "sent")]
    told = [it.text for it in here.slack.notices]
    assert len(told) == 2, "Twilio's refusal, and that it is known from now on"
    assert all("START" in text for text in told)


async def test_twilios_own_reading_of_stop_counts(here: Exchange) -> None:
    sms = here.twilio.text("ARRETER", from_=ADAS)
    form = {"MessageSid": sms.sid, "From": ADAS, "To": sms.to, "Body": sms.body}
    form["OptOutType"] = "STOP"
    signature = RequestValidator(here.twilio.auth_token).compute_signature(
        f"{PUBLIC}/twilio/sms", form
    )
    assert await here.post("/twilio/sms", form, signature) == 200
    assert (await here.book.get(ADAS)).stopped_at is not None


# asking, without a public address


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Exchange]:
    async with exchange(tmp_path) as made:
        await made.start(public=False)
        yield made


async def test_answers_are_asked_for_while_a_page_is_open(alone: Exchange) -> None:
    await alone.turn(10)
    assert alone.twilio.calls("Messages.list") == [], "nothing is open"
    await alone.fire("CheckoutSlow")
    alone.twilio.text("ack 1", from_=ADAS)
    alone.twilio.text("ack 1", from_=STRANGER)
    await alone.turn(6)
    assert (await alone.incident()).owner == "ada"
    assert [it.body for it in alone.twilio.sent(ADAS)][1:] == [
        "#1 CheckoutSlow: yours for 4 h, escalation stopped"
    ]
    await alone.turn(60)
    assert len(alone.twilio.sent(ADAS)) == 2, "each is done once"
    asked = len(alone.twilio.calls("Messages.list"))
    assert asked <= 5, "seldom, once somebody has it"
    await alone.start(public=False)
    await alone.turn(60)
    assert len(alone.twilio.sent(ADAS)) == 2


async def test_asking_goes_on_where_the_webhook_is_not_set_up(here: Exchange) -> None:
    await here.fire("CheckoutSlow")
    await here.says("alerts")
    await here.turn(20)
    assert len(here.twilio.calls("Messages.list")) == 1, "what is brought need not be asked for"
    here.twilio.text("show 1", from_=ADAS)  # nobody brings it
    await here.turn(60)
    assert len(here.twilio.sent(ADAS)) == 3
    here.twilio.text("ack 1", from_=ADAS)
    await here.turn(6)
    assert (await here.incident()).status is Status.ACKNOWLEDGED


async def test_what_was_said_before_the_page_is_not_done(alone: Exchange) -> None:
    alone.twilio.text("aa", from_=ADAS)
    alone.clock.advance(3600)
    await alone.fire("CheckoutSlow")
    await alone.turn(20)
    assert (await alone.incident()).status is Status.TRIGGERED


async def test_stop_and_start_are_heard_by_asking(alone: Exchange) -> None:
    await alone.fire("CheckoutSlow")
    alone.twilio.text("stop", from_=ADAS)
    await alone.turn(6)
    assert (await alone.book.get(ADAS)).stopped_at is not None
    await alone.desk.apply((await alone.incident()).id, Resolve(ADA), actor=ADA, via="cli")
    alone.twilio.text("start", from_=ADAS)
    await alone.turn(70)
    assert (await alone.book.get(ADAS)).stopped_at is None


async def test_a_twilio_that_is_away_keeps_nothing_up(alone: Exchange) -> None:
    await alone.fire("CheckoutSlow")
    alone.twilio.faults.add(Fault(failure=Failure.STATUS, status=503, times=2))
    alone.twilio.text("ack 1", from_=ADAS)
    await alone.turn(20)
    assert (await alone.incident()).status is Status.ACKNOWLEDGED


# numbers are confirmed


@pytest.fixture
async def careful(tmp_path: Path) -> AsyncIterator[Exchange]:
    async with exchange(tmp_path) as made:
        made.verify = True
        await made.start()
        yield made


def code_in(exchange: Exchange, number: str = ADAS) -> str:
    (code,) = re.findall(r"Reply (\d{6}) to confirm", exchange.twilio.sent(number)[-1].body)
    return str(code)


async def test_each_new_number_is_sent_a_code_once_and_confirmed_by_it(careful: Exchange) -> None:
    await careful.turn(5)
    assert [len(careful.twilio.sent(it)) for it in (ADAS, BOBS)] == [1, 1]
    await careful.start()
    await careful.turn(130)
    assert len(careful.twilio.sent(ADAS)) == 1
    code = code_in(careful)
    with sqlite3.connect(careful.database.file or "") as reader:
        stored = "".join(map(str, reader.execute("SELECT * FROM phones").fetchall()))
        stored += "".join(map(str, reader.execute("SELECT * FROM outbox").fetchall()))
    assert code not in stored, "it stands nowhere but on the phone"
    assert await careful.says(code) == f"{ADAS} is confirmed: it is paged from now on."
    assert (await careful.says(code)).startswith(f"{ADAS} is not confirmed: no code is open")
    said = await careful.says("phones")
    assert "Ada +14155550142 confirmed" in said
    assert "Bob" not in said, "others' numbers are for administrators"


async def test_until_then_critical_pages_go_and_nothing_else_does(careful: Exchange) -> None:
    await careful.turn(5)
    await careful.fire("DiskFull", severity="warning")
    assert await careful.statuses() == [("ada", "sms", "failed"), ("ada", "slack", "sent")]
    assert any("nobody has confirmed this number" in it.because for it in await careful.facts())
    await careful.fire("CheckoutSlow")
    assert careful.twilio.sent(ADAS)[-1].body.startswith("#2 CRITICAL CheckoutSlow")
    assert (await careful.says("ack 2")).startswith("This number is not confirmed yet.")
    assert (await careful.incident(2)).status is Status.TRIGGERED


async def test_codes_are_tried_a_few_times_and_end(careful: Exchange) -> None:
    await careful.turn(5)
    code = code_in(careful)
    wrong = "100001" if code != "100001" else "100002"
    for _ in range(5):
        assert "this is not the code" in await careful.says(wrong)
    assert "too many wrong codes" in await careful.says(code)
    assert (await careful.book.get(ADAS)).verified_at is None
    careful.clock.advance(61)
    await careful.says("verify")
    await careful.turn(2)
    fresh = code_in(careful)
    careful.clock.advance(24 * 3600)
    assert "no code is open" in await careful.says(fresh)


async def test_a_code_does_not_confirm_another_number(careful: Exchange) -> None:
    await careful.turn(5)
    adas, bobs = code_in(careful), code_in(careful, BOBS)
    assert "not the code" in await careful.says(bobs, ADAS)
    assert (await careful.says(adas, STRANGER)).startswith("I do not know you")
    assert (await careful.book.get(ADAS)).verified_at is None


async def test_administrators_hear_whose_number_is_not_confirmed(careful: Exchange) -> None:
    await careful.turn(5)
    await careful.confirm(BOBS)
    careful.clock.advance(24 * 3600 + 1)
    await careful.turn(5)
    (told,) = careful.slack.notices
    assert told.address == "UBOB"
    assert "Ada: only critical pages go there by SMS" in told.text
    await careful.turn(120)
    assert len(careful.slack.notices) == 1


async def test_a_database_that_is_away_lets_pages_go(careful: Exchange) -> None:
    await careful.turn(5)
    page = Message(purpose=Purpose.PAGE, title="#9 DiskFull", incident=9)
    await careful.database.close()
    receipt = await careful.sms.send(page, ADAS, "page/9", None)
    assert receipt.provider_id
