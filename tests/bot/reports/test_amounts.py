"""Amounts: three figures that count, in a unit that people read."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reports.amounts import Unit, amount, change


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (nan, Unit.BYTES, "-"),
        (inf, Unit.SECONDS, "infinite"),
        (0, Unit.PER_SECOND, "0/s"),
        (42.13, Unit.PER_SECOND, "42.1/s"),
        (54_321, Unit.PER_SECOND, "54.3 k/s"),
        (1e12, Unit.BYTES, "931 GiB"),
        (0.18, Unit.SECONDS, "180 ms"),
        (0.9999, Unit.SECONDS, "1 s"),
        (0.0012, Unit.RATIO, "0.12 %"),
        (2**20, Unit.BYTES_PER_SECOND, "1 MiB/s"),
        (0.5, Unit.CORES, "0.5"),
    ],
)
def test_amount(value: float, unit: Unit, text: str) -> None:
    assert amount(value, unit) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [(1, nan, "-"), (nan, 1, "-"), (0, 0, "same"), (5, 0, "from 0"), (0, 5, "\N{MINUS SIGN}100 %"),
     (1e12, 1, "x 1e+12"), (110, 100, "+10 %")],
)  # fmt: skip
def test_change(now: float, before: float, text: str) -> None:
    assert change(now, before, Unit.PER_SECOND) == text


@given(st.floats(), st.floats(), st.sampled_from(Unit))
def test_any_number_becomes_a_short_text(now: float, before: float, unit: Unit) -> None:
    assert 0 < len(amount(now, unit)) <= 16
    assert 0 < len(change(now, before, unit)) <= 20
