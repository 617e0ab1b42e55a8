"""What is written comes back bit by bit, or is recognised as damaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.series.frames import (
    Damaged,
    decode_times,
    decode_values,
    encode_times,
    encode_values,
    open_frame,
    seal_frame,
)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_times_come_back(times: list[int]) -> None:
    assert decode_times(encode_times(np.array(times))).tolist() == times


integers = st.integers(-(2**60), 2**60).map(float)
bits = st.integers(0, 2**64 - 1)


@given(st.one_of(st.lists(integers, min_size=1), st.lists(st.floats(), min_size=1)))
def test_numbers_come_back_bit_by_bit(numbers: list[float]) -> None:
    values = np.array(numbers)
    assert decode_values(encode_values(values)).tobytes() == values.tobytes()


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
