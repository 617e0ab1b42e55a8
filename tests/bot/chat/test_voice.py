"""Phone calls: what is said, what keys do, and what counts as an answer."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from bot.channels import voice
from bot.channels.voice import Voice, VoiceOptions
from bot.channels.voice_token import CallTokens
from bot.channels.voice_words import CHOICE, asking, clean, goodbye, spoken
from bot.chat.voice import VoiceMouth
from bot.config.secret import Secret
from bot.web.twilio import TwilioDoor
from routing.delivery.channel import Channel, ChannelKind, Message, Rejected, TryLater
from routing.delivery.throttle import Pace
from routing.incidents.events import Acknowledge
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from storage.model.person import ContactPoint
from tests.bot.chat.exchange import ADA, ADAS, BOB, BOBS, PUBLIC, STRANGER, Exchange, exchange
from tests.vendors.faults import Failure, Fault
from tests.vendors.twilio_calls import Answer, PhoneCall, perform
from tests.vendors.twilio_messages import Fate

SECRET = "a-secret"


class Calling(Exchange):
    """An exchange whose people are called."""

    async def _open_more(self, channels: dict[str, tuple[ChannelKind, Channel]]) -> None:
        options = VoiceOptions(
            account_sid=self.twilio.account_sid,
            auth_token=Secret(self.twilio.auth_token),
            from_number=min(self.twilio.numbers),
            api_url=self.twilio.url,
        )
        self.voice = Voice(options, self.clock)
        self._opened.push_async_callback(self.voice.close)
        channels["voice"] = (replace(voice.CHANNEL, seconds_between=0.0), self.voice)
        known = self.playbook().people
        people = {
            id: replace(person, contacts=(*person.contacts, _voice(id)))
            for id, person in known.items()
        }
        pages_only = frozenset({"voice"})
        self.playbook.swap(replace(self.playbook(), people=people, pages_only=pages_only))
        self.only("voice")

    def door(self) -> TwilioDoor:
        mouth = VoiceMouth(self.voice, self.desks, PUBLIC, CallTokens(SECRET))
        return replace(super().door(), voice=mouth)

    @property
    def calls(self) -> list[PhoneCall]:
        return self.twilio.phone_calls

    async def over(self, number: int = 0) -> PhoneCall:
        """Wait until a call has ended and its end has been told."""
        await self.twilio.until(
            lambda: (
                len(self.calls) > number
                and any(url.endswith("/status") for url, _ in self.calls[number].answered)
            )
        )
        await self.sender.send_due()
        return self.calls[number]


def _voice(id: str) -> ContactPoint:
    return ContactPoint(channel="voice", address={ADA: ADAS, BOB: BOBS}[id])


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Calling]:
    async with exchange(tmp_path, Calling) as made:
        assert isinstance(made, Calling)
        made.twilio.usual_fate = Fate(end="queued")
        await made.start()
        yield made


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Calling]:
    async with exchange(tmp_path, Calling) as made:
        assert isinstance(made, Calling)
        made.twilio.usual_fate = Fate(end="queued")
        await made.start(public=False)
        yield made


@pytest.mark.parametrize(
    ("key", "status", "said"),
    [
        ("1", Status.ACKNOWLEDGED, "You have it. Escalation has stopped."),
        ("2", Status.RESOLVED, "It is resolved."),
        ("3", Status.TRIGGERED, "The next people are being asked."),
    ],
)
async def test_a_key_answers(here: Calling, key: str, status: Status, said: str) -> None:
    here.twilio.answers[ADAS] = Answer(keys=(key,))
    await here.fire("CheckoutSlow")
    call = await here.over()
    asked = (
        "This is Tocsin. Incident number 1, critical. Checkout Slow. Checkout Slow hurts. " + CHOICE
    )
    assert call.said == [asked, asked, "No key was pressed. Goodbye.", said, "Goodbye."]
    incident = await here.incident()
    assert incident.status is status
    assert (await here.statuses())[0] == ("ada", "voice", "delivered")
    assert any(row.via == "voice" and "by ada" in row.because for row in await here.facts())
    if key == "3":
        assert incident.step == 1
        assert ("bob", "slack", "sent") in await here.statuses()


async def test_one_call_for_many_is_answered_for_all(here: Calling) -> None:
    here.playbook.swap(replace(here.playbook(), pace=Pace(single=1, within=300.0)))
    here.twilio.answers[ADAS] = Answer(end="ringing")
    await here.fire(*(f"Disk{number}" for number in range(7)))
    (call,) = here.calls
    url = call.form["Url"]
    _, words = await here.twilio.replay(call, url, AnsweredBy="human")
    said = perform(words).said[0]
    assert said.startswith("This is Tocsin. 7 incidents wait for you. Number 1, critical, Disk")
    assert said.endswith(f"And 2 more. {CHOICE}")
    await here.twilio.replay(call, f"{url}/key?turn=1", Digits="1")
    for number in range(1, 8):
        assert (await here.incident(number)).owner == ADA


async def test_a_wrong_key_is_asked_again_and_comes_to_an_end(here: Calling) -> None:
    here.twilio.answers[ADAS] = Answer(keys=("9", "#", "7", "5"))
    await here.fire("CheckoutSlow")
    call = await here.over()
    assert call.said[-2:] == ["That is no choice.", "Goodbye."]
    assert (await here.incident()).status is Status.TRIGGERED
    assert call.said.count(f"That is no choice. {CHOICE}") == 4, "twice after each of two"


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "fax"])
async def test_a_voicemail_is_no_answer(here: Calling, by: str) -> None:
    here.twilio.answers[ADAS] = Answer(by=by, keys=("1",))
    await here.fire("CheckoutSlow")
    call = await here.over()
    assert call.said == [], "nothing is said to a machine"
    assert (await here.statuses())[:2] == [("ada", "voice", "failed"), ("ada", "sms", "sent")]
    assert (await here.incident()).status is Status.TRIGGERED
    assert any("answered; going by sms" in row.because for row in await here.facts())


async def test_who_may_be_a_voicemail_is_a_person_only_by_a_key(here: Calling) -> None:
    here.twilio.answers[ADAS] = Answer(by="unknown")
    await here.fire("CheckoutSlow")
    call = await here.over()
    assert call.said[0].endswith(CHOICE), "it is read out all the same"
    assert (await here.statuses())[:2] == [("ada", "voice", "failed"), ("ada", "sms", "sent")]
    here.twilio.answers[ADAS] = Answer(by="unknown", keys=("3",))
    await here.fire("DiskFull")
    await here.over(1)
    assert (await here.statuses(2))[0] == ("ada", "voice", "delivered")
    assert ("ada", "sms", "sent") not in await here.statuses(2)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("busy", "the line was busy"),
        ("no-answer", "nobody picked up"),
        ("failed", "the call could not be connected"),
        ("canceled", "the call was cancelled"),
    ],
)
async def test_who_does_not_pick_up_is_asked_by_the_next_way_at_once(
    here: Calling, end: str, reason: str
) -> None:
    here.twilio.answers[ADAS] = Answer(end=end)
    await here.fire("CheckoutSlow")
    await here.over()
    assert (await here.statuses())[:2] == [("ada", "voice", "failed"), ("ada", "sms", "sent")]
    assert any(f"{reason}; going by sms" in row.because for row in await here.facts())
    assert not here.twilio.calls("Calls.fetch")


async def test_what_was_answered_meanwhile_is_told_and_not_asked(here: Calling) -> None:
    here.twilio.answers[ADAS] = Answer(end="ringing")
    await here.fire("CheckoutSlow")
    await here.desk.apply((await here.incident()).id, Acknowledge(BOB), actor=BOB, via="cli")
    (call,) = here.calls
    url = call.form["Url"]
    _, words = await here.twilio.replay(call, url, AnsweredBy="human")
    assert perform(words).said == ("Incident number 1 is acknowledged by Bob.", "Goodbye.")
    await here.twilio.replay(call, f"{url}/key?turn=1", Digits="2")
    assert (await here.incident()).status is Status.ACKNOWLEDGED


async def test_an_old_call_answers_nothing_of_a_later_round(here: Calling) -> None:
    here.twilio.answers[ADAS] = Answer(end="ringing")
    await here.fire("CheckoutSlow")
    (call,) = here.calls
    number = (await here.incident()).id
    await here.desk.apply(number, Acknowledge(ADA), actor=ADA, via="cli")
    await here.says("esc 1")  # a new round
    assert (await here.incident()).round == 1
    await here.twilio.replay(call, f"{call.form['Url']}/key?turn=1", Digits="1")
    assert (await here.incident()).status is Status.TRIGGERED


async def test_a_key_that_is_brought_twice_counts_once(here: Calling) -> None:
    here.twilio.answers[ADAS] = Answer(end="ringing")
    here.twilio.answers[BOBS] = Answer(end="ringing")
    await here.fire("CheckoutSlow")
    (call,) = here.calls
    for _ in range(3):
        await here.twilio.replay(call, f"{call.form['Url']}/key?turn=1", Digits="3")
    incident = await here.incident()
    assert (incident.round, incident.step) == (0, 1)


async def test_forged_calls_have_no_effect(here: Calling) -> None:
    here.twilio.answers[ADAS] = Answer(end="ringing")
    await here.fire("CheckoutSlow")
    (call,) = here.calls
    token = call.form["Url"].rpartition("/")[2]
    form = {"CallSid": call.sid, "To": ADAS, "Digits": "1", "AnsweredBy": "machine_start"}
    sign = RequestValidator(here.twilio.auth_token).compute_signature
    other = CallTokens("guess").token("incident/1/round/0/step/0/ada/voice")
    for name in (token, other, token[:-1] + ("0" if token[-1] != "0" else "1"), "x", "a.b"):
        for more in ("", "/key?turn=1", "/status"):
            path = f"/twilio/voice/{name}{more}"
            assert await here.post(path, form) == 403
            if name != token:  # signed by Twilio, and still no call of ours
                assert await here.post(path, form, sign(f"{PUBLIC}{path}", form)) == 403
    assert (await here.incident()).status is Status.TRIGGERED
    assert await here.statuses() == [("ada", "voice", "sent")]
    path = f"/twilio/voice/{token}/key?turn=1"
    stray = {**form, "To": STRANGER}
    assert await here.post(path, stray, sign(f"{PUBLIC}{path}", stray)) == 200
    assert (await here.incident()).status is Status.TRIGGERED, "another phone was called"


async def test_a_call_that_was_made_without_a_receipt_is_found_again(here: Calling) -> None:
    here.twilio.faults.add(Fault(failure=Failure.RESET, work_done=True, times=1))
    here.twilio.answers[ADAS] = Answer(end="ringing")
    await here.fire("CheckoutSlow")
    await here.turn(5)
    assert len(here.calls) == 1, "a phone is not rung twice for one thing"
    assert (await here.statuses())[0] == ("ada", "voice", "sent")


async def test_news_never_rings(here: Calling) -> None:
    here.twilio.answers[ADAS] = Answer(end="completed")
    await here.fire("CheckoutSlow")
    await here.over()
    await here.desk.apply((await here.incident()).id, Acknowledge(BOB), actor=BOB, via="cli")
    await here.turn(3)
    assert len(here.calls) == 1
    assert [it.address for it in here.slack.notices] == ["UADA"]
    notice = Message(purpose=Purpose.NOTICE, title="over")
    with pytest.raises(Rejected, match="pages only"):
        await here.voice.send(notice, ADAS, "x", None)


async def test_without_a_public_address_it_is_read_out_and_asked_about(alone: Calling) -> None:
    alone.twilio.answers[ADAS] = Answer(by="machine_start")
    await alone.fire("CheckoutSlow")
    (call,) = alone.calls
    assert "Url" not in call.form
    await alone.turn(5)
    assert (await alone.statuses())[:2] == [("ada", "voice", "failed"), ("ada", "sms", "sent")]
    said = perform(call.form["Twiml"])
    assert said.gather is None
    assert said.said[0].startswith("This is Tocsin. Incident number 1, critical.")


async def test_twilio_away_is_tried_later(here: Calling) -> None:
    await here.twilio.down()
    page = Message(purpose=Purpose.PAGE, title="#1 DiskFull", incident=1)
    with pytest.raises(TryLater, match="cannot be reached"):
        await here.voice.send(page, ADAS, "page/1", None)


# what is said

HOSTILE = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        [
            "</Say><Redirect>http://evil.example.com</Redirect><Say>",
            "<Gather action='http://evil.example.com'/>",
            "]]><Dial>+1900</Dial>",
            "&lt;Hangup/&gt; &amp; <!-- x --> <![CDATA[<Dial/>]]>",
            "<speak><break time='10000s'/></speak>",
            "\x00\x1b[2J\u202e\ud800 \r\n",
            "=cmd|' /C calc'!A0",
            "x" * 10_000,
        ]
    ),
)


@given(HOSTILE, HOSTILE)
def test_nothing_of_an_alert_becomes_a_verb(title: str, summary: str) -> None:
    page = Message(
        purpose=Purpose.PAGE,
        title=f"#12 {title}",
        incident=12,
        severity=Severity.CRITICAL,
        summary=summary,
    )
    lines = spoken(page)
    assert lines[1] == "Incident number 12, critical."
    words = asking(lines, "en-US", "https://tocsin.example.com/twilio/voice/x/key?turn=1")
    heard = perform(words)
    tags = re.findall(r"<(/?[A-Za-z]+)", words)
    assert [tag for tag in tags if not tag.startswith("/")] == [
        "Response", "Gather", "Say", "Pause", "Say", "Pause", "Say", "Hangup",
    ]  # fmt: skip
    assert heard.gather == "https://tocsin.example.com/twilio/voice/x/key?turn=1"
    assert all(len(text) <= 1_000 for text in heard.said)
    assert heard.said[0].endswith(CHOICE), "what we say comes last, whatever an alert says"
    read_out = perform(goodbye(lines, "en-US", twice=True))
    assert len(goodbye(lines, "en-US", twice=True)) <= 4_000
    assert read_out.hung_up


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CheckoutSlow", "Checkout Slow"),
        ("p99 is 3.2 s", "p99 is 3.2 s"),
        ("disk /var 95%", "disk /var 95%"),
        ("a<b>c\r\nd", "a b c d"),
        ("Straße ist überlastet", "Straße ist überlastet"),
        ("🔥 fire", "fire"),
        ("word " * 100, "word " * 59 + "word, and so on"),
    ],
)
def test_what_can_be_spoken(text: str, said: str) -> None:
    assert clean(text) == said


@given(st.text(max_size=200))
def test_a_token_reads_back_and_no_other_does(key: str) -> None:
    tokens = CallTokens(SECRET)
    key = key.encode(errors="replace").decode()
    assert tokens.read(tokens.token(key)) == key
    assert tokens.read(CallTokens("other").token(key)) == ""
    assert tokens.read(key) == ""
