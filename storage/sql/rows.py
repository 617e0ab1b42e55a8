"""What the repository modules share: models to rows, upserts in both dialects, chunks."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar

from sqlalchemy import Dialect, Table, null
from sqlalchemy.ext.asyncio import AsyncConnection

Item = TypeVar("Item")
CHUNK = 1_000
"""How many values one IN-list holds; databases limit the parameters of a statement."""
AT_ONCE = 200
"""Rows that are read, or made ready to be written, in one go: the event loop waits for that."""


def as_row(thing: Any, *without: str) -> dict[str, Any]:
    """Return a dataclass' fields as a row, less those named; column types do the rest."""
    kind: Any = type(thing)
    return {name: getattr(thing, name) for name in _names(kind, without)}


@lru_cache(maxsize=64)
def _names(kind: Any, without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in without)


async def read_all(rows: Iterable[Any], read: Callable[[Any], Item]) -> list[Item]:
    """Read every row of an answer; of a long one others get a turn now and then."""
    found: list[Item] = []
    for row in rows:
        found.append(read(row))
        if len(found) % AT_ONCE == 0:
            await asyncio.sleep(0)
    return found


def insert(tx: AsyncConnection, table: Table) -> Any:
    """Begin an INSERT that knows ON CONFLICT, in the database's own dialect."""
    return insert_by(tx.dialect.name, table)


def insert_by(dialect: str, table: Table) -> Any:
    """Begin an INSERT as `insert` does, in the dialect of this name."""
    # Only the dialect in use is imported: PostgreSQL's takes 2 MiB.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


async def upsert(
    tx: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]], **more: Any
) -> None:
    """Insert `rows`, or overwrite those whose primary key is there; `more` is set then as well.

    Rows are written in the order of their keys, so that two writers never wait for each other.
    """
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    ordered = sorted(rows, key=lambda row: tuple(row[name] for name in key))
    statement = _upserting(tx.dialect, table, tuple(rows[0]), tuple(more.items()))
    for start in range(0, len(ordered), AT_ONCE):
        some = ordered[start : start + AT_ONCE]
        await tx.exec_driver_sql(statement.text, [statement.values(row) for row in some])


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement as the driver takes it: each value's name and what writes it, in order.

    SQLAlchemy does the same for each row that it is given, in twice the time.
    """

    text: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return a row's values, as they are written."""
        return tuple([write(row[name]) if write else row[name] for name, write in self.columns])


@lru_cache(maxsize=64)
def _upserting(
    dialect: Dialect, table: Table, names: tuple[str, ...], more: tuple[tuple[str, Any], ...]
) -> _Statement:
    key = [column.name for column in table.primary_key]
    statement = insert_by(dialect.name, table)
    changed = {name: statement.excluded[name] for name in names if name not in key}
    set_ = changed | {name: null() if value is None else value for name, value in more}
    statement = statement.on_conflict_do_update(index_elements=key, set_=set_)
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    types = {name: table.c[name].type.dialect_impl(dialect) for name in names}
    writes = {name: kind.bind_processor(dialect) for name, kind in types.items()}
    return _Statement(str(compiled), tuple((name, writes[name]) for name in compiled.positiontup))


def chunks(items: Collection[Item]) -> Iterator[list[Item]]:
    """Cut into lists short enough for one statement."""
    every = list(items)
    for start in range(0, len(every), CHUNK):
        yield every[start : start + CHUNK]


def is_number(id: int) -> bool:
    """Say whether a database can hold this id at all; people type anything."""
    return 0 < id < 2**63
