"""Numbers in labels are written as Go writes them."""

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from bot.ingest import go_numbers
from bot.ingest.go_numbers import openmetrics, written_out


def test_examples() -> None:
    assert doctest.testmod(go_numbers).failed == 0


@pytest.mark.parametrize(
    ("value", "plain", "marked"),
    [
        (0.0, "0", "0.0"),
        (-1.0, "-1", "-1.0"),
        (100000.0, "100000", "100000.0"),
        (1e6, "1000000", "1e+06"),
        (0.0001, "0.0001", "0.0001"),
        (0.00001, "0.00001", "1e-05"),
        (1e-323, None, "1e-323"),
        (1.5e300, None, "1.5e+300"),
        (-math.inf, "-Inf", "-Inf"),
        (math.nan, "NaN", "NaN"),
    ],
)
def test_as_go(value: float, plain: str | None, marked: str) -> None:
    assert openmetrics(value) == marked
    if plain is not None:
        assert written_out(value) == plain


@given(value=st.floats(allow_nan=False))
def test_what_is_written_means_the_same_number(value: float) -> None:
    assert float(written_out(value)) == value == float(openmetrics(value))


@given(value=st.floats(min_value=1e-4, max_value=1e30))
def test_agrees_with_the_prometheus_client(value: float) -> None:
    assert float(floatToGoString(value)) == float(openmetrics(value))
