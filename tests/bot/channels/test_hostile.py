"""One promise of every channel: text from alerts is shown as text, whatever it is.

Each channel has a stand at which its vendor holds it to the platform's limits. A channel that
has none fails here: a new one is held to this from its first day.
"""

import html
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bot.channels import console, email, phone, push, slack, sms, teams, voice, webhook
from bot.config import channels
from bot.config.secret import Secret
from bot.reports.cells import as_csv, as_markdown
from routing.delivery.channel import Channel, Message
from routing.delivery.report import TakesReports
from storage.model.delivery import Purpose
from tests.bot.channels.hostile import MARK, TEXTS, alarm, report
from tests.fakes import ManualClock
from tests.vendors.chats import Chats
from tests.vendors.receiver import Receiver
from tests.vendors.slack import SlackServer
from tests.vendors.smtp import Relay
from tests.vendors.teams import TeamsServer
from tests.vendors.twilio import TwilioServer
from tests.vendors.twilio_calls import perform
from tests.vendors.twilio_messages import Fate, segments

PHONE = "+14155550142"
KEY = "a-key-of-24-characters.."
EVIL = "evil.example"


@dataclass(frozen=True, slots=True)
class Stand:
    """A channel at its vendor's.

    address:  where it sends.
    seen:     what people (or a program) get, as texts; asserts that nothing in it is active.
    as_data:  programs get the text itself, harmless because it is a value.
    """

    channel: Channel
    address: str
    seen: Callable[[], list[str]]
    as_data: bool = False


Open = Callable[[AsyncExitStack, Path], Any]


def strings(value: Any) -> Iterator[str]:
    """Yield every text in JSON."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from strings(inner)
        case list() | tuple():
            for inner in value:
                yield from strings(inner)


async def at_slack(stack: AsyncExitStack, _: Path) -> Stand:
    server = await stack.enter_async_context(SlackServer())
    options = slack.SlackOptions(
        bot_token=Secret(server.bot_token),
        app_token=Secret(server.app_token),
        api_url=server.api_url,
    )

    def seen() -> list[str]:
        assert not [call for call in server.calls() if call.error], "Slack refused something"
        said = [m for m in server.messages("C1")]
        said += [reply for m in said for reply in server.thread("C1", m.ts)]
        found = [text for m in said for text in (m.text, *strings(m.blocks))]
        for text in found:
            # Of what stands in < and > only a mention of those asked and our own time would do.
            assert not re.search(r"<[^>]*>", text), text[:200]
        marked = [b for m in said for b in _objects(m.blocks) if b.get("type") == "mrkdwn"]
        foreign = re.compile(r"\*bold|_it_|~no~|`code`|:tada:|\*\*b\*\*|^> ", re.MULTILINE)
        fenced = re.compile(r"```\n(?:(?!```).)*\n```", re.DOTALL)  # nothing is markup in there
        assert not [b["text"] for b in marked if foreign.search(fenced.sub("", b["text"]))]
        return [html.unescape(text) for text in found]

    return Stand(slack.Slack(options), "C1", seen)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _objects(inner)


class Page(HTMLParser):
    """Reads a mail's page: its text, and what could act."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text, self.active = "", list[str]()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "iframe", "form", "object", "embed", "base", "link"}:
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (name == "href" and EVIL in str(value)):
                self.active.append(f"{name}={value}")
            if name == "href" and not re.match(r"https?://|cid:|#", str(value)):
                self.active.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data


async def at_email(stack: AsyncExitStack, _: Path) -> Stand:
    relay = await stack.enter_async_context(Relay())
    options = email.EmailOptions(
        host="127.0.0.1", port=relay.port, tls="off", from_address="tocsin@example.com"
    )

    def seen() -> list[str]:
        found = []
        for taken in relay.taken:
            names = [name.lower() for name in taken.mail]
            assert taken.to == ("list@example.com",)
            assert names.count("subject") == names.count("to") == 1
            assert not {"bcc", "cc", "reply-to"} & set(names)
            assert len(taken.raw) < 102_000, "Gmail cuts a mail off there"
            assert max(map(len, taken.raw.split(b"\r\n"))) <= 998, "RFC 5322, 2.1.1"
            page = Page(taken.html())
            assert page.active == []
            found += [str(taken.mail["Subject"]), taken.text(), page.text]
        return found

    return Stand(email.Email(options, ManualClock()), "list@example.com", seen)


