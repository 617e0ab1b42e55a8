"""Figures of a run: percentiles, tables, and what the machine is."""

import math
import os
from collections.abc import Sequence
from pathlib import Path


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` (0 to 1) of all values do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a Markdown table; figures to the right."""
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        figures = (text.rjust(width) for text, width in others)
        return "| " + " | ".join((first[0].ljust(first[1]), *figures)) + " |"

    first, *others = widths
    rule = "|" + "|".join(("-" * (first + 2), *("-" * (width + 1) + ":" for width in others))) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def machine() -> str:
    """Say what this ran on: cores, processor, load."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else "unknown processor"
    return f"{os.cpu_count()} cores ({model}), load {os.getloadavg()[0]:.1f}"
