"""The phone book: who texted STOP, whose number is confirmed, and the codes that confirm one.

A number that nobody confirmed may be a stranger's, or nobody's. Until its owner has sent back a
code it gets critical pages, for silence is worse, and nothing else.
"""

import asyncio
import hmac
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import scrypt
from secrets import randbelow, token_hex

import structlog

from routing.delivery import body
from routing.delivery.channel import Message, Rejected
from storage.clock import Clock
from storage.errors import StorageUnavailable
from storage.model.alert import Severity
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.model.person import PersonId
from storage.model.phone import Phone
from storage.sql import outbox, phones
from storage.sql.database import Database

log = structlog.get_logger(__name__)

INVITE, REPLY = "verify/", "sms/"
"""Beginnings of outbox keys: an SMS that asks for a code back, and an answer to an SMS."""
LASTING = timedelta(hours=24)
TRIES = 5
SMALLEST, CODES = 100_000, 900_000
PAUSE = timedelta(minutes=1)
"""Between two codes for one number, so that nobody can make a phone ring without end."""


class PhoneBook:
    """What is known of numbers, in the database. verify: whether numbers have to be confirmed."""

    def __init__(self, database: Database, clock: Clock, *, verify: bool = True) -> None:
        self._database, self._clock, self.verify = database, clock, verify

    async def refusal(self, number: str, message: Message, key: str) -> Rejected | None:
        """Say why `message` must not be texted to `number`; None where it may.

        Where the database is away it may: rather one text too many than none.
        """
        try:
            phone = await self.get(number)
        except StorageUnavailable:
            return None
        if phone.stopped_at is not None:
            return Rejected(
                f"SMS to {number}: its owner texted STOP",
                advice="let them text START to Tocsin's number",
            )
        if key.startswith((INVITE, REPLY)) or not self.verify or phone.verified_at is not None:
            return None
        critical = message.severity is Severity.CRITICAL and message.purpose is Purpose.PAGE
        if critical:
            log.warning("a critical page goes to a number that nobody confirmed", number=number)
            return None
        return Rejected(
            f"SMS to {number}: nobody has confirmed this number",
            advice="`tocsin verify <person>` sends a code; they send it back",
        )

    async def get(self, number: str) -> Phone:
        """Return what is known of a number."""
        async with self._database.reading() as tx:
            return await phones.get(tx, number)

    async def of(self, numbers: Collection[str]) -> dict[str, Phone]:
        """Return what is known of these numbers."""
        async with self._database.reading() as tx:
            return await phones.of(tx, numbers)

    async def note_stopped(self, number: str) -> None:
        """Its owner texted STOP: no SMS goes there until they text START."""
        log.warning("a phone texted STOP", number=number)
        with suppress(StorageUnavailable):  # the provider refuses by itself, we learn it again
            async with self._database.transaction() as tx:
                await phones.note(tx, number, stopped_at=self._clock.utc_now())

    async def note_started(self, number: str) -> None:
        """Its owner texted START."""
        log.info("a phone texted START", number=number)
        async with self._database.transaction() as tx:
            await phones.note(tx, number, stopped_at=None)

    async def invite(self, person: PersonId, number: str) -> bool:
        """Owe a code to a number; False where one went out a moment ago.

        The code is made when it is sent, so that it stands nowhere but on the phone.
        """
        now = self._clock.utc_now()
        async with self._database.transaction() as tx:
            known = await phones.get(tx, number)
            if known.invited_at is not None and now - known.invited_at < PAUSE:
                return False
            await phones.note(tx, number, invited_at=now)
            key = f"{INVITE}{number}/{now:%Y-%m-%dT%H:%M:%S}"
            words = Message(purpose=Purpose.NOTICE, title="Confirm your number")
            await outbox.enqueue(tx, _letter(key, words, person, number, self._clock, now))
        return True

    async def new_code(self, number: str) -> str:
        """Make the code that counts for a number from now on: six digits, for a day."""
        code = str(SMALLEST + randbelow(CODES))
        salt, now = token_hex(8), self._clock.utc_now()
        kept = await _digest(code, salt)
        async with self._database.transaction() as tx:
            facts = {"code": f"{salt}${kept}", "code_ends_at": now + LASTING, "code_tries": 0}
            await phones.note(tx, number, invited_at=now, **facts)
        return code

    async def confirm(self, number: str, code: str) -> str:
        """Take a code that was sent back; return why it does not count, or an empty text."""
        now = self._clock.utc_now()
        async with self._database.transaction() as tx:
            known = await phones.get(tx, number)
            ends = known.code_ends_at
            if not known.code or ends is None or ends <= now:
                return "no code is open for this number; `verify` sends one"
            if not await phones.count_try(tx, number, TRIES):
                return "too many wrong codes; `verify` sends a new one"
        salt, _, kept = known.code.partition("$")
        if not hmac.compare_digest(kept, await _digest(code, salt)):
            return "this is not the code"
        async with self._database.transaction() as tx:
            await phones.note(tx, number, verified_at=now, code="", code_ends_at=None)
        return ""

    async def waited_for(self) -> list[Phone]:
        """Return numbers from which a START or a code may come."""
        async with self._database.reading() as tx:
            return await phones.waited_for(tx, self._clock.utc_now() - LASTING)


async def _digest(code: str, salt: str) -> str:
    """Hash slowly: there are fewer than a million codes."""
    made = await asyncio.to_thread(
        scrypt, code.encode(errors="replace"), salt=salt.encode(), n=2**12, r=8, p=1
    )
    return made.hex()


def _letter(
    key: str, words: Message, person: PersonId | None, number: str, clock: Clock, now: datetime
) -> OutboxMessage:
    return OutboxMessage(
        id=OutboxId(0),
        key=key,
        purpose=words.purpose,
        severity=words.severity,
        incident=None,
        person=person,
        round=0,
        step=0,
        channel="sms",
        address=number,
        body=body.write(words),
        not_before=clock.steady(),
        created_at=now,
    )


def reply_letter(
    sid: str, text: str, person: PersonId | None, number: str, clock: Clock
) -> OutboxMessage:
    """Owe an answer to the SMS `sid`; urgent, for somebody looks at their phone."""
    words = Message(purpose=Purpose.NOTICE, title="", summary=text, severity=Severity.CRITICAL)
    return _letter(f"{REPLY}{sid}", words, person, number, clock, clock.utc_now())
