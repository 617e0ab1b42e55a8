"""Which segments go."""

import pytest

from storage.series.catalogue import Segment
from storage.series.retention import expired, forgotten_before


def segment(last: int, size: int = 10) -> Segment:
    return Segment(
        name=str(last), window=last - 9, first=last - 9, last=last, samples=1, bytes=size, upto=last
    )


THREE = [segment(10), segment(20), segment(30)]


# fmt: off
CASES = [
    pytest.param(0, None, [], id="nothing-is-due"),
    pytest.param(20, None, ["10"], id="by-age-not-while-its-last-sample-is-young"),
    pytest.param(99, None, ["10", "20", "30"], id="all-too-old"),
    pytest.param(0, 30, [], id="just-enough-room"),
    pytest.param(0, 29, ["10"], id="the-oldest-makes-room"),
    pytest.param(20, 19, ["10", "20"], id="age-counts-first"),
    pytest.param(0, 0, ["10", "20", "30"], id="no-room-at-all"),
]
# fmt: on


@pytest.mark.parametrize(("oldest", "most", "names"), CASES)
def test_expired(oldest: int, most: int | None, names: list[str]) -> None:
    assert [one.name for one in expired(THREE[::-1], oldest, most)] in (names, names[::-1])
    assert [one.name for one in expired(THREE, oldest, most)] == names


def test_series_are_forgotten_before_the_first_sample_that_is_left() -> None:
    assert forgotten_before(THREE, None, 7) == 1
    assert forgotten_before(THREE[1:], 5, 7) == 5
    assert forgotten_before([], 40, 7) == 40
    assert forgotten_before([], None, 7) == 7
