"""An interval that is honest about small counts, held to published values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reports.shares import told_count, told_share, wilson

# Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (Wilson's score); the last three
# by the formula, worked out by hand.
KNOWN = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
    (29, 29, 0.8830, 1.0000),
    (0, 1, 0.0000, 0.7935),
    (5, 10, 0.2366, 0.7634),
    (1, 1, 0.2065, 1.0000),
]


@pytest.mark.parametrize(("hits", "of", "low", "high"), KNOWN)
def test_known_values(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=0.00005)


@given(st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_it_holds_the_share_mirrors_and_narrows(counts: tuple[int, int]) -> None:
    hits, of = counts
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1
    assert low < high
    assert wilson(of - hits, of) == pytest.approx((1 - high, 1 - low))
    tighter = wilson(10 * hits, 10 * of)
    assert tighter[1] - tighter[0] < high - low


@pytest.mark.parametrize(("hits", "of"), [(0, 0), (-1, 3), (4, 3)])
def test_nonsense_is_refused(hits: int, of: int) -> None:
    with pytest.raises(ValueError, match="expected between"):
        wilson(hits, of)


def test_words() -> None:
    assert told_share(0, 20) == "0% (0 to 16)"
    assert told_share(2, 9) == "2"
    assert told_share(0, 0) == "-"
    assert told_count(3, 4) == "3 of 4, too few to say"
    assert told_count(10, 10) == "10 of 10"
