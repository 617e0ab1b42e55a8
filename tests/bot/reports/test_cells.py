"""Cells: durations for people, formulas that do not run."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reports.cells import as_csv, as_markdown, length


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (61, "1 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400 * 2 + 3600, "2 d 1 h"),
    ],
)
def test_length(seconds: float | None, text: str) -> None:
    assert length(seconds) == text


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1"]
)
def test_what_looks_like_a_formula_is_quoted(cell: str) -> None:
    rows = list(csv.reader(io.StringIO(as_csv([[cell]]).decode("utf-8-sig"), newline="")))
    assert rows == [["'" + cell]]


@pytest.mark.parametrize("cell", ["-12.5", "12", "text", "a=b", "3 - 2"])
def test_numbers_and_text_stay_as_they_are(cell: str) -> None:
    assert as_csv([[cell]]).decode("utf-8-sig") == cell + "\r\n"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1))
def test_csv_keeps_the_shape_of_any_text(rows: list[list[str]]) -> None:
    text = as_csv(rows).decode("utf-8-sig", "surrogatepass")
    got = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in got] == [2] * len(rows)


def test_markdown_escapes_bars() -> None:
    assert as_markdown([["a", "b"], ["x|y", "1\n2"]]) == "| a | b |\n|---|---|\n| x\\|y | 1 2 |"
