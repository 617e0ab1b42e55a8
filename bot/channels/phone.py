"""A phone that is not there: SMS that would have gone out, kept in a file and shown by the page."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing.delivery.channel import ChannelKind, Message, Receipt, TryLater
from routing.delivery.sms_text import as_sms
from storage.clock import Clock, SystemClock
from storage.model.delivery import Post


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneOptions:
    """path: the file that holds what arrived, one JSON object a line."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """An SMS on the phone. at: Unix seconds. copy: 0 for the first of its key, 1 for one extra."""

    at: float
    to: str
    text: str
    key: str
    incident: int | None
    copy: int = 0


class Phone:
    """Appends each SMS to the file and makes it durable before it says that it was sent.

    Like every provider it cannot tell that we crashed before we noted its answer: then the SMS
    comes again, and is counted as an extra copy.
    """

    def __init__(self, options: PhoneOptions, clock: Clock | None = None) -> None:
        self._path, self._clock = options.path, clock or SystemClock()
        self._turn = asyncio.Lock()

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Let the phone ring; raises TryLater where the file cannot be written."""
        del post
        line = {
            "at": self._clock.utc_now().timestamp(),
            "to": address,
            "text": as_sms(message, 2),
            "key": key,
            "incident": message.incident,
        }
        async with self._turn:
            try:
                await asyncio.to_thread(_append, self._path, line)
            except OSError as error:
                raise TryLater(f"the simulated phone's file: {error}") from error
        return Receipt(provider_id=key)

    async def outcome(self, provider_id: str) -> Receipt:
        """Say that nothing more is known; the kind does not prove."""
        raise TryLater(f"the simulated phone proves nothing about {provider_id}")

    async def close(self) -> None:
        """Let go of nothing: the file is opened for each SMS."""


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("ab") as file:
        # A line that a kill cut off must not swallow the next one.
        start = b"\n" if file.tell() else b""
        file.write(start + json.dumps(line).encode())
        file.flush()
        os.fsync(file.fileno())


def inbox(path: Path) -> tuple[Sms, ...]:
    """Return what arrived, oldest first; an extra copy of a key is numbered from 1."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    found, seen = list[Sms](), dict[str, int]()
    for line in lines:
        try:
            sms = Sms(**json.loads(line))
        except (ValueError, TypeError):
            continue
        copy = seen[sms.key] = seen.get(sms.key, -1) + 1
        found.append(
            Sms(at=sms.at, to=sms.to, text=sms.text, key=sms.key, incident=sms.incident, copy=copy)
        )
    return tuple(found)


def open_phone(options: PhoneOptions) -> Phone:
    """Open the phone."""
    return Phone(options)


CHANNEL = ChannelKind(name="phone", options=PhoneOptions, open=open_phone)
