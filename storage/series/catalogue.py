"""The catalogue of what is sealed: a small SQLite file beside the segments.

It knows every series, every segment and the metadata; a segment exists once its row is committed,
and the journal is cut only after that. `upto` is the journal position up to which a segment
holds its window, so a crash between the two stores nothing twice.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from pathlib import Path
from threading import Lock

import numpy as np

from storage.errors import ConfigError, StorageUnavailable
from storage.model.labels import Labels
from storage.model.sample import Ints
from storage.series.journal import dump, load_labels
from storage.series.newcomers import Newcomers

VERSION = 1
READ_AT_ONCE = 5_000  # series
SCHEMA = """
CREATE TABLE series (number INTEGER PRIMARY KEY, labels BLOB NOT NULL, newest INTEGER NOT NULL);
CREATE TABLE segments (
    name TEXT PRIMARY KEY, window INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    samples INTEGER NOT NULL, bytes INTEGER NOT NULL, upto INTEGER NOT NULL, damage TEXT NOT NULL);
CREATE TABLE metadata (name BLOB PRIMARY KEY, described BLOB NOT NULL);
"""
SOURCES = "CREATE TABLE IF NOT EXISTS sources (number INTEGER PRIMARY KEY, source TEXT NOT NULL)"
"""Beside the layout: who does without it only counts nobody's series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment's row. window, first, last: Unix milliseconds (start; first and last sample).

    upto:   journal position; what the journal holds of this window before it is in here.
    damage: why it is quarantined; empty while it is good.
    """

    name: str
    window: int
    first: int
    last: int
    samples: int
    bytes: int
    upto: int
    damage: str = ""


class Catalogue:
    """The SQLite file. Any thread; one at a time. Raises StorageUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        with self._told():
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            with self._told():
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def segments(self) -> list[Segment]:
        """Return all segments, in the order in which their samples came."""
        with self._told():
            rows = self._connection.execute(
                "SELECT name, window, first, last, samples, bytes, upto, damage"
                " FROM segments ORDER BY upto, window"
            ).fetchall()
        names = ("name", "window", "first", "last", "samples", "bytes", "upto", "damage")
        return [Segment(**dict(zip(names, row, strict=True))) for row in rows]

    def series(self) -> Iterator[tuple[Newcomers, Ints]]:
        """Iterate over all series, some thousand at a time, with their newest times (Unix ms)."""
        statement = (
            "SELECT number, labels, newest FROM series WHERE number > ? ORDER BY number LIMIT ?"
        )
        last = -1
        while True:
            with self._told():
                rows = self._connection.execute(statement, (last, READ_AT_ONCE)).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            told = load_labels([labels for _, labels, _ in rows])
            series = Newcomers.of((row[0], labels) for row, labels in zip(rows, told, strict=True))
            yield series, np.array([newest for _, _, newest in rows], dtype=np.int64)

    def sources(self) -> dict[int, str]:
        """Return which source each series came from, where from one."""
        with self._told():
            return dict(self._connection.execute("SELECT number, source FROM sources").fetchall())

    def highest(self) -> int:
        """Return the highest number among the series; -1 where there are none."""
        with self._told():
            (number,) = self._connection.execute("SELECT max(number) FROM series").fetchone()
        return -1 if number is None else int(number)

    def metadata(self) -> dict[str, dict[str, str]]:
        """Return what senders told about metrics."""
        with self._told():
            rows = self._connection.execute("SELECT name, described FROM metadata").fetchall()
        return {
            name.decode("utf-8", "surrogatepass"): loads(described.decode("utf-8", "surrogatepass"))
            for name, described in rows
        }

    def add(
        self,
        segment: Segment,
        series: Iterable[tuple[int, Labels, int]],
        sources: Mapping[int, str] | None = None,
    ) -> None:
        """Make a segment exist, and the series it holds (number, labels, newest ms) known."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO series VALUES (?, ?, ?) ON CONFLICT (number)"
                " DO UPDATE SET newest = max(newest, excluded.newest)",
                ((number, dump(list(labels)), newest) for number, labels, newest in series),
            )
            db.executemany("INSERT OR IGNORE INTO sources VALUES (?, ?)", (sources or {}).items())
            db.execute(
                "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (segment.name, segment.window, segment.first, segment.last, segment.samples,
                 segment.bytes, segment.upto, segment.damage),
            )  # fmt: skip

    def describe(self, metadata: Mapping[str, Mapping[str, str]]) -> None:
        """Keep what senders told about metrics."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO metadata VALUES (?, ?)",
                ((name.encode("utf-8", "surrogatepass"), dump(dict(described)))
                 for name, described in metadata.items()),
            )  # fmt: skip

    def mark_damaged(self, name: str, damage: str) -> None:
        """Note that a segment is quarantined, and why."""
        with self._transaction() as db:
            db.execute("UPDATE segments SET damage = ? WHERE name = ?", (damage, name))

    def remove(self, names: Iterable[str]) -> None:
        """Let segments no longer exist."""
        with self._transaction() as db:
            db.executemany("DELETE FROM segments WHERE name = ?", ((name,) for name in names))

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop series of which no sample is left."""
        gone = [(number,) for number in numbers]
        with self._transaction() as db:
            db.executemany("DELETE FROM series WHERE number = ?", gone)
            db.executemany("DELETE FROM sources WHERE number = ?", gone)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise ConfigError(
                f"{self._path}: written by a newer Tocsin (layout {version}, this one knows "
                f"{VERSION}); start the newer one, or choose another directory for samples"
            )
        if version == 0:
            script = f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT"
            self._connection.executescript(script)
        self._connection.execute(SOURCES)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Hold the lock, and let SQLite's errors speak for the store."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StorageUnavailable(f"{self._path}: {error}") from error
