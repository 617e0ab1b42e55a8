"""A message as a mail: whatever text comes, it is shown as text, and no header is another's."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.letter import Letter, written
from bot.channels.links import Link
from routing.delivery.channel import Line, Message
from routing.delivery.compose import ACTIONS
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from tests.fakes import NOON

PAGE = Message(
    purpose=Purpose.PAGE,
    title="#42 CheckoutSlow",
    incident=42,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 is 3.2 s",
    facts=(("State", "triggered, asked Ada"), ("Severity", "critical"), ("Since", "12:03 UTC")),
    actions=ACTIONS[Status.TRIGGERED],
    lines=(Line(id=1, at=NOON, text="Opened"),),
    link="https://tocsin.example.com/incidents/42",
    thread="42.1772452800",
)
LETTER = Letter(
    message=PAGE,
    sender="tocsin@example.com",
    sender_name="Tocsin",
    to="ada@example.com",
    id="<42.1772452800.0123456789abcdef@example.com>",
    references=("<42.1772452800@example.com>",),
    is_reply=False,
    at=NOON,
)


def mail_of(message: Message, **changed: object) -> EmailMessage:
    raw = written(replace(LETTER, message=message, **changed))  # type: ignore[arg-type]
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    raw.decode("ascii")
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


class Shown(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


SAFE_TAGS = set(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "table",
        "tr",
        "td",
        "div",
        "b",
        "a",
        "span",
        "bdi",
    ]
)
SAFE_HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "Importance", "MIME-Version", "Content-Type",
}  # fmt: skip

HOSTILE = [
    pytest.param('<script>alert("x")</script>', id="script"),
    pytest.param('"><img src=https://evil.example/x onerror=alert(1)>', id="img"),
    pytest.param("</td></table><style>*{display:none}</style>", id="style"),
    pytest.param("{{ 7 * 7 }} {% include '/etc/passwd' %}", id="template"),
    pytest.param('=HYPERLINK("https://evil.example","x")', id="formula"),
    pytest.param("<!channel> @everyone *bold* _it_ `code`", id="chat-markup"),
    pytest.param("javascript:alert(1)", id="javascript"),
    pytest.param("🔥 Straße Ωμέγα 日本語 עברית العربية", id="foreign"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_shown_as_text(text: str) -> None:
    message = replace(
        PAGE,
        title=f"#42 {text}",
        summary=text,
        facts=(("State", text), ("Runbook", text), (text, text)),
        lines=(Line(id=1, at=NOON, text=text),),
    )
    mail = mail_of(message, person=text, links=(Link(label="Acknowledge", address="https://x"),))
    shown = Shown(part(mail, "html"))
    assert set(shown.tags) <= SAFE_TAGS
    assert shown.tags.count("style") == 1
    assert not [name for name, _ in shown.attributes if name.startswith("on") or name == "src"]
    assert {value for name, value in shown.attributes if name == "href"} == {
        "https://x",
        PAGE.link,
    }
    assert shown.text.count(text) >= 6
    assert part(mail, "plain").count(text) >= 6
    assert mail["Subject"] == f"#42 CRITICAL {text}"


INJECTIONS = [
    "x\r\nBcc: eve@example.com",
    "x\nSubject: another",
    "x\r\n\r\n<html>a body",
    "x\rContent-Type: text/html",
    "x\u2028Bcc: eve@example.com",
    "x\x00\x1b[31m\x85y",
    "=?utf-8?q?x=0D=0ABcc:_eve@example.com?=",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_becomes_a_header(text: str) -> None:
    message = replace(PAGE, title=f"#42 {text}", summary=text, facts=((text, text),))
    mail = mail_of(message, sender_name=text, person=text)
    assert set(mail.keys()) <= SAFE_HEADERS
    assert len(mail.get_all("Subject") or []) == 1
    assert mail["Subject"].startswith("#42 CRITICAL x") or "=?" in text
    assert mail["To"] == "ada@example.com"
    assert mail.get_content_type() == "multipart/alternative"
    assert [it.get_content_type() for it in mail.iter_parts()] == ["text/plain", "text/html"]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028]", part(mail, "plain"))


def test_what_steers_the_reading_direction_is_left_out() -> None:
    text = "disk \u202egnp.exe\u202c \u2066full\u2069 \u200f!"
    mail = mail_of(replace(PAGE, title=f"#42 {text}", summary=text))
    for shown in (mail["Subject"], part(mail, "plain"), part(mail, "html")):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", shown)
        assert "disk gnp.exe full !" in shown


def test_ten_thousand_characters_fit() -> None:
    long = "word " * 2_000
    solid = "x" * 10_000
    many = tuple((f"Fact {n}", solid) for n in range(100))
    lines = tuple(Line(id=n, at=NOON, text=solid) for n in range(100))
    message = replace(PAGE, title=f"#42 {solid}", summary=long, facts=many, lines=lines)
    mail = mail_of(message)
    assert len(mail["Subject"]) <= 150
    assert len(part(mail, "html").encode()) < 102_000, "Gmail cuts off what is longer"
    assert "…" in mail["Subject"]


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_makes_a_mail(text: str) -> None:
    message = replace(
        PAGE, title=f"#42 {text}", summary=text, facts=((text, text), ("State", text))
    )
    mail = mail_of(message, sender_name=text)
    assert set(mail.keys()) <= SAFE_HEADERS
    assert set(Shown(part(mail, "html")).tags) <= SAFE_TAGS
    assert mail["Message-ID"] == LETTER.id
    assert mail["To"] == "ada@example.com"


def test_long_references_stay_whole() -> None:
    ids = tuple(f"<42.1772452800.{n:016x}@{'a' * 40}>" for n in range(3))
    mail = mail_of(PAGE, id=ids[2], references=ids)
    assert mail["References"].split() == list(ids)
    assert mail["In-Reply-To"] == ids[2]
    assert mail["Message-ID"] == ids[2]


def test_the_subject_stays_the_same_for_a_conversation() -> None:
    over = replace(PAGE, status=Status.RESOLVED, facts=(("State", "resolved by Ada"),))
    assert mail_of(over, is_reply=True)["Subject"] == f"Re: {mail_of(PAGE)['Subject']}"
    assert "resolved by Ada" in part(mail_of(over), "plain").splitlines()[1]


def test_how_to_answer_is_said() -> None:
    links = (Link(label="Acknowledge", address="https://t.example/answer/1"),)
    with_links = mail_of(PAGE, links=links, person="Ada")
    assert "Acknowledge: https://t.example/answer/1\n" in part(with_links, "plain")
    assert "answer as Ada, for 24 hours" in part(with_links, "plain")
    assert "/tocsin ack 42" in part(mail_of(PAGE), "plain")
    notice = replace(PAGE, actions=(), link="")
    assert "Answer" not in part(mail_of(notice), "plain")
    assert "<a " not in part(mail_of(notice), "html")


def test_it_is_read_without_pictures_and_without_our_server() -> None:
    html = part(mail_of(PAGE), "html")
    assert "<img" not in html
    assert "url(" not in html
    assert "@import" not in html
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(style) < 8_192, "Gmail leaves a longer one out"


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("severity", list(Severity))
def test_severity_stands_in_words(status: Status, severity: Severity) -> None:
    message = replace(PAGE, status=status, severity=severity)
    mail = mail_of(message)
    for shown in (mail["Subject"], part(mail, "plain"), part(mail, "html")):
        assert severity.upper() in shown
