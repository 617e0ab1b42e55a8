"""What an examination found: in order, unwise, or broken, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is. WARNING works today; FAULT means that somebody would not be reached."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    group:  what it belongs to (`slack`, `database`).
    text:   what was found, in a line.   advice: what to do; empty where all is well.
    """

    group: str
    verdict: Verdict
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Words findings of one group."""

    name: str

    def ok(self, text: str) -> Finding:
        """Say that something is in order."""
        return Finding(group=self.name, verdict=Verdict.OK, text=text)

    def warning(self, text: str, advice: str) -> Finding:
        """Say what will be trouble one day, and what to do."""
        return Finding(group=self.name, verdict=Verdict.WARNING, text=text, advice=advice)

    def fault(self, text: str, advice: str) -> Finding:
        """Say what is broken, and what to do."""
        return Finding(group=self.name, verdict=Verdict.FAULT, text=text, advice=advice)


def worst(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict; OK where there is none."""
    order = list(Verdict)
    return max((it.verdict for it in findings), key=order.index, default=Verdict.OK)


def counted(findings: Iterable[Finding]) -> str:
    """Return `2 faults, 1 warning, 31 in order`.

    >>> counted([Group("clock").ok("right"), Group("slack").fault("no token", "set it")])
    '1 fault, 0 warnings, 1 in order'
    """
    verdicts = [it.verdict for it in findings]
    faults, warnings = verdicts.count(Verdict.FAULT), verdicts.count(Verdict.WARNING)
    return (
        f"{faults} fault{'s' * (faults != 1)}, {warnings} warning{'s' * (warnings != 1)}, "
        f"{verdicts.count(Verdict.OK)} in order"
    )
