"""A mail as it came over the wire -> what a mapping looks at. Pure; whatever it holds is text.

Headers are decoded by the old, simple policy: the new one takes minutes for a hostile address.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from html.parser import HTMLParser

from bot.ingest.format import BadPayload

LONGEST_HEADER, LONGEST_TEXT = 2_000, 20_000
MOST_PARTS, MOST_HOPS = 200, 50
INVISIBLE = ("script", "style", "head", "title")
BREAKS = ("br", "p", "div", "tr", "li", "h1", "h2", "h3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail.

    sender:   of the envelope, in lower case; empty for a bounce.
    writer:   the address in its `From`, in lower case.
    id:       its Message-ID.  answers: the Message-IDs that it refers to.
    hops:     how many servers it came through.
    robot:    why it is a machine's answer to a mail, where it says so; empty: it is none.
    """

    sender: str
    writer: str
    subject: str
    text: str
    date: str
    id: str
    answers: tuple[str, ...]
    hops: int
    robot: str


def read_mail(raw: bytes, sender: str) -> Mail:
    """Read a mail. sender: of the envelope. Raises BadPayload where it is none."""
    try:
        message = message_from_bytes(raw)
        return Mail(
            sender=sender.lower(),
            writer=parseaddr(_header(message, "From"))[1].lower(),
            subject=_header(message, "Subject"),
            text=_text(message),
            date=_header(message, "Date"),
            id=_header(message, "Message-ID"),
            answers=tuple(_answers(message)),
            hops=len(message.get_all("Received", ())),
            robot=_robot(message, sender),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadPayload(f"this is no mail: {type(error).__name__}") from error


def _header(message: Message, name: str) -> str:
    raw = next((text for key, text in message.raw_items() if key.lower() == name.lower()), "")
    written = (
        str(raw)[: 4 * LONGEST_HEADER].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )
    try:
        told = str(make_header(decode_header(written)))
    except (HeaderParseError, LookupError, ValueError):
        told = written
    return " ".join(_clean(told).split())[:LONGEST_HEADER]


def _clean(text: str) -> str:
    """Return Unicode that can be written down: no half characters, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _answers(message: Message) -> Iterator[str]:
    for name in ("In-Reply-To", "References"):
        yield from re.findall(r"<[^<>\s]{1,300}>", _header(message, name))


def _robot(message: Message, sender: str) -> str:
    """Say why it is no mail to us: RFC 3834, and what older programs do.

    `auto-generated` is no reason: a monitor that tells of trouble says that, and is right.
    """
    if not sender:
        return "a bounce: it has no sender"
    if message.get_content_type() == "multipart/report":
        return "a report about a mail's delivery"
    said = _header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if said.startswith("auto-replied"):
        return "an automatic reply (Auto-Submitted)"
    if _header(message, "Precedence").strip().lower() == "auto_reply":
        return "an automatic reply (Precedence)"
    named = next((it for it in ("X-Autoreply", "X-Autorespond") if it in message), "")
    return f"an automatic reply ({named})" if named else ""


def _text(message: Message) -> str:
    """Return the first plain text, else the first page without its markup."""
    page = ""
    for count, part in enumerate(message.walk()):
        if count >= MOST_PARTS:
            break
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain":
            return _decoded(part)[:LONGEST_TEXT].strip()
        if kind == "text/html" and not page:
            page = _unmarked(_decoded(part)[: 10 * LONGEST_TEXT])
    return page[:LONGEST_TEXT].strip()


def _decoded(part: Message) -> str:
    held = part.get_payload(decode=True)
    body = held if isinstance(held, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    try:
        return _clean(body.decode(charset, "replace"))
    except LookupError:
        return _clean(body.decode("utf-8", "replace"))


def _unmarked(page: str) -> str:
    reader = _Words()
    reader.feed(page)
    lines = ("".join(reader.words)).splitlines()
    return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)


class _Words(HTMLParser):
    """Keeps what a page says to its readers."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line where the page does; what nobody sees is left out."""
        del attrs
        self._unseen += tag in INVISIBLE
        self.words += ["\n"] if tag in BREAKS else []

    def handle_endtag(self, tag: str) -> None:
        """End what nobody sees."""
        self._unseen = max(0, self._unseen - (tag in INVISIBLE))

    def handle_data(self, data: str) -> None:
        """Keep words."""
        if not self._unseen:
            self.words.append(data)
