"""Sealed segments: damage is set aside and told, never answered from and never silent."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from storage.errors import MetricsUnavailable, StorageUnavailable
from storage.model.sample import Batch, Sample
from storage.series import segment as segment_file
from storage.series.blocks import Blocks
from storage.series.catalogue import Catalogue
from storage.series.local import LocalSeries, SeriesOptions
from storage.series.readings import FIRST_MS, LAST_MS, Readings
from storage.series.recent import Recent
from storage.series.segment import Part
from tests.storage.series.twin import FOREVER, HOUR, NOON, UP, HandClock, up, values


async def two_segments(directory: Path) -> tuple[LocalSeries, HandClock]:
    clock = HandClock()
    store = await LocalSeries.open(directory, SeriesOptions(), clock)
    for value in (1.0, 2.0):
        await store.append(Batch([Sample(up(), clock.now.timestamp(), value)]))
        clock.now += 4 * HOUR
        await store.seal()
    return store, clock


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


# fmt: off
DAMAGES = [
    pytest.param(lambda path: flip(path, 20), "wrong checksum at byte 0", id="samples"),
    pytest.param(lambda path: flip(path, 10), "a frame of", id="length"),
    pytest.param(lambda path: flip(path, -30), "wrong checksum at byte 0", id="directory"),
    pytest.param(lambda path: flip(path, -20), "the footer is damaged", id="footer"),
    pytest.param(lambda path: path.write_bytes(b"short"), "only 5 bytes long", id="truncated"),
    pytest.param(Path.unlink, "the file is missing", id="missing"),
]
# fmt: on


@pytest.mark.parametrize(("damage", "why"), DAMAGES)
async def test_a_damaged_segment_is_quarantined_and_told(
    tmp_path: Path, damage: Callable[[Path], None], why: str
) -> None:
    store, clock = await two_segments(tmp_path)
    path = min((tmp_path / "segments").glob("*.seg"))
    damage(path)
    with capture_logs() as logs:
        assert store.series(UP, *FOREVER) == (up(),)
        assert values(store.select(UP, *FOREVER)) == [2.0]
        assert values(store.select(UP, *FOREVER)) == [2.0]
    (told,) = [line for line in logs if line["event"] == "segment_quarantined"]
    assert (told["log_level"], told["file"]) == ("error", str(path))
    assert told["why"].startswith(why)
    assert (store.stats().quarantined, store.stats().segments) == (1, 1)
    assert (tmp_path / "segments" / "quarantine" / path.name).exists() == (
        damage is not Path.unlink
    )
    await store.close()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert (store.stats().quarantined, values(store.select(UP, *FOREVER))) == (1, [2.0])
    await store.close()


async def test_a_segment_of_the_wrong_size_is_found_at_opening(tmp_path: Path) -> None:
    store, clock = await two_segments(tmp_path)
    await store.close()
    path = min((tmp_path / "segments").glob("*.seg"))
    path.write_bytes(path.read_bytes()[:-1])
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert (store.stats().quarantined, values(store.select(UP, *FOREVER))) == (1, [2.0])
    await store.close()


async def test_a_disk_that_cannot_be_read_now_is_no_damage(tmp_path: Path) -> None:
    store, _ = await two_segments(tmp_path)
    path = min((tmp_path / "segments").glob("*.seg"))
    path.rename(tmp_path / "kept")
    path.mkdir()  # opening it fails with an OSError that says nothing about the data
    with pytest.raises(MetricsUnavailable, match="cannot be read: Is a directory"):
        store.select(UP, *FOREVER)
    path.rmdir()
    (tmp_path / "kept").rename(path)
    assert values(store.select(UP, *FOREVER)) == [1.0, 2.0]
    assert store.stats().quarantined == 0
    await store.close()


async def test_files_left_by_a_crash_while_sealing_are_cleared_away(tmp_path: Path) -> None:
    store, clock = await two_segments(tmp_path)
    await store.close()
    for name in ("1-2.seg", "1-2.partial"):
        (tmp_path / "segments" / name).write_bytes(b"half a segment")
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert len(list((tmp_path / "segments").glob("*.*"))) == 2
    aside = tmp_path / "segments" / "quarantine" / "1-2.seg"
    assert aside.read_bytes() == b"half a segment"
    assert values(store.select(UP, *FOREVER)) == [1.0, 2.0]
    await store.close()


async def test_a_crash_between_sealing_and_cutting_the_journal_stores_nothing_twice(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    await store.append(Batch([Sample(up(), NOON.timestamp(), 1.0)]))
    (journal,) = (tmp_path / "journal").glob("*.wal")
    written = journal.read_bytes()
    clock.now += 4 * HOUR
    await store.seal()
    await store.close()
    journal.write_bytes(written)
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert (store.stats().head_samples, store.stats().segments) == (0, 1)
    assert values(store.select(UP, *FOREVER)) == [1.0]
    await store.seal()
    assert not journal.exists()
    await store.close()


def test_many_groups_and_series_of_any_length_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    counts = np.array([1, 40_000, 3, 32_768, 1, 70_000, 5, 2])
    numbers = np.array([3, 0, 4, 10, 500, 11, 501, 90_000])
    rows = np.repeat(np.arange(8), counts)
    times = np.concatenate([np.sort(rng.choice(10**6, n, replace=False)) for n in counts])
    written = Readings(rows, times, rng.normal(size=len(rows)))
    parts = []
    for low, high in [(0, 1), (1, 4), (4, 8)]:
        part = written.where((rows >= low) & (rows < high))
        parts.append(Part(numbers[low:high], Readings(part.rows - low, part.times, part.values)))
    path = tmp_path / "one.seg"
    wrote, directory = segment_file.write(path, parts), segment_file.read_directory(path)
    for name in ("numbers", "counts", "first", "last", "starts", "offsets"):
        assert getattr(wrote, name).tolist() == getattr(directory, name).tolist()
    assert directory.numbers.tolist() == numbers.tolist()
    recent = Recent(most_bytes=200_000)  # so that some groups stay and some are read again
    for wanted, after, until in [
        (np.sort(numbers), FIRST_MS, LAST_MS),
        (np.array([2, 3, 11, 501, 600]), 250_000, 700_000),
        (np.array([1, 2]), FIRST_MS, LAST_MS),
        (np.array([90_000]), FIRST_MS, LAST_MS),
    ]:
        found = segment_file.read(path, directory, wanted, after, until, recent)
        keep = (times > after) & (times <= until) & np.isin(numbers[rows], wanted)
        assert wanted[found.rows].tolist() == numbers[rows[keep]].tolist()
        assert found.times.tolist() == times[keep].tolist()
        assert found.values.tobytes() == written.values[keep].tobytes()


class FullCatalogue(Catalogue):
    """A catalogue on a disk that is full as long as the segments' files are there."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.segments_directory = path.parent / "segments"

    def remove(self, names: Iterable[str]) -> None:
        if list(self.segments_directory.glob("*.seg")):
            raise StorageUnavailable("database or disk is full")
        super().remove(names)


async def test_expiry_frees_room_even_where_no_row_can_be_changed(tmp_path: Path) -> None:
    store, _ = await two_segments(tmp_path)
    await store.close()
    catalogue = FullCatalogue(tmp_path / "catalogue.sqlite")
    blocks = Blocks(tmp_path / "segments", catalogue)
    assert len(blocks.all) == 2
    blocks.expire(LAST_MS, None)
    assert (blocks.all, catalogue.segments()) == ((), [])
    catalogue.close()
