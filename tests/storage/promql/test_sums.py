"""Sums and means agree with exact arithmetic, whatever is added up beside it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.labels import Labels
from storage.promql.evaluate import Grid
from storage.promql.values import Vector
from tests.storage.promql.memory import Memory

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
sizes = st.one_of(finite.filter(lambda number: abs(number) < 1e150), st.floats(-10, 10))


def answers(query: str, groups: list[list[float]]) -> list[float]:
    """Ask about series `x{group, host}` at 0, and `y{group}` with the same values in a row."""
    memory = Memory()
    for group, values in enumerate(groups):
        for host, value in enumerate(values):
            labels = Labels.of(__name__="x", group=f"{group:03}", host=str(host))
            memory.add(labels, [(600.0, value)])
        rising = [(600.0 - len(values) + at, value) for at, value in enumerate(values, 1)]
        memory.add(Labels.of(__name__="y", group=f"{group:03}"), rising)
    found = memory.ask(query, Grid.instant(600.0))
    assert isinstance(found, Vector)
    return [found.values[row] for row in np.argsort([str(each) for each in found.labels])]


@given(st.lists(st.lists(sizes, min_size=1, max_size=20), min_size=1, max_size=4))
def test_a_sum_is_the_exact_one_rounded_once_or_nearly(groups: list[list[float]]) -> None:
    exact = [math.fsum(values) for values in groups]
    # what is left is beyond 2**-90 of the largest number: nothing, unless it all cancels out
    close = [abs(max(values, key=abs)) * 2.0**-90 for values in groups]
    for query in ("sum by (group) (x)", "sum_over_time(y[5m])"):
        for found, right, rest in zip(answers(query, groups), exact, close, strict=True):
            assert abs(found - right) <= max(math.ulp(right), rest), query


@pytest.mark.parametrize("query", ["avg by (group) (x)", "avg_over_time(y[5m])"])
def test_the_mean_of_what_never_changes_is_that_value(query: str) -> None:
    for value in (0.1, 0.3, 0.7, 1.1, 2.2, -0.05, 99.9, 1e-300, 1e300):
        groups = [[value] * count for count in range(1, 40)]
        assert answers(query, groups) == [value] * len(groups)


def test_tenths_add_up() -> None:
    assert answers("sum(x) == 1", [[0.1]] * 10) == [1.0]
    assert answers("sum(x)", [[1e100, 1.0, -1e100]]) == [1.0]
    assert answers("sum_over_time(y[5m])", [[0.1] * 10, [1e16, 1.0, -1e16]]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ([math.inf, -1.5, 0.1], math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, -0.1], math.nan),
        ([1e308, 1e308, 0.1], math.inf),
        ([-1e308, -1e308, 0.1], -math.inf),
    ],
)
def test_what_is_not_finite_stays_so(values: list[float], right: float) -> None:
    beside = [0.1, 0.1, 0.1]
    for query in ("sum by (group) (x)", "sum_over_time(y[5m])"):
        found = answers(query, [beside, values])
        assert found[0] == float(sum(map(Fraction, beside)))
        assert found[1] == right or (math.isnan(found[1]) and math.isnan(right))
