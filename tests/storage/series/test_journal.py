"""The journal: torn tails, damage in the middle, a disk that refuses."""

import os
from pathlib import Path

import numpy as np
import pytest

from storage.errors import StorageUnavailable
from storage.series.frames import seal_frame
from storage.series.journal import PARTS, Entry, Journal, dump
from storage.series.local import LocalSeries, SeriesOptions
from storage.series.newcomers import Newcomers
from tests.storage.series.twin import FOREVER, MINUTE, UP, HandClock, at, batch, up, values


def entry(*times: int) -> Entry:
    return Entry(
        numbers=np.zeros(len(times), dtype=np.int64),
        times=np.array(times, dtype=np.int64),
        values=np.array(times, dtype=np.float64),
    )


def times(journal: Journal) -> list[list[int]]:
    return [one.times.tolist() for _, one in journal.replay()]


def test_entries_come_back_with_labels_and_metadata(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    told = {"up": {"type": "gauge", "help": "half \ud800 of a pair"}}
    written = Entry(
        newcomers=Newcomers.of([(0, up(job="ключ"))], {0: "eu"}),
        numbers=np.array([0]),
        times=np.array([5]),
        values=np.array([1.5]),
        metadata=told,
    )
    journal.append(written)
    journal.close()
    ((_, read),) = Journal(tmp_path).replay()
    assert (read.newcomers.labels, read.newcomers.sources) == ([up(job="ключ")], {0: "eu"})
    assert read.metadata == told
    assert [read.numbers.tolist(), read.times.tolist(), read.values.tolist()] == [[0], [5], [1.5]]


async def test_files_that_older_versions_wrote_are_read(tmp_path: Path) -> None:
    series = [[0, list(up(job="ключ")), "eu"], [1, list(up(job="half \ud800"))]]
    told, metadata = dump(series), dump({"up": {"type": "gauge", "help": "", "unit": ""}})
    noon = round(at().time * 1000)
    columns = np.array([0, 1], "<u4").tobytes() + np.array([noon, noon], "<i8").tobytes()
    parts = PARTS.pack(len(told), 2, len(metadata)) + told + metadata + columns
    frame = seal_frame(parts + np.array([1.5, 2.5]).tobytes())
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "00000007.wal").write_bytes(b"TOCSINJ1" + frame + frame[:20])

    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    found = store.select(UP, *FOREVER)
    assert found.labels == (up(job="ключ"), up(job="half \ud800"))
    assert (found.values[:, 0].tolist(), store.stats().torn) == ([1.5, 2.5], 1)
    assert (store.stats().by_source, store.metadata()["up"]["type"]) == ({"eu": 1}, "gauge")
    assert (await store.append(batch(at(MINUTE, labels=up(job="ключ"))))).stored == 1
    await store.close()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    assert store.select(UP, *FOREVER).count.tolist() == [2, 1]
    await store.close()


def test_positions_never_decrease_even_over_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    positions = [journal.position]
    for turn in range(4):
        journal.append(entry(turn))
        positions.append(journal.position)
        journal.rotate()
        positions.append(journal.position)
    assert positions == sorted(positions)
    replayed = [position for position, _ in Journal(tmp_path).replay()]
    assert replayed == sorted(set(replayed))
    assert Journal(tmp_path).position > replayed[-1]


def test_a_file_goes_when_all_in_it_is_sealed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for time in (10, 20, 15):
        journal.append(entry(time))
        journal.rotate()
    journal.append(entry(5))
    journal.reclaim(20)
    assert times(Journal(tmp_path)) == [[20], [5]]  # the file that is written to stays
    journal.rotate()
    journal.reclaim(None)
    assert (journal.size, times(Journal(tmp_path))) == (0, [])
    journal.close()


@pytest.mark.parametrize("cut", [1, 5, 9, 30])
async def test_a_torn_tail_is_cut_and_told(tmp_path: Path, cut: int) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    for minute in range(3):
        await store.append(batch(at(minute * MINUTE, value=minute)))
    await store.close()
    (path,) = (tmp_path / "journal").glob("*.wal")
    os.truncate(path, path.stat().st_size - cut)
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    assert store.stats().torn == 1
    assert values(store.select(UP, *FOREVER)) == [0.0, 1.0]
    assert (await store.append(batch(at(2 * MINUTE, value=7.0)))).stored == 1
    await store.close()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    assert store.stats().torn == 0
    assert values(store.select(UP, *FOREVER)) == [0.0, 1.0, 7.0]
    await store.close()


async def test_damage_in_the_middle_keeps_what_stands_before_and_puts_the_rest_aside(
    tmp_path: Path,
) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    sizes = []
    for number in range(4):
        await store.append(batch(at(labels=up(number))))
        sizes.append(store.stats().journal_bytes)
    await store.close()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    await store.append(batch(at(MINUTE, labels=up(0)), at(MINUTE, labels=up(3))))  # another file
    await store.close()
    first = min((tmp_path / "journal").glob("*.wal"))
    whole = first.read_bytes()
    first.write_bytes(whole[: sizes[1] + 20] + b"?" + whole[sizes[1] + 21 :])

    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    assert (store.stats().torn, store.stats().orphaned) == (1, 1)
    assert store.select(UP, *FOREVER).labels == (up(0), up(1))
    assert store.select(UP, *FOREVER).count.tolist() == [2, 1]
    (aside,) = (tmp_path / "journal").glob("*.torn")
    assert aside.stat().st_size == len(whole) - sizes[1]
    await store.append(batch(at(labels=up(8)), at(labels=up(9))))
    await store.close()
    # The lost series' samples are still in the second file; no new series inherits them.
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    assert store.select(UP, *FOREVER).count.tolist() == [2, 1, 1, 1]
    await store.close()


def test_a_file_that_is_no_journal_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "00000001.wal").write_bytes(b"something else entirely")
    journal = Journal(tmp_path)
    assert (times(journal), journal.torn) == ([], 1)
    assert (tmp_path / "00000001.0.torn").read_bytes() == b"something else entirely"


class Disk:
    """A disk whose fsync may refuse."""

    full = False

    def sync(self, handle: int) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        os.fsync(handle)


def test_a_refused_fsync_leaves_nothing_and_the_next_entry_is_safe(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal(tmp_path, sync=disk.sync)
    journal.append(entry(1))
    disk.full = True
    for time in (2, 3):
        with pytest.raises(StorageUnavailable, match="No space left on device; nothing of this"):
            journal.append(entry(time))
        assert times(Journal(tmp_path)) == [[1]]
    disk.full = False
    journal.append(entry(4))
    journal.close()
    assert times(Journal(tmp_path)) == [[1], [4]]
    assert Journal(tmp_path).size == journal.size
