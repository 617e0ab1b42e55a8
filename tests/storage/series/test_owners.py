"""One source cannot use up the room of the others; what it has is known after every restart."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from storage.series.local import LocalSeries, SeriesOptions
from storage.series.options import SourceLimits
from storage.series.owners import Owners
from tests.storage.series.twin import FOREVER, HOUR, MINUTE, UP, HandClock, at, plain, up

MOST = {"wild": 2, "tame": 3}


def limits_of(most: Mapping[str, int]) -> Callable[[str], SourceLimits]:
    return lambda source: SourceLimits(series=most.get(source))


LIMITED = SeriesOptions(max_series=6, limits_of=limits_of(MOST))


def sent(source: str, numbers: range, after: timedelta = timedelta(0)) -> Batch:
    return Batch([at(after, labels=up(number, job=source)) for number in numbers], source=source)


async def test_a_label_bomb_is_refused_and_known_series_go_on(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, LIMITED, HandClock())
    told = await store.append(sent("wild", range(100)))
    assert (told.stored, told.refused) == (2, {"source_limit": 98})
    assert told.examples["source_limit"].endswith(
        "a new series, and wild has its 2 already; known ones go on"
    )
    told = await store.append(sent("wild", range(100), MINUTE))
    assert (told.stored, told.refused) == (2, {"source_limit": 98})
    told = await store.append(sent("tame", range(3)))
    assert (told.stored, told.refused) == (3, {})
    assert store.stats().by_source == {"wild": 2, "tame": 3}
    assert store.stats().refused == {"source_limit": 196}
    await store.close()


async def test_a_source_may_have_narrower_or_wider_labels_than_the_others(tmp_path: Path) -> None:
    limits = {
        "narrow": SourceLimits(labels=2, label_bytes=30),
        "wide": SourceLimits(labels=5, label_bytes=300),
    }
    options = SeriesOptions(
        max_labels=3,
        max_label_bytes=100,
        limits_of=lambda source: limits.get(source, SourceLimits()),
    )
    store = await LocalSeries.open(tmp_path, options, HandClock())

    async def refusals(labels: Labels) -> list[tuple[str, ...]]:
        sent = [Batch([at(labels=labels)], source=source) for source in ("narrow", "", "wide")]
        return [tuple((await store.append(batch)).refused) for batch in sent]

    many, long = Labels.of(__name__="up", a="1", b="2"), Labels.of(__name__="up", a="x" * 40)
    assert await refusals(many) == [("too_many_labels",), (), ("duplicate",)]
    assert await refusals(long) == [("labels_too_long",), (), ("duplicate",)]
    longer = Labels.of(__name__="up", a="x" * 200)
    assert await refusals(longer) == [("labels_too_long",), ("labels_too_long",), ()]
    more = Labels.of(__name__="up", a="1", b="2", c="3")
    told = await store.append(Batch([at(labels=more)], source="narrow"))
    assert "a new series of 4 labels; at most 2 are allowed" in told.examples["too_many_labels"]
    assert await refusals(more) == [("too_many_labels",), ("too_many_labels",), ()]
    assert store.stats().refused["too_many_labels"] == 4
    await store.close()


async def test_batches_of_one_group_share_the_room(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, LIMITED, HandClock())
    answers = await asyncio.gather(
        *(store.append(sent("wild", range(n, n + 1))) for n in range(20))
    )
    assert sum(told.stored for told in answers) == 2
    await store.close()


async def test_what_is_ours_is_only_bound_by_the_whole(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, LIMITED, HandClock())
    await store.append(sent("wild", range(100)))
    told = await store.append(sent("", range(10)))
    assert (told.stored, told.refused) == (4, {"limit": 6})
    assert store.stats().by_source == {"wild": 2}
    await store.close()


async def test_a_series_stays_with_who_sent_it_first(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, LIMITED, HandClock())
    await store.append(sent("tame", range(3)))
    shared = Batch([at(MINUTE, labels=up(n, job="tame")) for n in range(3)], source="wild")
    assert (await store.append(shared)).stored == 3
    assert store.stats().by_source == {"tame": 3}
    await store.close()


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_restart_gives_no_room_back(tmp_path: Path, sealed: bool) -> None:
    clock = HandClock()
    store = await LocalSeries.open(tmp_path, LIMITED, clock)
    await store.append(sent("wild", range(2)))
    for _ in range(2):
        if sealed:
            clock.now += 4 * HOUR
            await store.seal()
        await store.close()
        store = await LocalSeries.open(tmp_path, LIMITED, clock)
        assert store.stats().by_source == {"wild": 2}
        later = clock.now.timestamp()
        new = Batch([Sample(up(9, job="wild"), later, 1.0)], source="wild")
        assert (await store.append(new)).refused == {"source_limit": 1}
    assert len(plain(store.select(UP, *FOREVER))) == 2
    await store.close()


async def test_what_expires_makes_room(tmp_path: Path) -> None:
    clock = HandClock()
    store = await LocalSeries.open(tmp_path, LIMITED, clock)
    await store.append(sent("wild", range(2)))
    clock.now += timedelta(days=16)
    await store.seal()
    await store.seal()
    assert store.stats().by_source == {}
    new = Batch([Sample(up(9), clock.now.timestamp(), 1.0)], source="wild")
    assert (await store.append(new)).stored == 1
    await store.close()
    store = await LocalSeries.open(tmp_path, LIMITED, clock)
    assert store.stats().by_source == {"wild": 1}
    await store.close()


async def test_a_limit_may_change_while_it_runs(tmp_path: Path) -> None:
    most = {"wild": 1}
    store = await LocalSeries.open(tmp_path, SeriesOptions(limits_of=limits_of(most)), HandClock())
    assert (await store.append(sent("wild", range(5)))).stored == 1
    most["wild"] = 3
    assert (await store.append(sent("wild", range(5), MINUTE))).stored == 3
    await store.close()


def test_owners() -> None:
    owners = Owners()
    owners.learn({1: "a", 2: "a"})
    owners.learn({1: "b"})
    assert (owners.count("a"), owners.count("b"), owners.count("")) == (2, 0, 0)
    assert owners.of([1, 3]) == {1: "a"}
    owners.forget([1, 3, 9])
    assert owners.counts() == {"a": 1}
