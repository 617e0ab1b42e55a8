"""An address that takes mails for a source, and what a mail there becomes. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.doors.door import Arrived, Caller
from bot.doors.mapping import Mapped, apply
from bot.mail.read import MOST_HOPS, Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One address.

    source:  whose alerts come here.  senders: who may write: `nas@example.com`,
             `*@example.com`, or `*`; compared with the envelope's sender.
    subject, text: RE2 patterns, found anywhere; their named groups are `match` in a mapping.
    mapped:  how a mail becomes an alert.  plain: how, where that finds none.
    """

    source: str
    senders: tuple[str, ...]
    subject: Any = None
    text: Any = None
    mapped: Mapped
    plain: Mapped

    def admits(self, sender: str) -> bool:
        """Say whether this sender of an envelope may write here."""
        sender = sender.lower()
        domain = "*@" + sender.rpartition("@")[2]
        return any(it in ("*", sender, domain) for it in map(str.lower, self.senders))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """How mails of our own are recognised. address: what we send from; empty: we send none."""

    address: str = ""

    def wrote(self, mail: Mail) -> bool:
        """Say whether a mail is ours, or an answer to one."""
        if not self.address:
            return False
        if self.address in (mail.sender, mail.writer):
            return True
        domain = re.escape(self.address.rpartition("@")[2])
        own = re.compile(rf"<[^<>@]+\.[0-9a-f]{{16}}@{domain}>")
        return any(own.fullmatch(it) for it in (mail.id, *mail.answers))


def why_none(mail: Mail, ours: Ours) -> str:
    """Say why a mail makes no alert, so that no two machines write to each other for ever."""
    if mail.robot:
        return mail.robot
    if ours.wrote(mail):
        return "a mail of our own, or an answer to one"
    return f"it came through {mail.hops} servers" if mail.hops > MOST_HOPS else ""


def told(box: Box, mail: Mail, to: str, now: datetime) -> Arrived:
    """Return what a mail becomes; one that the mapping cannot read is told as it is.

    Who wrote a mail about trouble waits for somebody to come, whatever its subject looks like.
    """
    seen = {
        "from": mail.writer or mail.sender,
        "sender": mail.sender,
        "to": to,
        "subject": mail.subject,
        "text": mail.text,
        "date": mail.date,
        "id": mail.id,
        "match": _groups(box, mail),
    }
    caller = Caller(source=box.source, now=now)
    arrived = apply(box.mapped, seen, caller)
    if not arrived.refused:
        return arrived
    why = arrived.refused[0].error
    plain = apply(box.plain, seen, caller)
    noted = [
        replace(alert, annotations=alert.annotations.with_({"problem": f"not understood: {why}"}))
        for alert in plain.alerts
    ]
    return replace(plain, alerts=tuple(noted))


def _groups(box: Box, mail: Mail) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pattern, text in ((box.subject, mail.subject), (box.text, mail.text)):
        match = pattern.search(text) if pattern is not None else None
        groups = match.groupdict() if match else {}
        found |= {name: value for name, value in groups.items() if value is not None}
    return found
