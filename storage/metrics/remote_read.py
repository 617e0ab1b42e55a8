"""What a Prometheus-compatible API answers -> labels and arrays.

The text is read series by series and not at one go: the interpreter's lock is held for one
series at a time, so a big answer can be read beside a running event loop.
Source: Prometheus 3, HTTP API, "Expression query result formats".
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.model.sample import Floats, Selection
from storage.promql.values import Matrix, Scalar, Text, Vector

NEAR = 0.01
"""Of a step (and a millisecond) by which a point may stand beside the moment asked for."""

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One series of an answer; `is_range` tells a row of a matrix from one of a vector."""

    labels: Labels
    times: Floats
    values: Floats
    is_range: bool


@dataclass(slots=True)
class Answer:
    """An answer as it was told.

    rows:   of a vector or a matrix.  plain: any other `data`, whole.  is_partial: it says of
    itself that something is missing.
    """

    status: str = ""
    error_type: str = ""
    error: str = ""
    kind: str = ""
    rows: list[Row] = field(default_factory=list)
    plain: Any = None
    is_partial: bool = False

    def vector(self) -> Vector:
        """Return the rows at one moment."""
        values = np.array([row.values[0] for row in self.rows], dtype=np.float64)
        return Vector.of(tuple(row.labels for row in self.rows), values)

    def number(self) -> Scalar:
        """Return the scalar."""
        return Scalar(np.array([float(self.plain[1])]))

    def text(self) -> Text:
        """Return the string."""
        return Text(str(self.plain[1]))

    def samples(self) -> Selection:
        """Return the rows of a range vector."""
        if not self.rows:
            return Selection.empty()
        count = np.array([len(row.times) for row in self.rows], dtype=np.int64)
        times, values = np.zeros((2, len(self.rows), int(count.max())))
        for place, row in enumerate(self.rows):
            times[place, : len(row.times)] = row.times
            values[place, : len(row.times)] = row.values
        labels = tuple(row.labels for row in self.rows)
        return Selection(labels=labels, times=times, values=values, count=count)

    def matrix(self, grid: Floats, step: float) -> Matrix:
        """Return the rows over the moments asked for; raises ValueError for others."""
        shape = len(self.rows), len(grid)
        values, present = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
        for place, row in enumerate(self.rows):
            where = np.rint((row.times - grid[0]) / step).astype(np.int64)
            inside = bool(((where >= 0) & (where < len(grid))).all())
            if not inside or np.abs(grid[where] - row.times).max() > 0.001 + NEAR * step:
                raise ValueError(
                    "it answers for other moments than it was asked for; switch off "
                    "whatever aligns or caches range queries on the way there"
                )
            values[place, where], present[place, where] = row.values, True
        return Matrix(tuple(row.labels for row in self.rows), grid, values, present)


def read_answer(body: bytes) -> Answer:
    """Read one answer; raises ValueError where it is none, QueryError for histograms."""
    cursor = _Cursor(body.decode())
    answer = Answer()
    for key in cursor.entries():
        if key == "data" and cursor.peek() == "{":
            _data(cursor, answer)
            continue
        value = cursor.value()
        match key:
            case "status":
                answer.status = str(value)
            case "error":
                answer.error = str(value)
            case "errorType":
                answer.error_type = str(value)
            case "isPartial":
                answer.is_partial = value is True
            case "data":
                answer.plain = value
    if not answer.status:
        raise ValueError("no status in the answer")
    return answer


def _data(cursor: "_Cursor", answer: Answer) -> None:
    others: dict[str, Any] = {}
    for key in cursor.entries():
        if key == "result" and cursor.peek() == "[":
            found = [*_rows(cursor)]
            answer.rows = [row for row in found if isinstance(row, Row)]
            if len(answer.rows) < len(found):
                answer.plain = found
        elif key == "resultType":
            answer.kind = str(cursor.value())
        else:
            others[key] = cursor.value()
    if answer.plain is None and not answer.kind:
        answer.plain = others


def _rows(cursor: "_Cursor") -> Iterator[Any]:
    """Read rows; what is none (the two parts of a scalar) is passed on as it is."""
    for _ in cursor.items():
        yield _row(cursor) if cursor.peek() == "{" else cursor.value()


def _row(cursor: "_Cursor") -> Row:
    labels, points, is_range = Labels(), np.empty((0, 2)), False
    for key in cursor.entries():
        match key:
            case "metric":
                labels = Labels.of(cursor.value())
            case "value":
                points = _points([cursor.value()])
            case "values":
                points, is_range = cursor.points(), True
            case "histogram" | "histograms":
                raise QueryError("the answer holds native histograms, which are not supported")
            case _:
                cursor.value()
    if not len(points):
        raise ValueError("a series without points")
    return Row(labels, points[:, 0], points[:, 1], is_range)


def _points(pairs: Sequence[Any]) -> Floats:
    return np.array([[point[0], float(point[1])] for point in pairs], dtype=np.float64)


class _Cursor:
    """A place in a JSON text; objects and lists can be entered, everything else is taken whole."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def peek(self) -> str:
        """Return the next character that is not space; empty at the end."""
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def value(self) -> Any:
        """Take the value that begins here; raises ValueError."""
        self.peek()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def points(self) -> Floats:
        """Take `[[1, "2.5"], ...]`: (points, 2), times and values.

        Written closely, as it always is, no list is made for each point: thousands of them
        would keep the garbage collector busy, and everybody else waiting.
        """
        end = self._text.find("]]", self._at)
        if self._text.startswith("[[", self._at) and end > 0:
            numbers = self._text[self._at + 2 : end].replace('"],[', ",").replace(',"', ",")
            try:
                texts = numbers.removesuffix('"').split(",")
                found = np.fromiter(map(float, texts), np.float64, len(texts))
                points = found.reshape(-1, 2)
            except ValueError:
                return _points(self.value())
            self._at = end + 2
            return points
        return _points(self.value())

    def entries(self) -> Iterator[str]:
        """Enter an object and give each key; who iterates takes the value."""
        for _ in self._inside("{", "}"):
            key = self.value()
            self._take(":")
            yield str(key)

    def items(self) -> Iterator[None]:
        """Enter a list and stop before each item; who iterates takes it."""
        return self._inside("[", "]")

    def _inside(self, opening: str, closing: str) -> Iterator[None]:
        self._take(opening)
        while self.peek() != closing:
            yield None
            if self.peek() != closing:
                self._take(",")
        self._take(closing)

    def _take(self, char: str) -> None:
        if self.peek() != char:
            raise ValueError(f"expected {char!r} at character {self._at}")
        self._at += 1
