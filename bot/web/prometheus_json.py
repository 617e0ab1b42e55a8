"""Answers in the JSON of Prometheus' HTTP API, written in pieces and quickly.

Labels are written here, rows of points in `prometheus_points`.
Source: Prometheus 3, web/api/v1/json_codec.go and util/jsonutil.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bot.web.prometheus_points import Moments, texts, timestamp
from storage.model.labels import Labels
from storage.model.sample import Selection
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
    return _gathered(head.encode(), _result(value, at), tail.encode())


def _gathered(head: bytes, parts: Iterable[bytes], tail: bytes) -> Iterator[bytes]:
    """Join small parts to pieces that are worth sending."""
    waiting, size = [head], len(head)
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join((*waiting, tail))


def listing(rows: Sequence[str] | Sequence[Labels], *, truncated: bool = False) -> Iterator[bytes]:
    """Write a list of names or of label sets, in pieces."""
    parts = (
        ",".join(map(_item, rows[start : start + AT_ONCE])).encode()
        for start in range(0, len(rows), AT_ONCE)
    )
    tail = f',"warnings":["{TRUNCATED}"]}}' if truncated else "}"
    return _gathered(b'{"status":"success","data":', _listed(parts), tail.encode())


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


def _kind(value: Value) -> str:
    kinds: Mapping[type, str] = {Scalar: "scalar", Text: "string", Vector: "vector"}
    return kinds.get(type(value), "matrix")


def _result(value: Value, at: float) -> Iterator[bytes]:
    match value:
        case Scalar(values):
            yield f'[{timestamp(at)},"{in_json(float(values[0]))}"]'.encode()
        case Text(text):
            yield f"[{timestamp(at)},{json.dumps(text)}]".encode()
        case Vector():
            yield from _listed(_vector(value, timestamp(at)))
        case Matrix():
            yield from _listed(_matrix(value))
        case Selection():
            yield from _listed(_selection(value))


def _listed(rows: Iterable[bytes]) -> Iterator[bytes]:
    comma = b"["
    for row in rows:
        yield comma
        yield row
        comma = b","
    yield b"]" if comma == b"," else b"[]"


def _vector(value: Vector, at: str) -> Iterator[bytes]:
    """Write the samples of a vector, some hundred at a time."""
    for start in range(0, len(value.labels), AT_ONCE):
        labels = value.labels[start : start + AT_ONCE]
        numbers = texts(value.values[start : start + AT_ONCE])
        yield ",".join(
            f'{{"metric":{_metric(each)},"value":[{at},"{number}"]}}'
            for each, number in zip(labels, numbers, strict=True)
        ).encode()


def _matrix(value: Matrix) -> Iterator[bytes]:
    """Write the series of a matrix by their labels, as Prometheus does; gaps are no points."""
    moments = Moments(value.times)
    for row in sorted(range(len(value.labels)), key=value.labels.__getitem__):
        points = moments.points(value.values[row], value.present[row])
        yield _series(value.labels[row], points)


def _selection(value: Selection) -> Iterator[bytes]:
    for row, count in enumerate(value.count.tolist()):
        moments = Moments(value.times[row, :count])
        yield _series(value.labels[row], moments.points(value.values[row, :count]))


def _series(labels: Labels, points: bytes) -> bytes:
    return b'{"metric":%b,"values":[%b]}' % (_metric(labels).encode(), points)


def _item(row: str | Labels) -> str:
    return _metric(row) if isinstance(row, Labels) else json.dumps(row)


def _metric(labels: Labels) -> str:
    return json.dumps(dict(labels), separators=(",", ":"))