async def _twilio(stack: AsyncExitStack) -> tuple[TwilioServer, dict[str, Any]]:
    server = await stack.enter_async_context(TwilioServer())
    server.usual_fate = Fate(pause=0.0)
    account = {
        "account_sid": server.account_sid,
        "auth_token": Secret(server.auth_token),
        "from_number": min(server.numbers),
        "api_url": server.url,
    }
    return server, account


async def at_sms(stack: AsyncExitStack, _: Path) -> Stand:
    server, account = await _twilio(stack)

    def seen() -> list[str]:
        bodies = [one.body for one in server.sent()]
        assert all(segments(body) <= 3 for body in bodies)
        assert not [body for body in bodies if "\n" in body]
        return bodies

    return Stand(sms.Sms(sms.SmsOptions(**account)), PHONE, seen)


async def at_voice(stack: AsyncExitStack, _: Path) -> Stand:
    server, account = await _twilio(stack)

    def seen() -> list[str]:
        documents = [call.form["Twiml"] for call in server.phone_calls]
        for document in documents:
            verbs = re.findall(r"<(\w+)", document)
            assert set(verbs) <= {"Response", "Say", "Gather", "Pause", "Hangup"}, document
        return [text for document in documents for text in perform(document).said]

    return Stand(voice.Voice(voice.VoiceOptions(**account)), PHONE, seen)


async def at_phone(_: AsyncExitStack, folder: Path) -> Stand:
    path = folder / "phone.jsonl"

    def seen() -> list[str]:
        texts = [one.text for one in phone.inbox(path)]
        assert all(segments(text) <= 3 for text in texts)
        return texts

    return Stand(phone.Phone(phone.PhoneOptions(path=path)), PHONE, seen)


async def at_teams(stack: AsyncExitStack, _: Path) -> Stand:
    server = await stack.enter_async_context(TeamsServer())
    options = teams.TeamsOptions(rooms={"ops": Secret(server.address("ops"))})

    def seen() -> list[str]:
        assert server.failed() == [], "taken with 202, and nobody saw it"
        cards = server.cards("ops")
        parts = [part for card in cards for part in _objects(card)]
        assert not [part for part in parts if part.get("type") in {"TextBlock", "Image", "Media"}]
        assert not [part for part in parts if EVIL in part.get("url", "")]
        return [part["text"] for part in parts if part.get("type") == "TextRun"]

    return Stand(teams.Teams(options), "ops", seen)


async def at_webhook(stack: AsyncExitStack, _: Path) -> Stand:
    server = await stack.enter_async_context(Receiver(key=KEY, clock=ManualClock()))
    options = webhook.WebhookOptions(
        urls={"ops": Secret(f"http://127.0.0.1:{server.port}/x")},
        keys={"ops": Secret(KEY)},
        allow=("127.0.0.1",),
    )

    def seen() -> list[str]:
        assert all(got.get("status", "firing") == "firing" for got in server.got)
        return list(strings(server.got))

    return Stand(webhook.Webhook(options, ManualClock()), "ops", seen, as_data=True)


async def at_push(stack: AsyncExitStack, _: Path) -> Stand:
    server = await stack.enter_async_context(Chats())
    options = push.PushOptions(urls={"ops": Secret(server.url("mattermost"))})

    def seen() -> list[str]:
        found = list(strings([body for _, body in server.got]))
        for text in found:
            assert not re.search(r"@(everyone|here|channel)|<[!@]|\]\(", text), text
        assert all(len(json.dumps(body)) < 4_096 for _, body in server.got)
        return found

    return Stand(push.Push(options), "ops", seen)


