"""A look into the database takes no lease, changes nothing, and works beside a running Tocsin."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.errors import BotError
from storage.sql import sqlite_file
from storage.sql.database import Database
from storage.sql.look import looking
from storage.sql.migrate import known_versions, stored_version


async def test_it_sees_what_a_running_one_works_on(database: Database, ready_url: str) -> None:
    async with looking(ready_url) as tx:
        assert await stored_version(tx) == known_versions()[-1]
    async with database.transaction() as tx:
        await tx.execute(text("SELECT 1"))


async def test_it_does_not_write_a_file(ready_file: Path) -> None:
    async with looking(str(ready_file)) as tx:
        with pytest.raises(DBAPIError):
            await tx.execute(text("DELETE FROM alembic_version"))


async def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BotError):
        async with looking(str(tmp_path / "none.db")):
            pass
    assert list(tmp_path.iterdir()) == []


async def test_the_right_to_write_is_taken_and_given_back(ready_file: Path) -> None:
    running = await Database.open(str(ready_file))
    sqlite_file.prove_writable(ready_file, 1.0)
    async with running.transaction() as tx:
        await tx.execute(text("SELECT 1"))
    await running.close()
