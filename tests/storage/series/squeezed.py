"""A process whose files may not grow: what a full disk does to the store, and what room does.

`python -m tests.storage.series.squeezed DIRECTORY`; exits 0 where all is as promised. A process
of its own, because the limit holds for every file that it writes.
"""

import asyncio
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from storage.errors import StorageUnavailable
from storage.model.sample import Batch, Sample
from storage.series.local import LocalSeries, SeriesOptions
from tests.storage.series.twin import (
    FOREVER,
    HOUR,
    MINUTE,
    NOON,
    UP,
    HandClock,
    at,
    batch,
    plain,
    up,
)


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def noise(series: int) -> Batch:
    """Far more than the room, however it is compressed."""
    values = np.random.default_rng(series).normal(size=2000).tolist()
    start = NOON.timestamp()
    return Batch([Sample(up(series), start + n / 10, value) for n, value in enumerate(values)])


async def main(directory: Path) -> None:
    clock = HandClock()
    store = await LocalSeries.open(directory, SeriesOptions(), clock)
    await store.append(batch(at(labels=up(0))))
    before, size = store.select(UP, *FOREVER), store.stats().journal_bytes
    with room(4096):
        for _ in range(3):
            with pytest.raises(StorageUnavailable, match="File too large; nothing of this was"):
                await store.append(noise(1))
        told = await asyncio.gather(store.append(noise(2)), store.append(noise(3)),
                                    return_exceptions=True)  # fmt: skip
        assert [type(one) for one in told] == [StorageUnavailable, StorageUnavailable]
        assert store.select(UP, *FOREVER) == before, "nothing of it in memory"
        assert store.label_values("instance") == ("0",)
        assert store.stats().journal_bytes == size, "nothing of it on disk"
        assert (await store.append(batch(at(MINUTE, labels=up(0))))).stored == 1, "what fits, fits"
    assert (await store.append(noise(1))).stored == 2000, "room again"
    stored = plain(store.select(UP, *FOREVER))
    assert sorted(map(len, stored.values())) == [2, 2000]

    clock.now += 4 * HOUR
    for size in (4096, 30_000):  # too little for the segment, then only for the catalogue
        with room(size):
            for _ in range(2):
                with pytest.raises(StorageUnavailable):
                    await store.seal()
        assert plain(store.select(UP, *FOREVER)) == stored
        assert store.stats().segments == 0
    await store.close()
    store = await LocalSeries.open(directory, SeriesOptions(), clock)
    assert plain(store.select(UP, *FOREVER)) == stored
    await store.seal()
    assert plain(store.select(UP, *FOREVER)) == stored
    assert (store.stats().segments, store.stats().journal_bytes) == (1, 0)
    assert (store.stats().torn, store.stats().quarantined) == (0, 0)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
