"""Frames and limits that text cases cannot show."""

import numpy as np
import pytest

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.promql import binary
from storage.promql.evaluate import Grid
from storage.promql.values import Frame, Vector
from tests.storage.promql.memory import Memory

A, B, C = (Labels.of(__name__="m", n=n) for n in "abc")


def frame(values: list[list[float]], present: list[list[bool]]) -> Frame:
    return Frame((A, B, C)[: len(values)], np.array(values), np.array(present))


def test_rows_with_the_same_labels_become_one_where_they_never_meet() -> None:
    apart = frame([[1, 0], [0, 2]], [[True, False], [False, True]])
    got = apart.relabelled(lambda _: A)
    assert (got.labels, got.values.tolist()) == ((A,), [[1, 2]])
    assert got.present.all()


def test_rows_that_meet_are_an_error_that_names_them() -> None:
    both = frame([[1, 0], [3, 2]], [[True, False], [True, True]])
    with pytest.raises(QueryError, match=r'same labels: m\{n="a"\}'):
        both.relabelled(lambda _: A)


def test_a_series_that_is_never_present_has_no_row() -> None:
    got = frame([[1, 0], [3, 2]], [[False, False], [True, False]]).compact()
    assert (got.labels, got.present.tolist()) == ((B,), [[True, False]])


def test_a_vector_is_a_matrix_of_one_step() -> None:
    got = Vector.of((A, B), np.array([1.0, 2.0])).at(9.0)
    assert (got.times.tolist(), got.values.tolist()) == ([9.0], [[1.0], [2.0]])


def test_matching_that_would_explode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "MOST_PAIRS", 3)
    memory = Memory({A: [(1.0, 1.0)], B: [(1.0, 1.0)], Labels.of(__name__="one"): [(1.0, 1.0)]})
    assert isinstance(memory.ask("m * on () group_left one", Grid.instant(1)), Vector)
    memory.add(C, [(1.0, 1.0)])
    memory.add(Labels.of(__name__="m", n="d"), [(1.0, 1.0)])
    with pytest.raises(QueryError, match="match on more labels"):
        memory.ask("m * on () group_left one", Grid.instant(1))
