"""The text cases of `tests/promql/cases`, each file one subject."""

import math
from pathlib import Path

import pytest

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.promql.evaluate import Grid, Value
from storage.promql.values import Matrix, Scalar, Vector
from tests.storage.promql.memory import Memory
from tests.storage.promql.notation import Case, read_cases

CASES = [
    case
    for path in sorted((Path(__file__).parents[2] / "promql" / "cases").glob("*.test"))
    for case in read_cases(path)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    memory, grid = Memory(case.data), Grid(case.start, case.end, case.step)
    if case.fails:
        with pytest.raises(QueryError) as caught:
            memory.ask(case.query, grid)
        assert case.message in str(caught.value)
        return
    got = rows(memory.ask(case.query, grid))
    if case.ordered:
        assert list(got) == list(case.expected)
    assert got.keys() == case.expected.keys(), case.query
    for labels, values in case.expected.items():
        padded = values + [None] * (len(got[labels]) - len(values))
        assert alike(got[labels], padded), f"{case.query}: {labels}: {got[labels]} != {padded}"


def rows(value: Value) -> dict[Labels | None, list[float | None]]:
    match value:
        case Scalar(values):
            return {None: values.tolist()}
        case Vector(labels, values):
            return {name: [value] for name, value in zip(labels, values.tolist(), strict=True)}
        case Matrix(labels, _, values, present):
            return {
                name: [v if p else None for v, p in zip(row, there, strict=True)]
                for name, row, there in zip(labels, values.tolist(), present.tolist(), strict=True)
            }
    raise AssertionError(f"no rows in {value}")


def alike(got: list[float | None], wanted: list[float | None]) -> bool:
    return len(got) == len(wanted) and all(
        (a is None and b is None) or (a is not None and b is not None and _near(a, b))
        for a, b in zip(got, wanted, strict=True)
    )


def _near(a: float, b: float) -> bool:
    both_nan = math.isnan(a) and math.isnan(b)
    return both_nan or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
