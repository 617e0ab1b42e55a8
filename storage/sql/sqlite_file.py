"""The SQLite file: made safely, checked before it is trusted, and opened for many or for one."""

import os
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.errors import ConfigError
from storage.sql import one_hop
from storage.sql.outages import meant

MAGIC = b"SQLite format 3\0"
APPLICATION_ID = int.from_bytes(b"Tocs")
"""Stands in the file's header, so that another program's database is not mistaken for ours."""

REMEDY = "restore a backup, or move the file away to begin with an empty database"
HEADER = 100  # bytes; SQLite's file format, section 1.3
READERS = 4


def prepare(path: Path, patience: float) -> None:
    """Create the file if there is none, else check it from end to end.

    Raises ConfigError for what is damaged, cut short, empty or not ours: a broken database is
    never replaced by an empty one in silence. StorageUnavailable while somebody has it locked.
    """
    if not path.exists():
        _create(path)
        return
    if not path.is_file():
        raise ConfigError(f"{path}: is not a file; the database needs a file's path")
    if not os.access(path, os.R_OK | os.W_OK):
        raise ConfigError(f"{path}: may not be read and written by this user")
    with path.open("rb") as file:
        header = file.read(HEADER)
    if not header:
        raise ConfigError(f"{path}: is empty (0 bytes); {REMEDY}")
    if not header.startswith(MAGIC):
        raise ConfigError(f"{path}: is not an SQLite database; {REMEDY}")
    if len(header) < HEADER:
        raise ConfigError(f"{path}: is damaged (cut off after {len(header)} bytes); {REMEDY}")
    try:
        with closing(_connect(path, patience)) as connection:
            _check(connection, path)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        ):
            raise ConfigError(f"{path}: is damaged ({error}); {REMEDY}") from error
        raise meant(str(path), error) or error from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner != APPLICATION_ID:
        raise ConfigError(f"{path}: is an SQLite database of another program; choose another file")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        words = " ".join(verdict.split())
        raise ConfigError(f"{path}: is damaged ({words}); {REMEDY}")
    connection.execute("PRAGMA journal_mode=WAL")


def prove_writable(path: Path, patience: float) -> None:
    """Take the right to write and give it back; raises StorageUnavailable saying why not."""
    try:
        with closing(_connect(path, patience)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise meant(str(path), error) or error from error


def _create(path: Path) -> None:
    """Make the file under another name first: one of no bytes is then never our doing."""
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: the folder {path.parent} does not exist; create it first")
    journal = path.with_name(path.name + "-wal")
    if journal.exists() and journal.stat().st_size:
        raise ConfigError(f"{path}: is gone, but its journal {journal.name} is there; {REMEDY}")
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(_connect(new, 0)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode=WAL")
        new.rename(path)
        _settle(path.parent)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be created: {error.strerror}") from error
    except sqlite3.Error as error:
        raise meant(str(path), error) or error from error


def _settle(folder: Path) -> None:
    """Put the folder's entries themselves on disk: a rename alone may not outlive a power cut."""
    entries = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    uri = f"{_uri(path)}?mode=rw"  # a file that was moved away is not silently made anew
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=patience)


def _uri(path: Path) -> str:
    return f"file:{quote(str(path))}"


def copy(path: Path, to: Path) -> None:
    """Copy the whole database, as it stands, to `to`; complete or not there."""
    part = to.with_name(to.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(_connect(path, 10)) as source, closing(_connect(part, 0)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    part.rename(to)
    _settle(to.parent)


def writer(path: Path, patience: float) -> AsyncEngine:
    """Open for the one who writes: transactions begin with the right to write."""
    pragmas = ("synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864")
    return _engine(path, patience, "BEGIN IMMEDIATE", pragmas, size=1, overflow=1)


def reader(path: Path, patience: float) -> AsyncEngine:
    """Open for those who only read: each sees one state from its first look on."""
    return _engine(path, patience, "BEGIN", ("query_only=ON",), size=READERS, overflow=0)


def _engine(
    path: Path, patience: float, begin: str, pragmas: tuple[str, ...], *, size: int, overflow: int
) -> AsyncEngine:
    async def connect() -> Any:
        return await one_hop.Connection(partial(_connect, path, patience))

    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=_uri(path)),
        async_creator=connect,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=10,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
