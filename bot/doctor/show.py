"""Findings for people and for programs."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from routing.finding import Finding, Verdict, counted, worst

WIDTH = 100


def told(findings: Sequence[Finding]) -> str:
    """Return the findings group by group, one a line, what to do below it; the count at the end."""
    lines, group = list[str](), ""
    for finding in findings:
        if finding.group != group:
            group = finding.group
            lines += ["", group]
        lines += _wrapped(f"  {finding.verdict:<8} ", finding.text)
        if finding.advice:
            lines += _wrapped("           -> ", finding.advice)
    return "\n".join([*lines[1:], "", f"{counted(findings)}."])


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start]


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings for a program; `verdict` is that of the worst."""
    return {
        "verdict": str(worst(findings)),
        "findings": [
            {
                "group": it.group,
                "verdict": str(it.verdict),
                "text": it.text,
                "advice": it.advice,
            }
            for it in findings
        ],
    }


def troubles(findings: Iterable[Finding]) -> list[Finding]:
    """Return what is not in order, faults first."""
    found = [it for it in findings if it.verdict is not Verdict.OK]
    return sorted(found, key=lambda it: it.verdict is not Verdict.FAULT)
