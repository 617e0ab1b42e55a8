"""What was read a moment ago stays, within a bound of memory."""

import numpy as np

from storage.series.recent import Recent


def columns(samples: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(samples), np.arange(samples, dtype=np.float64)


def test_the_longest_unused_go_first() -> None:
    recent = Recent(most_bytes=3 * 1600)
    for group in range(3):
        recent.keep("a", group, *columns(100))
    assert recent.get("a", 0) is not None
    recent.keep("b", 0, *columns(150))
    kept = [key for key in (("a", 0), ("a", 1), ("a", 2), ("b", 0)) if recent.get(*key)]
    assert kept == [("a", 0), ("b", 0)]
    assert recent.bytes == 100 * 16 + 150 * 16


def test_a_group_larger_than_the_room_is_not_kept() -> None:
    recent = Recent(most_bytes=1000)
    recent.keep("a", 0, *columns(100))
    assert (recent.get("a", 0), recent.bytes) == (None, 0)


def test_a_segment_that_is_no_more_is_forgotten() -> None:
    recent = Recent()
    for segment, group in (("a", 0), ("a", 1), ("b", 0)):
        recent.keep(segment, group, *columns(10))
    recent.forget("a")
    assert (recent.get("a", 1), recent.bytes) == (None, 160)
    assert recent.get("b", 0) is not None
