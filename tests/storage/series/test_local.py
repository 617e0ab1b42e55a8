"""The store as its users see it: against a naive twin, and its rules one by one."""

import asyncio
import math
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import ConfigError, MetricsUnavailable, StorageUnavailable
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.sample import STALE, Appended, Batch, Sample, is_stale
from storage.series.local import LocalSeries, SeriesOptions
from tests.storage.series.twin import (
    FOREVER,
    HOUR,
    MINUTE,
    NOON,
    UP,
    HandClock,
    Twin,
    at,
    batch,
    equal,
    plain,
    run,
    up,
    values,
)

SMALL = SeriesOptions(
    segment=10 * MINUTE, too_old=20 * MINUTE, out_of_order=5 * MINUTE, max_series=6
)
SERIES = [
    Labels.of(__name__="up", job="api", zone="a"),
    Labels.of(__name__="up", job="api", zone="b"),
    Labels.of(__name__="up", job="web"),
    Labels.of(__name__="load"),
    Labels.of(job="web", zone="a"),
    Labels.of(__name__="ключ", zone='\x00\n"'),
    Labels(),
    Labels.of(__name__="one_too_many"),
]
ODD = [0.0, -0.0, 1.0, -3.0, 2.0**53, 0.1, math.nan, STALE, math.inf, -math.inf, 5e-324]

seconds = st.integers(-22 * 60_000, 6 * 60_000).map(lambda ms: ms / 1000)
readings = st.tuples(
    st.sampled_from(SERIES),
    st.one_of(st.sampled_from([-301.0, -300.0, -60.0, -1.0, 0.0, 1.0]), seconds),
    st.one_of(st.sampled_from(ODD), st.floats(width=64)),
)
actions = st.one_of(
    st.tuples(st.just("append"), st.lists(readings, max_size=12)),
    st.tuples(st.just("wait"), st.integers(1, 25)),
    st.tuples(st.sampled_from(["seal", "reopen"]), st.none()),
)
matchers = st.builds(
    Matcher,
    st.sampled_from(["__name__", "job", "zone", "absent"]),
    st.sampled_from(list(MatchOp)),
    st.sampled_from(["", "up", "api", "a", "a|b", ".*", ".+", "web|", "nothing"]),
)
queries = st.lists(
    st.tuples(st.lists(matchers, max_size=3), seconds, st.integers(0, 3600)), max_size=4
)


