"""The catalogue's file: another layout, no database at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import ConfigError, StorageUnavailable
from storage.series.local import LocalSeries, SeriesOptions
from tests.storage.series.twin import FOREVER, UP, HandClock, at, batch, values


async def test_a_newer_layout_is_refused_and_the_directory_let_go(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    await store.append(batch(at(value=4.0)))
    await store.close()
    with closing(sqlite3.connect(tmp_path / "catalogue.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="written by a newer Tocsin"):
        await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    with closing(sqlite3.connect(tmp_path / "catalogue.sqlite")) as database:
        database.execute("PRAGMA user_version = 1")
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    assert values(store.select(UP, *FOREVER)) == [4.0]
    await store.close()


async def test_a_file_that_is_no_database_says_which_file(tmp_path: Path) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StorageUnavailable, match=r"catalogue\.sqlite: file is not a database"):
        await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
