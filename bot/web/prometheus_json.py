"""Answers in the JSON of Prometheus' HTTP API, written in pieces and quickly.

A matrix of 100 series and a week of minutes has a million points, so no Python object is made
for each: orjson writes a row of floats at once, and what Go writes otherwise is mended.
Source: Prometheus 3, web/api/v1/json_codec.go and util/jsonutil.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from storage.model.labels import Labels
from storage.model.sample import Floats, Selection
from storage.promql.evaluate import Value
from storage.promql.numbers import in_json
from storage.promql.values import Matrix, Scalar, Text, Vector

PIECE = 256 << 10
"""Bytes that are gathered before they are sent."""
AT_ONCE = 512
"""Rows of a vector that are written in one go: some milliseconds."""
TRUNCATED = "results truncated due to limit"


def success(data: Any, *, truncated: bool = False) -> bytes:
    """Write an answer that is ready."""
    told = {"warnings": [TRUNCATED]} if truncated else {}
    return json.dumps({"status": "success", "data": data, **told}, separators=(",", ":")).encode()


def failure(kind: str, text: str) -> bytes:
    """Write an error; `kind` is one of Prometheus' error types, such as `bad_data`."""
    told = {"status": "error", "errorType": kind, "error": text}
    return json.dumps(told, separators=(",", ":")).encode()


def write(value: Value, at: float, *, truncated: bool = False) -> Iterator[bytes]:
    """Write the answer to a query, in pieces of some 256 KiB; `at`: when it was asked for."""
    head = f'{{"status":"success","data":{{"resultType":"{_kind(value)}","result":'
    tail = f'}},"warnings":["{TRUNCATED}"]}}' if truncated else "}}"
    return _gathered(head, _result(value, at), tail)


def _gathered(head: str, parts: Iterable[str], tail: str) -> Iterator[bytes]:
    """Join small parts to pieces that are worth sending."""
    waiting, size = [head], len(head)
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join((*waiting, tail)).encode()


def listing(rows: Sequence[str] | Sequence[Labels], *, truncated: bool = False) -> Iterator[bytes]:
    """Write a list of names or of label sets, in pieces."""
    parts = (
        ",".join(map(_item, rows[start : start + AT_ONCE]))
        for start in range(0, len(rows), AT_ONCE)
    )
    tail = f',"warnings":["{TRUNCATED}"]}}' if truncated else "}"
    return _gathered('{"status":"success","data":', _listed(parts), tail)


def points_of(value: Value) -> int:
    """Return about how many points the answer has: whether it is quickly written."""
    match value:
        case Vector(labels):
            return 8 * len(labels)  # labels cost more than a number
        case Matrix():
            return int(value.values.size) + 8 * len(value.labels)
        case Selection():
            return int(value.count.sum()) + 8 * len(value.labels)
    return 1


def texts(values: Floats) -> list[str]:
    """Write each number as Prometheus does: all digits from 1e-6 to 1e21, else an exponent.

    >>> texts(np.array([1.0, 0.5, 1e-7, np.inf, -0.0]))
    ['1', '0.5', '1e-07', '+Inf', '-0']
    """
    if not len(values):
        return []
    row = np.ascontiguousarray(values)
    written = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode()
    found = f"{written},".replace(".0,", ",")[:-1].split(",")
    if "e" in written or "n" in written:  # exponents, and null for what JSON cannot say
        for place, text in enumerate(found):
            if "e" in text or text == "null":
                found[place] = in_json(float(values[place]))
    return found


def timestamp(time: float) -> str:
    """Write a moment as Prometheus does: Unix seconds, and milliseconds where there are any.

    >>> timestamp(1.7e9), timestamp(1700000000.05)
    ('1700000000', '1700000000.050')
    """
    milliseconds = round(abs(time) * 1000)
    whole, rest = divmod(milliseconds, 1000)
    sign = "-" if time < 0 and milliseconds else ""
    return f"{sign}{whole}.{rest:03d}" if rest else f"{sign}{whole}"


def _kind(value: Value) -> str:
    kinds: Mapping[type, str] = {Scalar: "scalar", Text: "string", Vector: "vector"}
    return kinds.get(type(value), "matrix")


def _result(value: Value, at: float) -> Iterator[str]:
    match value:
        case Scalar(values):
            yield f'[{timestamp(at)},"{in_json(float(values[0]))}"]'
        case Text(text):
            yield f"[{timestamp(at)},{json.dumps(text)}]"
        case Vector():
            yield from _listed(_vector(value, timestamp(at)))
        case Matrix():
            yield from _listed(_matrix(value))
        case Selection():
            yield from _listed(_selection(value))


def _listed(rows: Iterable[str]) -> Iterator[str]:
    comma = "["
    for row in rows:
        yield comma + row
        comma = ","
    yield "]" if comma == "," else "[]"


def _vector(value: Vector, at: str) -> Iterator[str]:
    """Write the samples of a vector, some hundred at a time."""
    for start in range(0, len(value.labels), AT_ONCE):
        labels = value.labels[start : start + AT_ONCE]
        numbers = texts(value.values[start : start + AT_ONCE])
        yield ",".join(
            f'{{"metric":{_metric(each)},"value":[{at},"{number}"]}}'
            for each, number in zip(labels, numbers, strict=True)
        )


def _matrix(value: Matrix) -> Iterator[str]:
    """Write the series of a matrix by their labels, as Prometheus does; gaps are no points."""
    openings = [f'{timestamp(time)},"' for time in value.times.tolist()]
    for row in sorted(range(len(value.labels)), key=value.labels.__getitem__):
        present, numbers = value.present[row], value.values[row]
        if present.all():
            yield _series(value.labels[row], openings, numbers)
            continue
        there = np.flatnonzero(present)
        yield _series(value.labels[row], [openings[n] for n in there.tolist()], numbers[there])


def _selection(value: Selection) -> Iterator[str]:
    for row, count in enumerate(value.count.tolist()):
        openings = [f'{timestamp(time)},"' for time in value.times[row, :count].tolist()]
        yield _series(value.labels[row], openings, value.values[row, :count])


def _series(labels: Labels, openings: Sequence[str], numbers: Floats) -> str:
    points = '"],['.join(map(str.__add__, openings, texts(numbers)))
    return f'{{"metric":{_metric(labels)},"values":[[{points}"]]}}'


def _item(row: str | Labels) -> str:
    return _metric(row) if isinstance(row, Labels) else json.dumps(row)


def _metric(labels: Labels) -> str:
    return json.dumps(dict(labels), separators=(",", ":"))
