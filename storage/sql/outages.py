"""What a driver's error means to us: the database is away, somebody was faster, or it is a bug."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.errors import BotError, StaleIncident, StorageUnavailable

FILE_TROUBLE = {
    sqlite3.SQLITE_BUSY: "another program holds it locked",
    sqlite3.SQLITE_LOCKED: "another program holds it locked",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
    sqlite3.SQLITE_READONLY: "the file cannot be written",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "another program holds it locked",
    sqlite3.SQLITE_NOTADB: "the file is damaged",
}
SERVER_TROUBLE = {
    "08": "the connection was lost",
    "25006": "the server takes no changes now",
    "28": "the server refuses the user or the password",
    "3D": "the server does not know the database",
    "53100": "the server's disk is full",
    "53": "the server is out of resources",
    "55P03": "another program holds it locked",
    "57": "the server is stopping, starting, or gave up on the statement",
    "58": "the server's machine reports an error",
}
"""PostgreSQL's error classes and codes; the longest that fits says it."""

LOST_RACE = ("40001", "40P01")  # serialization failure, deadlock


@contextmanager
def explained(name: str, *network: type[OSError]) -> Iterator[None]:
    """Turn what means an outage into StorageUnavailable; `network` errors count as one.

    A lost race becomes StaleIncident; everything else, bugs among it, passes unchanged.
    """
    outages: tuple[type[Exception], ...] = (DBAPIError, PoolTimeout, *network)
    try:
        yield
    except outages as error:
        meaning = meant(name, error)
        if meaning is None:
            raise
        raise meaning from error


def meant(name: str, error: Exception) -> BotError | None:
    """Return the error that our callers understand; None for a bug."""
    if sqlstate(error) in LOST_RACE:
        return StaleIncident("another writer was faster; decide again")
    reason = _reason(error)
    if reason is None:
        return None
    return StorageUnavailable(f"the incident database {name} is not available: {reason}")


def sqlstate(error: Exception) -> str:
    """Return PostgreSQL's five letters, or an empty text."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def _reason(error: Exception) -> str | None:
    if isinstance(error, PoolTimeout):
        return "all its connections are in use"
    if isinstance(error, OSError):
        return (os.strerror(error.errno) if error.errno else "no answer in time").lower()
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    if code is not None:
        return FILE_TROUBLE.get(code & 0xFF)
    state = sqlstate(error)
    for length in (5, 2):
        if state[:length] in SERVER_TROUBLE:
            return SERVER_TROUBLE[state[:length]]
    lost = isinstance(error, InterfaceError | OperationalError) and not state
    if lost or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return "the connection was lost"
    return None
