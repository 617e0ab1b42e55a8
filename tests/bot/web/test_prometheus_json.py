"""Answers are what a plain, slow writer would say, to the letter."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bot.web.prometheus_json import PIECE, failure, success, write
from bot.web.prometheus_points import FEW, Moments, texts, timestamp
from storage.model.labels import Labels
from storage.model.sample import Selection
from storage.promql.evaluate import Value
from storage.promql.numbers import in_json
from storage.promql.values import Matrix, Scalar, Text, Vector

UP = Labels.of(__name__="up", job="api")
ODD = Labels.of(__name__="odd", path='say "hi"\\\n</script>\u2028é')


@given(arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(width=64)))
def test_numbers_are_written_as_go_writes_them(values: Any) -> None:
    assert texts(values) == [in_json(value) for value in values.tolist()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1e15, "1000000000000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (0.000001, "0.000001"),
        (0.0000012345, "0.0000012345"),
        (1e-7, "1e-07"),
        (5e-324, "5e-324"),
        (100.5, "100.5"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
    ],
)
def test_a_number(value: float, text: str) -> None:
    assert texts(np.array([value])) == [text]


@pytest.mark.parametrize(
    ("time", "text"),
    [(0.0, "0"), (1.5, "1.500"), (1435781451.781, "1435781451.781"), (-0.25, "-0.250"), (7, "7")],
)
def test_a_moment(time: float, text: str) -> None:
    assert timestamp(time) == text


ODD_NUMBERS = st.sampled_from([0.0, -0.0, 1e16, 2.0**53 + 2, 1e-7, 1e21, np.nan, -np.inf, 0.1, 3.0])
NUMBERS = (st.integers(-(2**54), 2**54).map(float), st.floats(width=64), ODD_NUMBERS)


@given(st.data(), st.sampled_from([0.25, 1.0, 60.0]), st.sampled_from([0.0, 999_999_000.0, 1.7e9]))
def test_a_row_of_any_length_is_what_a_plain_writer_says(
    data: st.DataObject, step: float, start: float
) -> None:
    length = data.draw(st.integers(1, 3 * FEW))
    kinds = [data.draw(st.sampled_from(NUMBERS)) for _ in range(data.draw(st.integers(1, 2)))]
    values = data.draw(arrays.arrays(np.float64, length, elements=st.one_of(kinds)))
    present = data.draw(
        arrays.arrays(np.bool_, length, elements=st.sampled_from([True] * 9 + [False]))
    )
    present[data.draw(st.integers(0, length - 1))] = True
    times = start + np.arange(length) * step
    plain = [
        f'[{timestamp(time)},"{in_json(value)}"]'
        for time, value, there in zip(times.tolist(), values.tolist(), present, strict=True)
        if there
    ]
    assert Moments(times).points(values, present).decode() == ",".join(plain)


def test_each_type_of_answer() -> None:
    times, gaps = np.array([10.0, 20.0]), np.array([[True, False], [True, True]])
    values = np.array([[1.5, 9.0], [np.nan, 3.0]])
    selection = Selection(
        labels=(UP,),
        times=np.array([[1.0, 2.5]]),
        values=np.array([[4.0, 5.0]]),
        count=np.array([2]),
    )
    answers: list[tuple[Value, str, Any]] = [
        (Scalar(np.array([2.0])), "scalar", [7, "2"]),
        (Text('a"b'), "string", [7, 'a"b']),
        (
            Vector.of((UP, ODD), np.array([1.0, np.inf])),
            "vector",
            [
                {"metric": dict(UP), "value": [7, "1"]},
                {"metric": dict(ODD), "value": [7, "+Inf"]},
            ],
        ),
        (Vector.of((), np.array([])), "vector", []),
        (
            Matrix((UP, ODD), times, values, gaps),
            "matrix",
            [
                {"metric": dict(ODD), "values": [[10, "NaN"], [20, "3"]]},
                {"metric": dict(UP), "values": [[10, "1.5"]]},
            ],
        ),
        (selection, "matrix", [{"metric": dict(UP), "values": [[1, "4"], [2.5, "5"]]}]),
    ]
    for value, kind, result in answers:
        told = json.loads(b"".join(write(value, 7.0)))
        assert told == {"status": "success", "data": {"resultType": kind, "result": result}}


def test_a_large_answer_comes_in_pieces() -> None:
    rows, steps = 30, 4_000
    values = np.arange(rows * steps, dtype=np.float64).reshape(rows, steps) / 8
    labels = tuple(Labels.of(__name__="m", row=f"{row:02}") for row in range(rows))
    value = Matrix(labels, np.arange(steps) * 15.0, values, np.ones(values.shape, dtype=np.bool_))
    pieces = [*write(value, 0.0, truncated=True)]
    assert len(pieces) > 2
    assert max(map(len, pieces)) < PIECE + 200_000
    told = json.loads(b"".join(pieces))
    assert told["warnings"] == ["results truncated due to limit"]
    read = [[float(text) for _, text in row["values"]] for row in told["data"]["result"]]
    assert np.array_equal(np.array(read), values)


def test_answers_without_numbers() -> None:
    assert json.loads(success(["a"])) == {"status": "success", "data": ["a"]}
    told = {"status": "error", "errorType": "bad_data", "error": 'no "x"'}
    assert json.loads(failure("bad_data", 'no "x"')) == told
