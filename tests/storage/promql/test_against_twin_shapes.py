"""The evaluator against its plain twin on expressions that hypothesis puts together."""

import math
from functools import partial

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.promql.evaluate import Grid
from tests.storage.promql import twin
from tests.storage.promql import twin_vectors as plain
from tests.storage.promql.memory import Memory
from tests.storage.promql.test_against_twin import by_step, data, grids, moments

some = settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)

ON = [("job",), ("host",), ("job", "host"), ()]
numbers = st.one_of(
    st.sampled_from([0.0, 1.0, -2.5, 20.0]).map(
        lambda value: plain.Number(f"{value:g}", lambda _: value)
    ),
    st.just(plain.Number("time() / 100", lambda at: at / 100)),
)
leaves = st.builds(
    plain.named,
    st.sampled_from(["m", "n"]),
    st.sampled_from([0, 0, 30, -45]),
    st.sampled_from([None, None, None, 0, 600]),
)
ARITHMETIC, COMPARE = st.sampled_from(sorted(plain.ARITHMETIC)), st.sampled_from(
    sorted(plain.COMPARE)
)  # fmt: skip


def grown(inner: st.SearchStrategy[plain.Vector]) -> st.SearchStrategy[plain.Vector]:
    on = st.sampled_from([None, *ON])
    side = st.sampled_from(["", "group_left", "group_right"])
    return st.one_of(
        inner.map(plain.negated),
        st.builds(partial(plain.with_number, to_bool=False), ARITHMETIC, inner, numbers,
                  swapped=st.booleans()),
        st.builds(plain.with_number, COMPARE, inner, numbers,
                  swapped=st.booleans(), to_bool=st.booleans()),
        st.builds(partial(plain.joined, to_bool=False), ARITHMETIC, inner, inner, on,
                  st.just("")),
        st.builds(partial(plain.joined, to_bool=False), ARITHMETIC, inner, inner,
                  st.sampled_from(ON), side),
        st.builds(plain.joined, COMPARE, inner, inner, on, st.just(""), to_bool=st.booleans()),
        st.builds(plain.summed, inner, st.sampled_from(ON)),
        st.builds(plain.replaced, inner, st.sampled_from(["host", "job", "new"]),
                  st.sampled_from(["$1", "x-$1", ""]), st.just("job"),
                  st.sampled_from(["(.*)", "(a)", "(b|c)"])),
        inner.map(plain.missing).filter(lambda made: "(" in made.text[7:-1]),
    )  # fmt: skip


shapes = st.recursive(leaves, grown, max_leaves=5)


def alike(mine: float, other: float) -> bool:
    both = math.isnan(mine) and math.isnan(other)
    return both or math.isclose(mine, other, rel_tol=1e-9, abs_tol=1e-9)


@some
@given(data, grids, shapes)
def test_any_shape(found: twin.Data, grid: Grid, shape: plain.Vector) -> None:
    assume(len(shape.text) < 2_000)
    try:
        wanted = [shape.at(found, at) for at in moments(grid)]
    except plain.Refused:
        with pytest.raises(QueryError):
            Memory(found).ask(shape.text, grid)
        return
    got = by_step(Memory(found).ask(shape.text, grid), grid.size)
    for mine, other in zip(got, wanted, strict=True):
        assert mine.keys() == other.keys()
        assert all(alike(mine[labels], value) for labels, value in other.items())


BOUNDS = {"-1": -1.0, "0.5": 0.5, "1": 1.0, "2.5": 2.5, "10": 10.0, "+Inf": math.inf}
rows = st.dictionaries(
    st.sampled_from(sorted(BOUNDS)), st.integers(0, 30).map(float), min_size=1, max_size=6
)


@some
@given(st.lists(rows, min_size=1, max_size=3), st.floats(0, 1))
def test_quantiles_of_buckets(histograms: list[dict[str, float]], wanted: float) -> None:
    memory = Memory(
        {
            Labels.of(__name__="x_bucket", le=le, row=str(row)): [(0.0, count)]
            for row, buckets in enumerate(histograms)
            for le, count in buckets.items()
        }
    )
    query = f"histogram_quantile({wanted!r}, x_bucket)"
    got = memory.ask(query, Grid.instant(10.0))
    answers = dict(zip(got.labels, got.values.tolist(), strict=True))  # type: ignore[union-attr]
    for row, buckets in enumerate(histograms):
        by_bound = {BOUNDS[le]: count for le, count in buckets.items()}
        assert alike(answers[Labels.of(row=str(row))], plain.bucket_quantile(wanted, by_bound))


@some
@given(data, grids, st.sampled_from([1, 60, 300]))
def test_the_last_two_samples(found: twin.Data, grid: Grid, length: int) -> None:
    got = by_step(Memory(found).ask(f"irate(m[{length}s])", grid), grid.size)
    for mine, at in zip(got, moments(grid), strict=True):
        wanted = {}
        for labels, points in found.items():
            inside = [(t, v) for t, v in points if at - length < t <= at and not twin.is_marker(v)]
            if labels.name == "m" and len(inside) > 1:
                (older, before), (newer, after) = inside[-2:]
                grew = after if after < before else after - before
                wanted[labels.without("__name__")] = grew / (newer - older)
        assert mine.keys() == wanted.keys()
        assert all(alike(mine[labels], value) for labels, value in wanted.items())
