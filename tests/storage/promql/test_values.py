"""Frames and limits that text cases cannot show."""

import numpy as np
import pytest

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.model.sample import STALE
from storage.promql.evaluate import Grid, Limits
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


def test_answers_that_would_explode_are_refused() -> None:
    four = [Labels.of(__name__="m", n=n) for n in "abcd"]
    memory = Memory({labels: [(1.0, float(i))] for i, labels in enumerate(four)})
    memory.add(Labels.of(__name__="one"), [(1.0, 1.0)])
    now, few = Grid.instant(1), Limits(cells=4)
    assert isinstance(memory.ask("m * on () group_left one", now, few), Vector)
    assert isinstance(memory.ask('count_values("v", m)', now, few), Vector)
    both = Grid(1, 2, 1)
    memory.add(Labels.of(__name__="one"), [(2.0, STALE)])
    memory.add(Labels.of(__name__="one", after="1"), [(2.0, 1.0)])
    with pytest.raises(QueryError, match="match on more labels"):
        memory.ask("m * on () group_left one", both, Limits(cells=8))
    with pytest.raises(QueryError, match="round them first"):
        memory.ask('count_values("v", m + time())', both, Limits(cells=8))


def test_the_deepest_query_that_is_accepted_can_be_evaluated() -> None:
    memory = Memory({A: [(1.0, -1.0)]})
    for query in ("abs(" * 149 + "m" + ")" * 149, "m" + " + on () m" * 149, "-" * 149 + "m"):
        assert isinstance(memory.ask(query, Grid.instant(1)), Vector)