@settings(max_examples=120, deadline=None)
@given(story=st.lists(actions, max_size=14), asked=queries)
def test_agrees_with_a_naive_twin(story: list[tuple[str, object]], asked: list[object]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        run(_play(Path(directory), story, asked))


async def _play(directory: Path, story: list, asked: list) -> None:  # type: ignore[type-arg]
    clock, twin = HandClock(), Twin(SMALL)
    store = await LocalSeries.open(directory, SMALL, clock)
    for action, what in story:
        if action == "append":
            now = clock.now.timestamp()
            samples = [Sample(labels, now + offset, value) for labels, offset, value in what]
            told = await store.append(Batch(samples))
            expected = twin.append(samples, clock.now)
            fresh = [one for one, reason in zip(samples, expected, strict=True) if not reason]
            assert list(map(id, told.fresh)) == list(map(id, fresh))
            assert told.refused == Counter(filter(None, expected))
        elif action == "wait":
            clock.now += what * MINUTE
        elif action == "seal":
            await store.seal()
        else:
            await store.close()
            store = await LocalSeries.open(directory, SMALL, clock)
    for which, end, length in [([], 0.0, math.inf), *asked]:
        until = clock.now.timestamp() + end
        window = (which, until - length, until if which else math.inf)
        found = store.select(*window)
        expected = twin.select(*window)
        assert plain(found) == expected
        assert plain(store.newest(*window)) == {one: kept[-1:] for one, kept in expected.items()}
        assert set(store.series(*window)) == set(found.labels)
    await store.close()


async def test_what_is_sent_again_is_counted_and_harmless(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    sent = batch(at(-30 * MINUTE), at(-20 * MINUTE), at(value=3.0))
    await store.append(sent)
    again = await store.append(sent)
    assert (again.stored, again.refused) == (0, {"duplicate": 3})
    other = await store.append(batch(at(value=4.0)))
    assert other.examples == {
        "duplicate": 'up{instance="0"} at 2026-03-02T12:00:00.000Z is stored already; '
        "the first value stays"
    }
    assert values(store.select(UP, *FOREVER)) == [1.0, 1.0, 3.0]
    await store.close()


# fmt: off
REFUSALS = [
    pytest.param(at(-61 * MINUTE), "too_old",
        'up{instance="0"} at 2026-03-02T10:59:00.000Z is more than 1:00:00 before now '
        "(2026-03-02T12:00:00.000Z)", id="too-old"),
    pytest.param(at(6 * MINUTE), "too_far_in_future",
        'up{instance="0"} at 2026-03-02T12:06:00.000Z is more than 0:05:00 after now '
        "(2026-03-02T12:00:00.000Z)", id="future"),
    pytest.param(at(-6 * MINUTE), "out_of_order",
        'up{instance="0"} at 2026-03-02T11:54:00.000Z is more than 0:05:00 before the '
        "series' newest sample", id="out-of-order"),
    pytest.param(Sample(up(), math.nan, 1.0), "too_old",
        'up{instance="0"} at time nan is more than 1:00:00 before now '
        "(2026-03-02T12:00:00.000Z)", id="nan-is-no-time"),
    pytest.param(Sample(up(), math.inf, 1.0), "too_far_in_future",
        'up{instance="0"} at time inf is more than 0:05:00 after now '
        "(2026-03-02T12:00:00.000Z)", id="never"),
    pytest.param(Sample(up(), -1e308, 1.0), "too_old",
        'up{instance="0"} at time -1e+308 is more than 1:00:00 before now '
        "(2026-03-02T12:00:00.000Z)", id="before-all-time"),
    pytest.param(at(labels=Labels.of({str(n): "x" for n in range(65)})), "too_many_labels",
        None, id="many-labels"),
    pytest.param(at(labels=up(pod="x" * 5000)), "labels_too_long",
        None, id="long-labels"),
    pytest.param(at(labels=Labels.of(a="\ud800")), "not_unicode",
        '{a="\ud800"} at 2026-03-02T12:00:00.000Z: its labels are not valid Unicode '
        "(half of a surrogate pair)", id="not-unicode"),
]
# fmt: on


@pytest.mark.parametrize(("sample", "reason", "example"), REFUSALS)
async def test_refused_with_a_reason(
    tmp_path: Path, sample: Sample, reason: str, example: str | None
) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    await store.append(batch(at()))
    told = await store.append(batch(sample, at(MINUTE)))
    assert (told.stored, told.refused) == (1, {reason: 1})
    assert example is None or told.examples == {reason: example}
    assert store.stats().refused == {reason: 1}
    await store.close()


async def test_known_series_go_on_at_the_limit(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, replace(SeriesOptions(), max_series=2), HandClock())
    told = await store.append(batch(*(at(labels=up(n)) for n in range(5))))
    assert (told.stored, told.refused) == (2, {"limit": 3})
    assert told.examples["limit"].endswith(
        "a new series, and there are 2 already; known series go on"
    )
    told = await store.append(batch(*(at(MINUTE, labels=up(n)) for n in range(5))))
    assert (told.stored, told.refused) == (2, {"limit": 3})
    await store.close()


async def test_a_time_left_of_the_window_is_not_in_it(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    await store.append(batch(*(at(n * MINUTE, value=n) for n in range(4))))
    noon = NOON.timestamp()
    assert values(store.select(UP, noon, noon + 120)) == [1.0, 2.0]
    assert values(store.select(UP, noon + 180, noon + 180)) == []
    assert store.series(UP, noon + 180, noon + 999) == ()
    await store.close()


async def test_the_staleness_marker_and_other_nans_keep_their_bits(tmp_path: Path) -> None:
    clock = HandClock()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    await store.append(batch(at(value=STALE), at(MINUTE, value=math.nan)))
    for _ in ("in the head", "sealed"):
        assert is_stale(store.select(UP, *FOREVER).values).tolist() == [[True, False]]
        clock.now += 6 * HOUR
        await store.seal()
    await store.close()


async def test_concurrent_appends_share_fsyncs(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    told = await asyncio.gather(*(store.append(batch(at(labels=up(n)))) for n in range(200)))
    assert [one.stored for one in told] == [1] * 200
    assert store.stats().fsyncs <= 5
    await store.close()


async def test_concurrent_appends_of_the_same_sample_store_it_once(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    told = await asyncio.gather(*(store.append(batch(at(value=n))) for n in range(10)))
    assert [one.stored for one in told] == [1] + [0] * 9
    assert values(store.select(UP, *FOREVER)) == [0.0]
    await store.close()


async def test_one_malformed_batch_does_not_fail_its_neighbours(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    broken = Batch([Sample(up(), NOON.timestamp(), "seven")])  # type: ignore[arg-type]
    told = await asyncio.gather(
        store.append(batch(at(labels=up(1)))),
        store.append(broken),
        store.append(batch(at(labels=up(2)))),
        return_exceptions=True,
    )
    assert [one.stored if isinstance(one, Appended) else type(one) for one in told] == [
        1, ValueError, 1,
    ]  # fmt: skip
    await store.close()


async def test_an_append_that_gave_up_does_not_harm_the_others(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.append(batch(at())), timeout=0)
    assert (await store.append(batch(at(MINUTE)))).stored == 1
    await store.close()


async def test_select_in_threads_while_the_loop_appends_and_seals(tmp_path: Path) -> None:
    clock, options = HandClock(), replace(SMALL, max_series=1000)
    store = await LocalSeries.open(tmp_path, options, clock)
    done = asyncio.Event()

    def look() -> int:
        selection = store.select(UP, *FOREVER)
        for row, count in enumerate(selection.count.tolist()):
            steps = np.diff(selection.times[row, :count])
            assert np.all(steps == 60.0), "a reader missed samples that had been answered for"
            assert np.all(np.diff(selection.values[row, :count]) == 1.0)
        return int(selection.count.sum())

    async def reader() -> list[int]:
        seen = []
        while not done.is_set():
            seen.append(await asyncio.to_thread(look))
        return seen

    reading = asyncio.create_task(reader())
    for step in range(120):
        clock.now = NOON + step * MINUTE
        await store.append(batch(*(at(step * MINUTE, value=step, labels=up(n)) for n in range(20))))
        if step % 7 == 0:
            await store.seal()
    done.set()
    seen = await reading
    assert seen == sorted(seen)
    assert look() == 2400
    assert store.stats().segments >= 8
    await store.close()


async def test_labels_and_metadata_survive_sealing_and_reopening(tmp_path: Path) -> None:
    clock, told = HandClock(), {"up": {"type": "gauge", "help": "Is it up?", "unit": ""}}
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    sent = [at(labels=up(1, job="api")), at(labels=up(2, job="web", zone="a"))]
    await store.append(Batch(sent, metadata=told))
    for _ in range(3):
        assert store.metadata() == told
        assert store.label_names() == ("__name__", "instance", "job", "zone")
        assert store.label_names([equal("job", "api")]) == ("__name__", "instance", "job")
        assert store.label_values("job") == ("api", "web")
        assert store.label_values("job", [equal("zone", "a")]) == ("web",)
        assert store.label_values("absent") == ()
        clock.now += 4 * HOUR
        await store.seal()
        await store.close()
        store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert store.stats().journal_bytes == 0
    await store.close()


async def test_a_second_opener_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    with pytest.raises(ConfigError, match=r"in use by process \d+ on .*; stop that one"):
        await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    await store.close()
    again = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    await again.close()


async def test_a_directory_that_cannot_be_used_is_a_fault_of_the_configuration(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot keep samples here: Not a directory"):
        await LocalSeries.open(tmp_path / "file" / "series", SeriesOptions(), HandClock())


async def test_closed_is_closed(tmp_path: Path) -> None:
    store = await LocalSeries.open(tmp_path, SeriesOptions(), HandClock())
    waiting = [asyncio.create_task(store.append(batch(at(labels=up(n))))) for n in range(5)]
    await asyncio.sleep(0)
    await asyncio.gather(store.close(), store.close())
    assert [(await one).stored for one in waiting] == [1] * 5
    await store.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        await store.append(batch(at()))
    with pytest.raises(StorageUnavailable, match="closed"):
        await store.seal()
    with pytest.raises(MetricsUnavailable, match="closed"):
        store.select(UP, *FOREVER)


async def test_expired_segments_go_and_so_do_their_series(tmp_path: Path) -> None:
    clock = HandClock()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    await store.append(batch(at(labels=up(1)), at(labels=up(2))))
    clock.now += 14 * timedelta(days=1)
    await store.append(batch(Sample(up(2), clock.now.timestamp(), 2.0)))
    await store.seal()
    assert store.stats().segments == 1
    assert store.label_values("instance") == ("1", "2")
    clock.now += timedelta(days=2)
    await store.seal()
    assert store.label_values("instance") == ("2",)
    assert store.series(UP, *FOREVER) == (up(2),)
    await store.close()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert store.label_values("instance") == ("2",)
    told = await store.append(batch(Sample(up(3), clock.now.timestamp(), 3.0)))
    assert told.stored == 1
    assert plain(store.select(UP, *FOREVER)).keys() == {up(2), up(3)}
    await store.close()


async def test_the_oldest_segments_go_when_there_are_too_many_bytes(tmp_path: Path) -> None:
    clock, options = HandClock(), SeriesOptions(retention_bytes=3000)
    store = await LocalSeries.open(tmp_path, options, clock)
    rng = np.random.default_rng(7)
    for _ in range(6):
        noise = rng.normal(size=100).tolist()
        now = clock.now.timestamp()
        await store.append(Batch([Sample(up(), now + n, value) for n, value in enumerate(noise)]))
        clock.now += 4 * HOUR
        await store.seal()
    assert store.stats().segment_bytes <= 3000
    kept = store.select(UP, *FOREVER)
    assert 0 < kept.times.min() - NOON.timestamp() < 20 * 3600
    assert kept.times.max() == NOON.timestamp() + 20 * 3600 + 99
    await store.close()


async def test_a_window_may_be_sealed_twice_after_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = HandClock()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    await store.append(batch(at(value=1.0)))
    clock.now += 24 * HOUR
    await store.seal()
    clock.now = NOON
    again = at(value=9.0)  # stored, but sealed: nobody looks there, yet the first value stays
    await store.append(batch(again, at(MINUTE, value=2.0), at(2 * MINUTE, value=3.0)))
    await store.close()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert values(store.select(UP, *FOREVER)) == [1.0, 2.0, 3.0]
    clock.now += 24 * HOUR
    await store.seal()
    assert (store.stats().segments, values(store.select(UP, *FOREVER))) == (2, [1.0, 2.0, 3.0])
    await store.close()


async def test_a_series_of_the_head_may_be_older_than_one_that_is_sealed(tmp_path: Path) -> None:
    clock = HandClock(NOON - MINUTE)
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    await store.append(batch(at(labels=up(1)), at(-2 * MINUTE, labels=up(2))))
    clock.now += 61 * MINUTE  # seals what stands before noon, so of these two only the second
    await store.seal()
    assert (store.stats().segments, store.stats().head_samples) == (1, 1)
    await store.close()
    store = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    assert store.select(UP, *FOREVER).labels == (up(1), up(2))
    assert store.select([equal("instance", "1")], *FOREVER).labels == (up(1),)
    await store.close()
