"""Floats as Go writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.promql.numbers import general, in_json, plain, scientific

# fmt: off
WRITTEN = [
    # value, 'g', 'f', 'e', JSON of the API
    (0.0, "0", "0", "0e+00", "0"),
    (-0.0, "-0", "-0", "-0e+00", "-0"),
    (1.0, "1", "1", "1e+00", "1"),
    (0.25, "0.25", "0.25", "2.5e-01", "0.25"),
    (-1500000.0, "-1.5e+06", "-1500000", "-1.5e+06", "-1500000"),
    (999999.0, "999999", "999999", "9.99999e+05", "999999"),
    (123456789.0, "1.23456789e+08", "123456789", "1.23456789e+08", "123456789"),
    (0.0001, "0.0001", "0.0001", "1e-04", "0.0001"),
    (0.00001, "1e-05", "0.00001", "1e-05", "0.00001"),
    (1e-7, "1e-07", "0.0000001", "1e-07", "1e-07"),
    (1e20, "1e+20", "100000000000000000000", "1e+20", "100000000000000000000"),
    (1e21, "1e+21", "1000000000000000000000", "1e+21", "1e+21"),
    (1.7976931348623157e308, "1.7976931348623157e+308", "17976931348623157" + "0" * 292,
     "1.7976931348623157e+308", "1.7976931348623157e+308"),
    (5e-324, "5e-324", "0." + "0" * 323 + "5", "5e-324", "5e-324"),
    (math.inf, "+Inf", "+Inf", "+Inf", "+Inf"),
    (-math.inf, "-Inf", "-Inf", "-Inf", "-Inf"),
    (math.nan, "NaN", "NaN", "NaN", "NaN"),
]
# fmt: on


@pytest.mark.parametrize(("value", "g", "f", "e", "json"), WRITTEN)
def test_the_four_ways_of_go(value: float, g: str, f: str, e: str, json: str) -> None:
    assert (general(value), plain(value), scientific(value), in_json(value)) == (g, f, e, json)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_reads_back(value: float) -> None:
    for write in (general, plain, scientific, in_json):
        assert float(write(value)) == value
