"""Phone numbers in the database, and those that an upgrade finds in use."""

import shutil
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from storage.model.phone import Phone
from storage.sql import outbox, phones, seen
from storage.sql.database import Database
from storage.sql.migrate import MIGRATIONS, migrate
from tests.storage.sql.examples import NOON, message

OLD_PAGE = """
INSERT INTO outbox (key, purpose, severity, urgency, person, round, step, channel, address, body,
    waiting_since, not_before, status, attempts, doubted, revision, claim, provider_id, error,
    created_at, sent_at)
VALUES (:number, 'page', 'critical', 0, 'ada', 0, 0, 'sms', :number, '{}', 0, 0, :status, 1,
    false, 0, 0, 'SM1', '', '2026-03-01T12:00:00.000250Z', '2026-03-01T12:00:00.000250Z')
"""
ADAS, BOBS = "+14155550142", "+14155550143"


async def test_what_is_noted_stands_and_nothing_else_moves(database: Database) -> None:
    async with database.transaction() as tx:
        assert await phones.get(tx, ADAS) == Phone(number=ADAS)
        await phones.note(tx, ADAS, verified_at=NOON)
        await phones.note(tx, ADAS, stopped_at=NOON)
        await phones.note(tx, BOBS, invited_at=NOON, code="s$h", code_ends_at=NOON)
    async with database.reading() as tx:
        assert await phones.of(tx, [ADAS, BOBS, "+1"]) == {
            ADAS: Phone(number=ADAS, stopped_at=NOON, verified_at=NOON),
            BOBS: Phone(number=BOBS, invited_at=NOON, code="s$h", code_ends_at=NOON),
        }


async def test_tries_are_counted_to_the_last(database: Database) -> None:
    async with database.transaction() as tx:
        await phones.note(tx, ADAS, code="s$h")
        assert [await phones.count_try(tx, ADAS, 2) for _ in range(3)] == [True, True, False]
        assert not await phones.count_try(tx, BOBS, 2)


async def test_a_word_is_awaited_from_the_stopped_and_the_invited(database: Database) -> None:
    async with database.transaction() as tx:
        await phones.note(tx, ADAS, stopped_at=NOON, verified_at=NOON)
        await phones.note(tx, BOBS, invited_at=NOON)
        await phones.note(tx, "+1", invited_at=NOON, verified_at=NOON)
        found = await phones.waited_for(tx, NOON)
        assert sorted(it.number for it in found) == [ADAS, BOBS]
        found = await phones.waited_for(tx, NOON + timedelta(seconds=1))
        assert [it.number for it in found] == [ADAS]


async def test_what_was_seen_is_counted_by_its_beginning(database: Database) -> None:
    async with database.transaction() as tx:
        for key in ("sms/+1_/a", "sms/+1_/b", "sms/+12/c"):
            await seen.first_time(tx, key, NOON)
        assert await seen.count_since(tx, "sms/+1_/", NOON) == 2
        assert await seen.count_since(tx, "sms/+1_/", NOON + timedelta(seconds=1)) == 0
        assert await seen.is_known(tx, "sms/+12/c")
        assert not await seen.is_known(tx, "sms/+12/")


async def test_a_message_is_found_by_the_providers_name(database: Database) -> None:
    async with database.transaction() as tx:
        await outbox.enqueue(tx, message(incident=None, channel="sms", provider_id="SM1"))
        found = await outbox.by_provider(tx, "sms", "SM1")
        assert [it.provider_id for it in found] == ["SM1"]
        assert await outbox.by_provider(tx, "voice", "SM1") == []
        assert await outbox.by_provider(tx, "sms", "") == []


async def test_an_upgrade_trusts_the_numbers_that_were_reached(url: str, tmp_path: Path) -> None:
    old = tmp_path / "migrations"
    shutil.copytree(
        MIGRATIONS, old, ignore=shutil.ignore_patterns("__pycache__", "000[3-9]*", "00[1-9]*")
    )
    database = await Database.open(url)
    await migrate(database, old)
    async with database.transaction() as tx:
        for number, status in ((ADAS, "delivered"), (BOBS, "sent")):
            await tx.execute(text(OLD_PAGE), {"number": number, "status": status})
    await migrate(database)
    async with database.reading() as tx:
        assert await phones.of(tx, [ADAS, BOBS]) == {ADAS: Phone(number=ADAS, verified_at=NOON)}
    await database.close()
