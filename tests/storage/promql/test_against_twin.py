"""The evaluator against its slow, plain twin, on samples that hypothesis makes up."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.model.sample import STALE
from storage.promql.evaluate import Grid
from storage.promql.values import Matrix
from tests.storage.promql import twin
from tests.storage.promql.memory import Memory

few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)

LABELS = [
    Labels.of(__name__=name, job=job, host=host)
    for name in ("m", "n")
    for job in ("a", "b")
    for host in ("1", "2", "3")
]
values = st.integers(-5, 50).map(float) | st.just(STALE)
# Times in quarters of a second, some of them exactly on the edges of windows.
points = st.dictionaries(st.integers(0, 4800).map(lambda q: q / 4), values, max_size=30).map(
    lambda found: sorted(found.items())
)
data = st.dictionaries(st.sampled_from(LABELS), points, max_size=8)
grids = st.builds(
    lambda start, step, steps: Grid(start, start + step * (steps - 1), step),
    st.integers(0, 1300).map(float),
    st.sampled_from([0.25, 15.0, 60.0, 333.0]),
    st.integers(2, 6),
)


def moments(grid: Grid) -> list[float]:
    return [grid.start + i * grid.step for i in range(grid.size)]


def by_step(value: object, steps: int) -> list[twin.Row]:
    """Take a matrix apart: one row of present values for each step."""
    assert isinstance(value, Matrix)
    assert value.values.shape == value.present.shape == (len(value.labels), steps)
    assert value.present.any(axis=1).all()
    return [
        {
            labels: float(value.values[row, step])
            for row, labels in enumerate(value.labels)
            if value.present[row, step]
        }
        for step in range(steps)
    ]


def assert_alike(got: list[twin.Row], wanted: list[twin.Row]) -> None:
    for mine, plain in zip(got, wanted, strict=True):
        assert mine.keys() == plain.keys()
        for labels, value in plain.items():
            assert math.isclose(mine[labels], value, rel_tol=1e-9, abs_tol=1e-9)


def named(found: twin.Data, name: str) -> twin.Data:
    return {labels: samples for labels, samples in found.items() if labels.name == name}


@few
@given(data, grids)
def test_selector(found: twin.Data, grid: Grid) -> None:
    got = Memory(found).ask('{job=~".+"}', grid)
    assert_alike(by_step(got, grid.size), [twin.newest(found, at) for at in moments(grid)])


@pytest.mark.parametrize("function", sorted(twin.RANGE))
@few
@given(data, grids, st.sampled_from([1, 60, 300, 1000]))
def test_range_function(function: str, found: twin.Data, grid: Grid, length: int) -> None:
    got = Memory(found).ask(f"{function}(m[{length}s])", grid)
    mine = named(found, "m")
    wanted = [twin.over(mine, at, length, function) for at in moments(grid)]
    assert_alike(by_step(got, grid.size), wanted)


@few
@given(data, grids, st.floats(0, 1))
def test_quantile_over_time(found: twin.Data, grid: Grid, wanted: float) -> None:
    got = Memory(found).ask(f"quantile_over_time({wanted}, m[300s])", grid)
    rows = []
    for at in moments(grid):
        inside = {
            labels.without("__name__"): kept
            for labels, samples in named(found, "m").items()
            if (kept := [v for t, v in samples if at - 300 < t <= at and not twin.is_marker(v)])
        }
        rows.append({labels: twin.quantile(kept, wanted) for labels, kept in inside.items()})
    assert_alike(by_step(got, grid.size), rows)


@pytest.mark.parametrize("op", sorted(twin.AGGREGATE))
@few
@given(data, grids, st.sampled_from([(), ("job",), ("host", "job")]), st.booleans())
def test_aggregation(
    op: str, found: twin.Data, grid: Grid, labels: tuple[str, ...], without: bool
) -> None:
    clause = f"{'without' if without else 'by'} ({', '.join(labels)})"
    got = Memory(found).ask(f"{op} {clause} (m)", grid)
    rows = [twin.newest(named(found, "m"), at) for at in moments(grid)]
    wanted = [twin.aggregate(row, op, labels, without=without) for row in rows]
    assert_alike(by_step(got, grid.size), wanted)


@few
@given(data, grids, st.integers(1, 3))
def test_topk_keeps_the_greatest_of_each_group(found: twin.Data, grid: Grid, count: int) -> None:
    got = by_step(Memory(found).ask(f"topk by (job) ({count}, m)", grid), grid.size)
    for mine, at in zip(got, moments(grid), strict=True):
        row = twin.newest(named(found, "m"), at)
        assert mine.items() <= row.items()
        for job in ("a", "b"):
            all_values = sorted(v for s, v in row.items() if s.get("job") == job)
            kept = sorted(v for s, v in mine.items() if s.get("job") == job)
            assert kept == all_values[-count:]


@few
@given(data, grids, st.sampled_from([("job",), ("host", "job")]), st.booleans())
def test_matching(found: twin.Data, grid: Grid, on: tuple[str, ...], many: bool) -> None:
    left = {s: [(t, v) for t, v in p if v != 0] for s, p in named(found, "m").items()}
    right = {s: [(t, v) for t, v in p if v != 0] for s, p in named(found, "n").items()}
    query = f"m / on ({', '.join(on)}) {'group_left' if many else ''} n"
    wanted = [
        twin.divide(twin.newest(left, at), twin.newest(right, at), on, many=many)
        for at in moments(grid)
    ]
    memory = Memory({**left, **right})
    sound = [row for row in wanted if row is not None]
    if len(sound) < len(wanted):
        with pytest.raises(QueryError):
            memory.ask(query, grid)
    else:
        assert_alike(by_step(memory.ask(query, grid), grid.size), sound)


@pytest.mark.parametrize("op", ["and", "or", "unless"])
@few
@given(data, grids, st.sampled_from([("job",), ("host", "job")]))
def test_sets(op: str, found: twin.Data, grid: Grid, on: tuple[str, ...]) -> None:
    got = Memory(found).ask(f"m {op} on ({', '.join(on)}) n", grid)
    wanted = [
        twin.sets(op, twin.newest(named(found, "m"), at), twin.newest(named(found, "n"), at), on)
        for at in moments(grid)
    ]
    assert_alike(by_step(got, grid.size), wanted)


@few
@given(data, grids, st.sampled_from([7, 60]))
def test_subquery(found: twin.Data, grid: Grid, step: int) -> None:
    got = Memory(found).ask(f"sum_over_time(m[300s:{step}s] offset 30s)", grid)
    mine = named(found, "m")
    wanted = []
    for at in moments(grid):
        row: dict[Labels, list[float]] = {}
        for moment in range(-600, 4000):
            if moment % step == 0 and at - 330 < moment <= at - 30:
                for labels, value in twin.newest(mine, moment).items():
                    row.setdefault(labels.without("__name__"), []).append(value)
        wanted.append({labels: math.fsum(found) for labels, found in row.items()})
    assert_alike(by_step(got, grid.size), wanted)


@few
@given(data, grids)
def test_a_range_query_is_the_instant_queries_in_a_row(found: twin.Data, grid: Grid) -> None:
    memory = Memory(found)
    query = 'sum by (job) (rate({__name__="m"}[300s])) > 0 or avg by (host) (n offset 30s)'
    together = by_step(memory.ask(query, grid), grid.size)
    for row, at in zip(together, moments(grid), strict=True):
        alone = memory.ask(query, Grid.instant(at))
        assert_alike([row], by_step(alone.at(at), 1) if alone.labels else [{}])
