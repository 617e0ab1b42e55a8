"""The metrics port over a store in memory: types, limits, and where the work is done."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from storage.errors import MetricsUnavailable, QueryError
from storage.metrics import local
from storage.metrics.local import LocalMetrics
from storage.metrics.port import Metrics
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.sample import Selection
from storage.promql.evaluate import Limits
from storage.promql.values import Scalar, Text, Vector
from tests.storage.promql.memory import Memory

UP, WEB = Labels.of(__name__="up", job="api"), Labels.of(__name__="up", job="web")
IS_UP = Matcher("__name__", MatchOp.EQUAL, "up")


class Watched(Memory):
    """Remembers in which threads it was read."""

    threads: set[str]

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        self.threads = {*getattr(self, "threads", ()), threading.current_thread().name}
        return super().select(matchers, start, end)


@pytest.fixture
def memory() -> Watched:
    return Watched({UP: [(t, t / 60) for t in range(0, 601, 60)], WEB: [(600.0, 7.0)]})


@pytest.fixture
def metrics(memory: Watched) -> Iterator[Metrics]:
    opened = LocalMetrics(memory)
    yield opened
    opened.close()


async def test_an_instant_vector(metrics: Metrics) -> None:
    got = await metrics.instant("up", 600)
    assert (got.labels, got.values.tolist()) == ((UP, WEB), [10.0, 7.0])
    assert got.present.tolist() == [True, True]


async def test_absent_series_have_no_row(metrics: Metrics) -> None:
    got = await metrics.instant("up > 8", 600)
    assert (got.labels, got.values.tolist()) == ((UP,), [10.0])


async def test_a_number_becomes_one_series(metrics: Metrics) -> None:
    got = await metrics.instant("1 + 1", 0)
    assert (got.labels, got.values.tolist()) == ((Labels(),), [2.0])


async def test_a_range(metrics: Metrics) -> None:
    got = await metrics.range("up", 540, 630, 60)
    assert got.labels == (UP, WEB)
    assert got.times.tolist() == [540.0, 600.0]
    assert got.present.tolist() == [[True, True], [False, True]]
    assert got.values[:, 1].tolist() == [10.0, 7.0]
    assert np.isnan(got.filled()[1, 0])


async def test_a_range_of_one_moment(metrics: Metrics) -> None:
    got = await metrics.range("up", 600, 600, 60)
    assert (got.times.tolist(), got.values.tolist()) == ([600.0], [[10.0], [7.0]])


async def test_a_range_of_a_number(metrics: Metrics) -> None:
    got = await metrics.range("time()", 60, 120, 60)
    assert (got.labels, got.values.tolist()) == ((Labels(),), [[60.0, 120.0]])
    assert got.times.tolist() == [60.0, 120.0]


async def test_raw_keeps_the_type(metrics: Metrics) -> None:
    number, text = await metrics.raw("3", 0), await metrics.raw('"three"', 0)
    vector, samples = await metrics.raw("up", 600), await metrics.raw("up[2m]", 600)
    assert isinstance(number, Scalar)
    assert isinstance(vector, Vector)
    assert number.values.tolist() == [3.0]
    assert text == Text("three")
    assert samples == Selection(
        labels=(UP, WEB),
        times=np.array([[540.0, 600.0], [600.0, 0.0]]),
        values=np.array([[9.0, 10.0], [7.0, 0.0]]),
        count=np.array([2, 1]),
    )


async def test_raw_samples_of_nothing(metrics: Metrics) -> None:
    assert await metrics.raw("down[2m]", 600) == Selection.empty()


@pytest.mark.parametrize("query", ["up[2m]", '"text"'])
async def test_what_is_no_vector_is_refused(metrics: Metrics, query: str) -> None:
    with pytest.raises(QueryError):
        await metrics.instant(query, 600)
    with pytest.raises(QueryError):
        await metrics.range(query, 0, 600, 60)


async def test_bad_queries_say_why(metrics: Metrics) -> None:
    with pytest.raises(QueryError, match="did you mean 'rate'"):
        await metrics.instant("rat(up[5m])", 600)


async def test_series_and_labels(metrics: Metrics) -> None:
    assert await metrics.series([IS_UP], 0, 540) == (UP,)
    assert await metrics.label_names() == ("__name__", "job")
    assert await metrics.label_values("job", [IS_UP]) == ("api", "web")


@pytest.mark.parametrize(
    ("query", "threads"),
    [
        pytest.param("rate(up[5m])", 1, id="small"),
        pytest.param("rate(up[1d])", 2, id="long"),
        pytest.param("max_over_time(up[5m:1m])", 2, id="subquery"),
    ],
)
async def test_a_query_that_proved_small_is_answered_on_the_loop(
    metrics: Metrics, memory: Watched, query: str, threads: int
) -> None:
    """`threads`: in how many of two evaluations the work is done away from the event loop."""
    here, away = threading.current_thread().name, 0
    for _ in range(2):
        memory.threads = set()
        await metrics.instant(query, 600)
        away += here not in memory.threads
    assert away == threads


async def test_a_query_that_grew_leaves_the_loop(metrics: Metrics, memory: Watched) -> None:
    await metrics.instant("count(up)", 600)
    for n in range(20_000):
        memory.data[Labels.of(__name__="up", n=str(n))] = [(600.0, 1.0)]
    await metrics.instant("count(up)", 600)
    memory.threads = set()
    assert (await metrics.instant("count(up)", 600)).values.tolist() == [20_002.0]
    assert threading.current_thread().name not in memory.threads


async def test_many_samples_give_the_same_answer() -> None:
    """Above the size that leaves the loop."""
    store = Memory(
        {
            Labels.of(__name__="x", n=str(n)): [(float(t), float(t)) for t in range(0, 3600, 6)]
            for n in range(100)
        }
    )
    got = await LocalMetrics(store).instant("count(rate(x[1h]) == 1)", 3600)
    assert got.values.tolist() == [100.0]


@pytest.mark.parametrize(
    ("limits", "query", "message"),
    [
        (Limits(samples=10), "up", "at most 10 are allowed"),
        (Limits(cells=10), "up", "take a longer step, a shorter range or fewer series"),
        (Limits(steps=5), "up", "more than 5 steps"),
        (Limits(scanned=20), "rate(up[5m])", "more than 20"),
    ],
)
async def test_limits(memory: Watched, limits: Limits, query: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        await LocalMetrics(memory, limits).range(query, 0, 600, 60)


class Stuck(Memory):
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def series(self, matchers: Sequence[Matcher], start: float, end: float) -> tuple[Labels, ...]:
        self.go_on.wait(30)
        return super().series(matchers, start, end)


async def test_too_many_queries_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MOST_WAITING", 20)
    store = Stuck()
    metrics = LocalMetrics(store)
    waiting = [asyncio.create_task(metrics.series([], 0, 1)) for _ in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(MetricsUnavailable, match="try again later"):
        await metrics.series([], 0, 1)
    store.go_on.set()
    assert await asyncio.gather(*waiting) == [()] * 20
    metrics.close()
