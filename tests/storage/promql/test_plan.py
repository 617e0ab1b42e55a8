"""What must be loaded, how far back a query looks, and which queries are per series."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import QueryError
from storage.model.labels import Matcher, MatchOp
from storage.promql.parse import parse
from storage.promql.plan import Grid, Load, longest_window, per_series, plan, selectors
from tests.storage.promql.memory import Memory

UP = (Matcher("__name__", MatchOp.EQUAL, "up"),)
DOWN = (Matcher("__name__", MatchOp.EQUAL, "down"),)
HOUR = Grid(7200.0, 10800.0, 60.0)

# fmt: off
PLANS = [
    ("up", (Load(UP, 6900.0, 10800.0),)),
    ("up offset 10m", (Load(UP, 6300.0, 10200.0),)),
    ("up offset -1m", (Load(UP, 6960.0, 10860.0),)),
    ("up @ 100", (Load(UP, -200.0, 100.0, newest=True),)),
    ("up @ start()", (Load(UP, 6900.0, 7200.0, newest=True),)),
    ("up @ end() offset 1m", (Load(UP, 10440.0, 10740.0, newest=True),)),
    ("rate(up[10m])", (Load(UP, 6600.0, 10800.0),)),
    ("rate(up[10m]) + rate(up[10m])", (Load(UP, 6600.0, 10800.0),)),
    ("up + down", (Load(UP, 6900.0, 10800.0), Load(DOWN, 6900.0, 10800.0))),
    # Steps of the subquery: 6630 (the first multiple of 30 after 6610) to 10770.
    ("max_over_time(up[9m50s:30s] offset 10s)", (Load(UP, 6330.0, 10770.0),)),
    ("max_over_time(up[10m:1m] @ 6000)", (Load(UP, 5460.0 - 300, 6000.0),)),
    ("topk(scalar(up), down)", (Load(UP, 6900.0, 10800.0), Load(DOWN, 6900.0, 10800.0))),
    ("time() + 1", ()),
]

BACK = [
    ("up", 300.0), ("up offset 1h", 3900.0), ("rate(up[10m] offset 5m)", 900.0), ("1", 0.0),
    ("max_over_time(rate(up[5m])[1h:1m])", 3900.0), ("up + rate(up[1d])", 86400.0),
]

ALONE = [
    "up", "up == 0", "rate(up[5m]) > bool 3", "abs(up) * 100 - time()", "clamp(up, 0, 1)", "-up",
    "100 < max_over_time(up[1h])", "quantile_over_time(0.9, up[5m])", "time() - timestamp(up)",
    "round(up, 0.1)", "predict_linear(up[1h], 3600) < 0", "hour(up)",
]
TOGETHER = [
    "sum(up)", "up / down", "up and up", "up or vector(0)", "absent(up)", "hour()",
    "absent_over_time(up[5m])",
    'label_replace(up, "a", "b", "", "")', 'label_join(up, "a", "b")', "up * scalar(down)",
    "histogram_quantile(0.9, up)", "sort(up)", "sort_desc(up)", "topk(1, up)", "vector(1)",
    "max_over_time(up[1h:1m])", "count_values('v', up)", "1", "time()", "scalar(up)",
    "up > scalar(up)",
]
# fmt: on


@pytest.mark.parametrize(("query", "loads"), PLANS)
def test_what_is_loaded(query: str, loads: tuple[Load, ...]) -> None:
    assert plan(parse(query), HOUR) == loads


@pytest.mark.parametrize(("query", "seconds"), BACK)
def test_how_far_back_a_query_looks(query: str, seconds: float) -> None:
    assert longest_window(parse(query)) == seconds


@pytest.mark.parametrize("query", ALONE)
def test_judged_series_by_series(query: str) -> None:
    assert per_series(parse(query))


@pytest.mark.parametrize("query", TOGETHER)
def test_judged_together(query: str) -> None:
    assert not per_series(parse(query))


def test_every_selector_once() -> None:
    assert selectors(parse("up + rate(down[5m]) > scalar(up offset 1h)")) == (UP, DOWN)


@pytest.mark.parametrize(
    "grid",
    [
        Grid(10.0, 5.0, 1.0),
        Grid(0.0, 10.0, 0.0),
        Grid(0.0, 10.0, -1.0),
        Grid(0.0, 10.0, math.nan),
        Grid(0.0, math.nan, 1.0),
        Grid(0.0, 1e300, 1e299),
        Grid(0.0, 11_001.0, 1.0),
        Grid.instant(math.inf),
    ],
)
def test_a_grid_that_cannot_be_walked_is_refused(grid: Grid) -> None:
    with pytest.raises(QueryError):
        plan(parse("up"), grid)


def test_a_subquery_of_too_many_steps_is_refused() -> None:
    with pytest.raises(QueryError, match="take a longer step or a shorter range"):
        plan(parse("max_over_time(up[10y:1ms])"), HOUR)


queries = st.recursive(
    st.sampled_from(["up", "up offset 3m", "up @ 500", "up @ end()", "rate(up[7m] offset -1m)"]),
    lambda inner: (
        inner.map("max_over_time(({})[10m:90s])".format)
        | inner.map("sum by (a) ({}) + 1".format)
        | inner.map("min_over_time(({})[3m:7s] @ start() offset 1m)".format)
    ),
    max_leaves=3,
)


@settings(deadline=None, max_examples=50)
@given(queries, st.integers(0, 2000), st.integers(1, 5), st.sampled_from([1.0, 60.0]))
def test_evaluation_finds_all_that_was_planned(
    query: str, start: int, steps: int, step: float
) -> None:
    """A plan that forgets something would fail the look-up of its load."""
    Memory().ask(query, Grid(start, start + steps * step, step))
