"""The SMTP server as its clients meet it, over a socket; what is answered 250 is on disk."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from ipaddress import ip_network
from pathlib import Path

import aiosmtplib
import pytest
import trustme

from bot.config.mail import MailboxSection
from bot.config.mapping import MappingSection
from bot.mail.box import Box, Ours
from bot.mail.door import MOST_CLIENTS, Doorkeeper, MailDoor, Reception
from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.hear import Hearing
from routing.flow.receive import Receiver
from routing.flow.wake import Wake
from storage.clock import SystemClock
from storage.model.standing import Standing
from storage.sql import standing
from storage.sql.database import Database
from tests.databases import new_database
from tests.routing.town import PLAYBOOK

NAS, TO = "nas@example.com", "nas@tocsin.example.com"
MAPPING = MappingSection(
    key="match.host",
    status={"value": "match.state", "resolved": ["OK"]},
    labels={"alertname": "'Nas'", "host": "match.host"},
    annotations={"summary": "subject"},
)
BOX = MailboxSection(address=TO, senders=("*@example.com",), subject=r"(?P<state>\w+) (?P<host>.+)")


@dataclass
class Place:
    """A door on a port of its own, over a real database."""

    database: Database
    hearing: Hearing
    boxes: dict[str, Box] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    accepting: bool = True

    def reception(self) -> Reception:
        return Reception(
            hearing=self.hearing,
            now=SystemClock().utc_now,
            boxes=lambda: self.boxes,
            accepting=lambda: self.accepting,
            refused=lambda source, why: self.refused.append((source, why)),
            ours=Ours(address="tocsin@example.com"),
        )

    async def stands(self) -> list[Standing]:
        async with self.database.reading() as tx:
            return await standing.firing(tx)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as opened:
        database = await new_database(tmp_path / "tocsin.db")
        opened.push_async_callback(database.close)
        shared = (database, SystemClock(), Current(PLAYBOOK), Wake())
        hearing = Hearing(*shared[:3], Receiver(*shared), IncidentDesk(*shared))
        yield Place(database, hearing, {TO: BOX.built("nas", MAPPING)})


@pytest.fixture
async def door(place: Place) -> AsyncIterator[MailDoor]:
    opened = MailDoor(place.reception(), hostname="tocsin", max_size=100_000)
    await opened.start("127.0.0.1", 0)
    yield opened
    await opened.close()


def letter(subject: str, text: str = "look", **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = NAS, TO, subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


async def send(door: MailDoor, mail: EmailMessage, sender: str = NAS, to: str = TO) -> int:
    """Send a mail as a client does; return the code of the last answer."""
    try:
        await aiosmtplib.send(
            mail, sender=sender, recipients=[to], hostname="127.0.0.1", port=door.port, timeout=20
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        return error.recipients[0].code
    except aiosmtplib.SMTPResponseException as error:
        return error.code
    return 250


async def test_trouble_comes_again_and_ends(door: MailDoor, place: Place) -> None:
    assert await send(door, letter("CRIT disk3")) == 250
    assert await send(door, letter("CRIT disk3", "again")) == 250
    [stands] = await place.stands()
    assert stands.alert.labels.get("host") == "disk3"
    assert stands.alert.source == "nas"
    assert await send(door, letter("OK disk3")) == 250
    assert await place.stands() == []


@pytest.mark.parametrize(("sender", "to", "code"), [
    pytest.param(NAS, "nobody@tocsin.example.com", 550, id="nobody-has-it"),
    pytest.param("eve@evil.org", TO, 550, id="a-stranger"),
    pytest.param(NAS, TO.upper(), 250, id="in-capitals"),
])  # fmt: skip
async def test_who_may_write_where(
    door: MailDoor, place: Place, sender: str, to: str, code: int
) -> None:
    assert await send(door, letter("CRIT disk3"), sender, to) == code
    assert len(await place.stands()) == (code == 250)
    assert place.refused == ([("nas", "forbidden")] if "evil" in sender else [])


@pytest.mark.parametrize(("mail", "sender"), [
    pytest.param(letter("Away: CRIT disk3", Auto_Submitted="auto-replied"), NAS, id="away"),
    pytest.param(letter("Undelivered"), "", id="a-bounce"),
    pytest.param(letter("#12 CRITICAL Slow", References="<i-12.0123456789abcdef@example.com>"), NAS,
                 id="an-answer-to-ours"),
    pytest.param(letter("#12 CRITICAL Slow"), "tocsin@example.com", id="ours"),
])  # fmt: skip
async def test_loops_end_here(
    door: MailDoor, place: Place, mail: EmailMessage, sender: str
) -> None:
    assert await send(door, mail, sender) == 250
    assert await place.stands() == []


async def test_too_large_is_refused_before_it_is_sent(door: MailDoor, place: Place) -> None:
    assert await send(door, letter("CRIT disk3", "x" * 60 + "\n" + "y " * 100_000)) == 552
    assert await place.stands() == []


async def test_hostile_words_are_words(door: MailDoor, place: Place) -> None:
    said = "<!channel> {{ 7*7 }} '; DROP TABLE standing; -- <script>alert(1)</script>"
    assert await send(door, letter(f"CRIT {said}")) == 250
    [stands] = await place.stands()
    assert stands.alert.labels.get("host") == said


async def test_while_nothing_can_be_kept_it_is_to_be_sent_again(
    door: MailDoor, place: Place
) -> None:
    await place.database.close()
    assert await send(door, letter("CRIT disk3")) == 451
    place.accepting = False
    assert await send(door, letter("CRIT disk3")) == 421


async def test_other_machines_may_deliver_only_where_they_are_named(place: Place) -> None:
    keeper = Doorkeeper(replace(place.reception(), hosts=[ip_network("10.1.0.0/16")]))
    here = ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3")
    assert all(map(keeper.admits, here))
    assert not any(map(keeper.admits, ("10.2.2.3", "fe80::1%eth0", "::ffff:10.2.2.3")))


async def test_a_stranger_is_sent_away_before_a_word(
    door: MailDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Doorkeeper, "admits", lambda _, host: host != "127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    assert (await reader.read()).startswith(b"554 5.7.1 ")
    writer.close()


async def test_over_tls_alone_where_that_is_wanted(place: Place) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    door = MailDoor(place.reception(), hostname="tocsin", max_size=100_000)
    await door.start("127.0.0.1", 0, context, require_tls=True)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    try:
        plain = aiosmtplib.SMTP(hostname="127.0.0.1", port=door.port, start_tls=False)
        async with plain:
            with pytest.raises(aiosmtplib.SMTPSenderRefused) as refusal:
                await plain.send_message(letter("CRIT disk3"), sender=NAS, recipients=[TO])
            assert refusal.value.code == 530
        safe = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=door.port, start_tls=True, tls_context=trusting
        )
        async with safe:
            await safe.send_message(letter("CRIT disk3"), sender=NAS, recipients=[TO])
    finally:
        await door.close()
    assert len(await place.stands()) == 1


async def test_too_many_at_once_are_sent_away_and_a_close_waits_for_nobody(
    door: MailDoor,
) -> None:
    async with AsyncExitStack() as there:
        for _ in range(MOST_CLIENTS):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            there.callback(writer.close)
            assert (await reader.readline()).startswith(b"220 ")
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        there.callback(writer.close)
        assert (await reader.readline()).startswith(b"421 ")
        await door.close()
