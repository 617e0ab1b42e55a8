"""The head against dicts: chunks, slabs, late samples, windows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.series.head import CHUNK, SLAB, Head
from storage.series.readings import FIRST_MS, LAST_MS, Readings, last_ms_until

WINDOW = 100  # milliseconds

rounds = st.lists(
    st.dictionaries(
        st.tuples(st.sampled_from([0, 1, 2, 70, 71]), st.integers(0, 399)), st.floats(), max_size=90
    ),
    max_size=6,
)


def read(head: Head, numbers: list[int], after: int, until: int) -> dict[tuple[int, int], bytes]:
    asked = np.array(numbers, dtype=np.int64)
    with head.lock:
        marks = head.marks(asked, after, until)
    found = Readings.together([mark.read(after, until) for mark in marks])
    pairs = zip(asked[found.rows].tolist(), found.times.tolist(), strict=True)
    values = [value.tobytes() for value in found.values]
    assert len(set(found.rows * 1000 + found.times)) == len(values)
    return dict(zip(pairs, values, strict=True))


@settings(deadline=None)
@given(rounds=rounds, after=st.integers(-1, 400), until=st.integers(-1, 400))
def test_holds_what_was_put_in(
    rounds: list[dict[tuple[int, int], float]], after: int, until: int
) -> None:
    head, twin = Head(WINDOW), dict[tuple[int, int], bytes]()
    for samples in rounds:
        new = {key: value for key, value in samples.items() if key not in twin}
        numbers, times = (np.array([key[i] for key in new], dtype=np.int64) for i in (0, 1))
        assert not head.holds(numbers, times).any()
        head.put(numbers, times, np.array(list(new.values())))
        assert head.holds(numbers, times).all()
        twin |= {key: np.float64(value).tobytes() for key, value in new.items()}
    asked = [0, 2, 3, 71, 5000]
    assert read(head, asked, after, until) == {
        (number, time): value
        for (number, time), value in twin.items()
        if number in asked and after < time <= until
    }
    newest = [max((t for n, t in twin if n == one), default=FIRST_MS) for one in asked]
    assert head.newest(np.array(asked)).tolist() == newest
    assert head.samples == len(twin)


def test_more_samples_than_one_slab_has_room_for() -> None:
    head, series = Head(10**9), SLAB // 2 + 100
    numbers = np.arange(series)
    for time in range(3 * CHUNK + 1):
        head.put(numbers, np.full(series, time), (numbers + time * 10_000).astype(np.float64))
    found = read(head, [0, 7, series - 1], FIRST_MS, LAST_MS)
    assert len(found) == 3 * (3 * CHUNK + 1)
    for (number, time), value in found.items():
        assert value == np.float64(number + time * 10_000).tobytes()


def test_a_reader_keeps_what_it_marked_when_the_window_is_dropped() -> None:
    head = Head(WINDOW)
    head.put(np.array([1]), np.array([5]), np.array([1.0]))
    with head.lock:
        (mark,) = head.marks(np.array([1]), FIRST_MS, LAST_MS)
    head.put(np.array([1]), np.array([6]), np.array([2.0]))
    (window,) = head.close_windows(WINDOW, position=1)
    head.put(np.array([1]), np.array([7]), np.array([3.0]))  # the clock was set back: a new window
    with head.lock:
        head.drop(window)
    assert mark.read(FIRST_MS, LAST_MS).values.tolist() == [1.0]
    assert read(head, [1], FIRST_MS, LAST_MS).keys() == {(1, 7)}


@given(st.one_of(st.integers(0, 2**42).map(lambda ms: ms / 1000), st.floats(-1e12, 1e12)))
def test_the_window_cuts_exactly_where_float_times_would(seconds: float) -> None:
    last = last_ms_until(seconds)
    assert last / 1000 <= seconds < (last + 1) / 1000
