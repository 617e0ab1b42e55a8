"""A message as a mail: the same words as text and as a page, for a tired person on a phone.

Text from alerts is data: escaped by the template, made one visible line wherever it is a header.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.channels.links import Link
from routing.delivery.channel import Line, Message
from routing.delivery.words import fewer, flat, lines_of, moment, shortened, web_link
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST_TITLE, LONGEST_SUMMARY, LONGEST_FACT, LONGEST_LINE = 150, 2_000, 2_000, 500
MOST_FACTS, MOST_LINES, MOST_ROWS = 20, 12, 20
LARGEST = 100_000
"""Bytes of a mail; Gmail cuts one off at 102 kB."""

COLOURS = {
    Severity.CRITICAL: "#b3261e",
    Severity.WARNING: "#8a5300",
    Severity.INFORMATIONAL: "#1a5fa8",
    Severity.PREDICTIVE: "#6b3fa0",
}
CALM, OVER = "#47525e", "#1b6e3c"
"""White is read on each of them: contrast 5.9 at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail to be written.

    id, references: Message-IDs, with their brackets; the last reference is what it answers.
    is_reply:   it goes on with what was told before.
    at:         aware UTC, the mail's date.
    links:      signed links that answer for `person`, whose name they tell.
    """

    message: Message
    sender: str
    sender_name: str
    to: str
    id: str
    references: Sequence[str]
    is_reply: bool
    at: datetime
    links: Sequence[Link] = ()
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact to show: several rows are possible; `link` where all of it is a web address."""

    name: str
    rows: Sequence[str]
    link: str = ""


def written(letter: Letter) -> bytes:
    """Return the mail as it goes over the wire; shorter where its letters take many bytes."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in _headers(letter))
    shorter, body = 1, _body(letter, 1)
    while len(headers) + len(body) > LARGEST and shorter < 16:
        shorter *= 2
        body = _body(letter, shorter)
    return headers.encode("ascii") + body


def _body(letter: Letter, shorter: int) -> bytes:
    """Write text and page. shorter: by what the longest lengths are divided."""
    shown = _shown(letter, shorter)
    mail = EmailMessage(policy=policy.SMTP)
    mail.set_content(template("letter.txt").render(shown), cte="quoted-printable")
    html = template("letter.html").render(shown)
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    return mail.as_bytes()


def _headers(letter: Letter) -> Iterator[tuple[str, str]]:
    """Yield the headers, ready for the wire."""
    message = letter.message
    yield from headers_of(
        sender=letter.sender,
        sender_name=letter.sender_name,
        to=letter.to,
        subject=subject(letter),
        at=letter.at,
        id=letter.id,
    )
    if letter.references:
        yield "In-Reply-To", letter.references[-1]
        yield "References", "\r\n ".join(letter.references)
    if message.severity is Severity.CRITICAL and message.purpose is Purpose.PAGE:
        yield "Importance", "high"


def headers_of(
    *, sender: str, sender_name: str, to: str, subject: str, at: datetime, id: str
) -> Iterator[tuple[str, str]]:
    """Yield the headers that every mail of ours has, ready for the wire.

    Not by EmailMessage: it takes `=?utf-8?q?=0D=0ABcc:...?=` in a text for what it says, and
    writes a header of its own for it.
    """
    yield "From", f"{_encoded('From', sender_name)} <{sender}>"
    yield "To", to
    yield "Subject", _encoded("Subject", subject)
    yield "Date", format_datetime(at)
    yield "Message-ID", id
    yield "Auto-Submitted", "auto-generated"
    yield "X-Auto-Response-Suppress", "All"


def _encoded(name: str, text: str) -> str:
    """Write a text for a header, whatever it holds; plain words stay as they are."""
    words = flat(text)
    plain = re.fullmatch(r"[A-Za-z0-9 ]*" if name == "From" else r"(?!.*=\?)[ -~]*", words)
    charset = "us-ascii" if plain else "utf-8"
    return Header(words, charset, maxlinelen=76, header_name=name).encode(linesep="\r\n")


def subject(letter: Letter) -> str:
    """Return `#42 CRITICAL CheckoutSlow`, the same for all that is told of an incident.

    Mail programs gather a conversation by its subject as well as by its references.
    """
    message = letter.message
    number, _, rest = flat(message.title).partition(" ")
    words = f"{number} {message.severity.upper()} {rest}" if message.incident else message.title
    return ("Re: " if letter.is_reply else "") + shortened(flat(words), LONGEST_TITLE)


def _shown(letter: Letter, shorter: int) -> dict[str, object]:
    """Return what both templates show."""
    message, at = letter.message, letter.at
    facts = dict(message.facts)
    state = flat(facts.pop("State", "") or (message.status or ""))
    severity = facts.pop("Severity", "") and message.severity
    asks = any(action.verb == "ack" for action in message.actions)
    return {
        "title": shortened(flat(message.title), LONGEST_TITLE),
        "severity": str(severity or message.severity) if message.incident else "",
        "state": shortened(state, LONGEST_LINE),
        "colour": _colour(message),
        "summary": _rows(message.summary, LONGEST_SUMMARY // shorter),
        "links": letter.links,
        "person": flat(letter.person),
        "console": web_link(message.link),
        "command": f"ack {message.incident}" if asks and message.incident else "",
        "facts": [_fact(*fact, shorter) for fact in list(facts.items())[:MOST_FACTS]],
        "lines": [_line(line, at, shorter) for line in message.lines[-MOST_LINES:]],
        "to": letter.to,
    }


def _rows(text: str, longest: int) -> list[str]:
    if not text.strip():
        return []
    return shortened(fewer(lines_of(text, MOST_ROWS), longest), longest).split("\n")


def _fact(name: str, value: str, shorter: int) -> Fact:
    return Fact(
        name=shortened(flat(name), LONGEST_TITLE),
        rows=_rows(value, LONGEST_FACT // shorter),
        link=web_link(value) if len(value) <= LONGEST_FACT else "",
    )


def _line(line: Line, now: datetime, shorter: int) -> tuple[str, str]:
    return moment(line.at, now), shortened(flat(line.text), LONGEST_LINE // shorter)


def _colour(message: Message) -> str:
    """Severity while somebody is wanted, calm when somebody has it, green when it is over."""
    match message.status:
        case Status.RESOLVED:
            return OVER
        case Status.ACKNOWLEDGED | Status.SNOOZED | Status.MUTED | None:
            return CALM
        case _:
            return COLOURS[message.severity]


@cache
def template(name: str) -> "Template":
    """Return a template; jinja2 takes 2 MiB and is imported by the first mail."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
