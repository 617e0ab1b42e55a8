"""SQLite by aiosqlite with one trip to its thread for a statement, instead of four.

A trip costs more than most statements do: two threads wake, and take turns at the interpreter.
aiosqlite makes one to get a cursor, one to execute, one to fetch and one to close.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple, Self

import aiosqlite


class Answer(NamedTuple):
    """What a statement came to."""

    description: Any
    rowcount: int
    lastrowid: int | None
    rows: Sequence[Any]


NOTHING = Answer(None, -1, None, ())


def _execute(connection: sqlite3.Connection, sql: str, parameters: Any) -> Answer:
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return Answer(cursor.description, cursor.rowcount, cursor.lastrowid, rows)


def _execute_many(connection: sqlite3.Connection, sql: str, each: Any) -> Answer:
    with closing(connection.cursor()) as cursor:
        cursor.executemany(sql, each)
        return Answer(cursor.description, cursor.rowcount, cursor.lastrowid, ())


class Cursor:
    """As much of a DB-API cursor as SQLAlchemy asks for; it keeps the whole answer."""

    arraysize = 1

    def __init__(self, connection: "Connection") -> None:
        self._connection, self._answer = connection, NOTHING

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """Return the columns; None where the statement has no rows."""
        return self._answer.description

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""
        return self._answer.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Return the number that the last new row was given."""
        return self._answer.lastrowid

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Execute, and fetch what there is to fetch."""
        self._answer = await self._connection.run(_execute, sql, parameters)
        return self

    async def executemany(self, sql: str, each: Iterable[Iterable[Any]]) -> Self:
        """Execute once for each."""
        self._answer = await self._connection.run(_execute_many, sql, each)
        return self

    async def fetchall(self) -> Sequence[Any]:
        """Return the rows, which are here already."""
        return self._answer.rows

    async def close(self) -> None:
        """Do nothing: the real cursor was closed where it was read."""


class Connection(aiosqlite.Connection):
    """A connection of aiosqlite whose cursors make one trip."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._asked = self._done = 0
        self._thread.daemon = True  # as SQLAlchemy has it: no exit waits for it

    def cursor(self) -> Any:
        """Return a cursor at once."""
        return Cursor(self)

    async def run(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        """Let its thread do this with the real connection."""
        answer: Answer = await self._execute(work, self._conn, *arguments)
        return answer

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._asked += 1
        return await super()._execute(partial(self._counted, fn), *args, **kwargs)  # type: ignore[no-untyped-call]

    def _counted(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return work(*args, **kwargs)
        finally:
            self._done += 1

    async def rollback(self) -> None:
        """Roll back; costs nothing where there is nothing, as after each commit.

        While something is still under way, given up by who waited for it, only its thread knows.
        """
        if self._asked != self._done or self._conn.in_transaction:
            await super().rollback()
