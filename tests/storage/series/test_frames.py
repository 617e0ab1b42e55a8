"""What is written comes back bit by bit, or is recognised as damaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.sample import STALE
from storage.series.frames import (
    Coding,
    Damaged,
    decode_times,
    decode_values,
    encode_times,
    encode_values,
    open_frame,
    seal_frame,
    values_bytes,
)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_times_come_back(times: list[int]) -> None:
    assert decode_times(encode_times(np.array(times))).tolist() == times


integers = st.integers(-(2**60), 2**60).map(float)
decimals = st.tuples(st.integers(-(2**54), 2**54), st.integers(0, 7)).map(
    lambda n: n[0] / 10 ** n[1]
)
bits = st.integers(0, 2**64 - 1)


@given(
    st.one_of(
        st.lists(kind, min_size=1)
        for kind in (integers, decimals, st.floats(), decimals | st.just(-0.0) | st.just(STALE))
    )
)
def test_numbers_come_back_bit_by_bit(numbers: list[float]) -> None:
    values = np.array(numbers)
    written = encode_values(values)
    assert len(written) == values_bytes(written, len(values))
    assert decode_values(written).tobytes() == values.tobytes()


def test_few_decimal_places_need_few_bytes() -> None:
    walk = np.cumsum(np.random.default_rng(3).normal(0, 0.01, 10_000))
    values = np.round(np.abs(walk), 3)
    assert len(seal_frame(encode_values(values))) < 1.5 * len(values)


def test_integers_of_older_versions_are_read_and_unknown_codings_refused() -> None:
    differences = np.array([7, 2**64 - 9, 2], dtype=np.uint64)
    planes = differences.view(np.uint8).reshape(-1, 8).T.tobytes()
    assert decode_values(bytes([Coding.INTEGERS]) + planes).tolist() == [7.0, -2.0, 0.0]
    with pytest.raises(Damaged, match="coding 9, which this version does not know"):
        decode_values(b"\x09" + planes)


@given(st.lists(bits, min_size=1))
def test_any_bits_come_back(words: list[int]) -> None:
    values = np.array(words, dtype=np.uint64).view(np.float64)
    assert decode_values(encode_values(values)).tobytes() == values.tobytes()


@given(st.binary(max_size=200), st.data())
def test_a_frame_with_a_wrong_byte_is_damaged(payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(seal_frame(payload))
    assert open_frame(bytes(frame)) == (payload, len(frame))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Damaged):
        open_frame(bytes(frame))


@given(st.integers(0, 40))
def test_a_frame_cut_short_is_damaged(length: int) -> None:
    frame = seal_frame(b"forty-two" * 100)
    with pytest.raises(Damaged):
        open_frame(frame[: min(length, len(frame) - 1)])
