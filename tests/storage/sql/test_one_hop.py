"""aiosqlite in one trip a statement: what it answers, and what is left of who gave up."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from storage.sql.one_hop import Connection


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with one table."""
    with closing(sqlite3.connect(tmp_path / "one.db")) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
    return tmp_path / "one.db"


@pytest.fixture
async def opened(file: Path) -> AsyncIterator[Connection]:
    """A connection that waits a second for a lock."""
    connection = Connection(partial(sqlite3.connect, file, isolation_level=None, timeout=1.0))
    await connection
    yield connection
    await connection.close()


async def test_rows_and_numbers_come_with_the_statement(opened: Connection) -> None:
    cursor = opened.cursor()
    await cursor.execute("INSERT INTO things (name) VALUES (?), (?) RETURNING id", ("a", "b"))
    assert sorted(await cursor.fetchall()) == [(1,), (2,)]
    assert [column[0] for column in cursor.description] == ["id"]
    assert cursor.rowcount == 2
    await cursor.executemany("UPDATE things SET name = ? WHERE id = ?", [("c", 1), ("d", 9)])
    assert (cursor.description, cursor.rowcount, await cursor.fetchall()) == (None, 1, ())


async def test_a_fault_is_sqlites_own(opened: Connection) -> None:
    cursor = opened.cursor()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await cursor.execute("SELECT * FROM absent")
    await cursor.execute("SELECT 1")
    assert await cursor.fetchall() == [(1,)]


async def test_who_gives_up_while_waiting_for_a_lock_leaves_no_transaction_open(
    opened: Connection, file: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(opened.cursor().execute("BEGIN IMMEDIATE"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        other.execute("ROLLBACK")  # now the statement that was given up gets its lock
        await opened.rollback()
        assert not opened.in_transaction
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


async def test_a_rollback_undoes_what_was_begun(opened: Connection) -> None:
    cursor = opened.cursor()
    await cursor.execute("BEGIN IMMEDIATE")
    await cursor.execute("INSERT INTO things (name) VALUES ('a')")
    await opened.rollback()
    await opened.rollback()  # there is nothing any more; nobody minds
    await cursor.execute("SELECT count(*) FROM things")
    assert await cursor.fetchall() == [(0,)]
