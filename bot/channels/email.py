"""E-mail: one thread an incident, signed links to answer, nothing sent over an unsafe connection.

A mail cannot be edited, so a room (a mailing list, mostly) gets one for each state worth hearing:
the first opens the thread, the others answer it. A mail's Message-ID follows from what it is, so
that a repeat after an answer that was lost is known for one by servers and clients.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from bot.channels import report_letter
from bot.channels.email_relay import Relay
from bot.channels.letter import Letter, written
from bot.channels.links import AnswerLinks, Link
from bot.channels.once import is_told, receipt
from bot.channels.report_letter import ReportLetter
from bot.config.mail_address import parse_mail_address
from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from routing.delivery.report import Finished
from storage.clock import Clock, SystemClock
from storage.model.delivery import Post, Purpose

NAME = "email"
PORTS = {"starttls": 587, "implicit": 465, "off": 25}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})|[0-9A-Fa-f:]{2,39}")
_LONGEST_DOMAIN = 40  # of an id: longer ones could not be folded into a header


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailOptions:
    """The relay that takes our mail.

    port:     none: 587 with starttls, 465 with implicit TLS, 25 without.
    tls:      `off` sends mail as anybody on the way can read it; never a password.
    ca_file:  certificates (PEM) of those whom to believe; none: the system's.
    from_address, from_name: who the mails come from.
    """

    host: str
    from_address: str
    from_name: str = "Tocsin"
    port: int | None = None
    tls: Literal["starttls", "implicit", "off"] = "starttls"
    ca_file: Path | None = None
    username: str = ""
    password: Secret | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work, or would show a password to others; raises ValueError."""
        object.__setattr__(self, "from_address", parse_mail_address(self.from_address))
        if not _HOST.fullmatch(self.host):
            expected = "expected one such as smtp.example.com"
            raise ValueError(f"host: found {self.host[:60]!r}; {expected}")
        if self.port is not None and not 0 < self.port <= 65_535:
            raise ValueError(f"port: found {self.port}; expected a number from 1 to 65535")
        if bool(self.username) != bool(self.password):
            missing = "password" if self.username else "username"
            raise ValueError(f"{missing} is missing; expected both username and password, or none")
        if self.username and self.tls == "off":
            raise ValueError(
                "a password would go over the network for all to read; "
                "expected tls: starttls or implicit, or no username and password"
            )
        if self.tls != "off":
            trust(self.ca_file)

    @property
    def connects_to(self) -> int:
        """The port, written or usual."""
        return self.port or PORTS[self.tls]


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return whom to believe; raises ValueError where the file holds no certificates."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(
            f"ca_file: {ca_file} cannot be used ({error.strerror or error}); "
            "expected a file of certificates in PEM"
        ) from error


def relay_of(options: EmailOptions) -> Relay:
    """Return the relay that these options name; nothing is connected yet."""
    return Relay(
        host=options.host,
        port=options.connects_to,
        sender=options.from_address,
        tls=options.tls,
        trust=trust(options.ca_file) if options.tls != "off" else None,
        username=options.username,
        password=options.password.reveal() if options.password else "",
    )


class Email:
    """Mail through one relay."""

    def __init__(self, options: EmailOptions, clock: Clock | None = None) -> None:
        self._options, self._clock = options, clock or SystemClock()
        self._domain = options.from_address.rpartition("@")[2][-_LONGEST_DOMAIN:].lstrip(".-")
        self._links: AnswerLinks | None = None
        self._relay = relay_of(options)

    def take_links(self, links: AnswerLinks) -> None:
        """Put links to answer into the mails that ask somebody."""
        self._links = links

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Mail a person, or a room what it has not been told yet."""
        if post is not None and is_told(message, post):
            return Receipt(provider_id=post.message_id.rpartition(" ")[2], post=post)
        is_room = message.purpose is Purpose.ROOM
        before = post.message_id.split() if post and is_room else []
        mail_id, to = self._id(message, key), _checked(address)
        await self._relay.take(to, self._mail(message, to, mail_id, before))
        taken = receipt(message, NAME, address, post, provider_id=mail_id)
        if taken.post is None:
            return taken
        stands = " ".join((*before[:1], mail_id))
        return replace(taken, post=replace(taken.post, message_id=stands))

    def _mail(self, message: Message, address: str, mail_id: str, before: Sequence[str]) -> bytes:
        """Write a mail. before: ids of the room's first and newest mail."""
        root = [f"<{message.thread}@{self._domain}>"] if message.thread else []
        links, person = self._answers(message, address)
        letter = Letter(
            message=message,
            sender=self._options.from_address,
            sender_name=self._options.from_name,
            to=address,
            id=mail_id,
            references=tuple(dict.fromkeys([*root, *before])),
            is_reply=bool(before) or bool(root and message.purpose is Purpose.NOTICE),
            at=self._clock.utc_now(),
            links=links,
            person=person,
        )
        return written(letter)

    def _answers(self, message: Message, address: str) -> tuple[Sequence[Link], str]:
        """Return links that answer, and as whom; a list of readers may only say its worth."""
        if self._links is None:
            return (), ""
        if message.purpose is Purpose.ROOM:
            return self._links.room_links(message, NAME, address), "this list"
        person = self._links.person(NAME, address)
        return (self._links.links(message, person), person.name) if person else ((), "")

    async def send_report(self, report: Finished, address: str, key: str) -> Receipt:
        """Mail a report: a page with its charts, the CSV attached."""
        to, digest = _checked(address), sha256(key.encode()).hexdigest()[:16]
        letter = ReportLetter(
            report=report,
            sender=self._options.from_address,
            sender_name=self._options.from_name,
            to=to,
            id=f"<report.{digest}@{self._domain}>",
            at=report.at,
        )
        await self._relay.take(to, await asyncio.to_thread(report_letter.written, letter))
        return Receipt(provider_id=letter.id)

    def _id(self, message: Message, key: str) -> str:
        """Name a mail by what it is: the same key in the same state is the same mail."""
        what = message.stages if message.thread else (message.title, message.summary)
        digest = sha256("\n".join((key, *what)).encode(errors="replace")).hexdigest()[:16]
        return f"<{message.thread or 'notice'}.{digest}@{self._domain}>"

    async def outcome(self, provider_id: str) -> Receipt:
        """Say that nothing more is known; the kind does not prove."""
        raise TryLater(f"a relay proves nothing about {provider_id}")

    async def close(self) -> None:
        """Take leave of the relay."""
        await self._relay.close()


def _checked(address: str) -> str:
    try:
        return parse_mail_address(address)
    except ValueError as error:
        raise Rejected(f"e-mail: {error}", advice="correct the e-mail address") from error


CHANNEL = ChannelKind(
    name=NAME, options=EmailOptions, open=Email, has_rooms=True, takes_reports=True, wakes=False
)