async def at_console(_: AsyncExitStack, __: Path) -> Stand:
    there = console.Console()

    def seen() -> list[str]:
        return list(strings(json.loads(json.dumps([card.as_json() for card in there.cards()]))))

    return Stand(there, "#alarms", seen, as_data=True)


STANDS: dict[str, Open] = {
    "console": at_console,
    "email": at_email,
    "phone": at_phone,
    "push": at_push,
    "slack": at_slack,
    "sms": at_sms,
    "teams": at_teams,
    "voice": at_voice,
    "webhook": at_webhook,
}


def test_every_channel_is_held_to_this() -> None:
    assert set(channels.names()) == STANDS.keys()


@asynccontextmanager
async def standing(name: str, folder: Path) -> AsyncIterator[Stand]:
    async with AsyncExitStack() as stack:
        stand: Stand = await STANDS[name](stack, folder)
        stack.push_async_callback(stand.channel.close)
        yield stand


def purposes(name: str) -> list[Purpose]:
    """Return what a channel is used for: rooms, and pages where it asks people."""
    kind = channels.kind(name)
    rooms = [Purpose.ROOM] if kind.shows_rooms else []
    return rooms + ([Purpose.PAGE] if kind.asks and not kind.is_chat else [])


STEERING = {"Cc", "Cs", "Zl", "Zp"}
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def legible(text: str) -> None:
    """Assert that nothing steers the screen on which a text is read; line ends do no harm."""
    bad = {c for c in text if unicodedata.category(c) in STEERING and c not in "\r\n\t"}
    assert not bad, (bad, text[:200])
    assert not BIDI.search(text), text[:200]
    text.encode()


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize("name", sorted(STANDS))
async def test_hostile_text_is_shown_as_text(name: str, what: str, tmp_path: Path) -> None:
    text = TEXTS[what]
    async with standing(name, tmp_path) as stand:
        for purpose in purposes(name):
            await told(stand, alarm(text, purpose))
        seen = stand.seen()
    assert any("42" in one for one in seen), "the number by which it is answered"
    assert any(MARK in one for one in seen), "what it said"
    assert not [one for one in seen if "49" in one.split()], "no template was run"
    if stand.as_data:
        # JSON has no half characters; everything else arrives as it was, or cut.
        whole = text.encode(errors="replace").decode()
        assert any(whole[:1_000] in one or text[:1_000] in one for one in seen)
    else:
        for one in seen:
            legible(one)


async def told(stand: Stand, message: Message) -> None:
    """Tell it, and what changed after that: a chat edits, and answers in the thread."""
    key = f"incident/42/{message.purpose}"
    receipt = await stand.channel.send(message, stand.address, key, None)
    if message.purpose is Purpose.ROOM and receipt.post is not None:
        later = replace(message, version=8, stages=("triggered.0.0", "acknowledged.0"))
        await stand.channel.send(later, stand.address, key, receipt.post)


REPORTING = sorted(name for name in STANDS if channels.kind(name).takes_reports)


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize("name", REPORTING)
async def test_hostile_reports_are_shown_as_text(name: str, what: str, tmp_path: Path) -> None:
    async with standing(name, tmp_path) as stand:
        assert isinstance(stand.channel, TakesReports)
        await stand.channel.send_report(report(TEXTS[what]), stand.address, "report/1")
        seen = stand.seen()
    assert any(MARK in one for one in seen), "what it said"
    for one in seen if not stand.as_data else ():
        legible(one)


@pytest.mark.parametrize("what", TEXTS)
def test_cells_of_a_report_are_text(what: str) -> None:
    text = TEXTS[what]
    csv = as_csv([("alert", "count"), (text, "1")]).decode("utf-8-sig")
    first = csv.split("\r\n", 1)[1].lstrip('"')
    assert MARK in csv
    assert not first.startswith(("=", "+", "-", "@", "\t", "\r"))
    markdown = as_markdown([("alert", "count"), (text, "1")])
    assert len(markdown.split("\n")) == 3, "a cell ends no row"
    assert not re.search(r"(?<!\\)<\w|(?<!\\)\]\(", markdown)
