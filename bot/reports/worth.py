"""What the alarms of each rule were worth, as far as people said: the noisiest rules first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bot.reports.report import Split, Splits, Table
from bot.reports.shares import LEAST, told_count, told_share
from storage.model.incident import Verdict

MOST_DRAWN, MOST_ROWS = 8, 30
NOTE = (
    "Shares are of the alarms of which somebody said what they were worth; the 95% interval stands "
    "in brackets (Wilson)."
)
PARTS = ("false alarm", "no action needed", "real", "not judged")
ORDER = (Verdict.FALSE, Verdict.NONE, Verdict.REAL)


@dataclass(frozen=True, slots=True)
class Worth:
    """One rule. fired: incidents in all.  over: those that can be spoken of.  said: verdicts."""

    rule: str
    fired: int
    over: int
    said: Counter[str]

    @property
    def total(self) -> int:
        """Of how many something was said."""
        return sum(self.said.values())


def worth_of(incidents: Sequence[tuple[str, bool, str]]) -> list[Worth]:
    """Count (rule, is over, verdict or empty) by rule; who makes the most noise comes first."""
    fired: Counter[str] = Counter(rule for rule, _, _ in incidents)
    over: Counter[str] = Counter(rule for rule, is_over, _ in incidents if is_over)
    said: dict[str, Counter[str]] = {rule: Counter() for rule in fired}
    for rule, is_over, verdict in incidents:
        if is_over and verdict:
            said[rule][verdict] += 1
    found = [Worth(rule, fired[rule], over[rule], said[rule]) for rule in fired]
    return sorted(found, key=lambda it: (-it.fired, -it.said[Verdict.FALSE], it.rule))


def headline(worth: Sequence[Worth]) -> str:
    """Say in half a sentence what the alarms were worth; empty where nobody said."""
    said = sum((it.said for it in worth), Counter[str]())
    if not said:
        return ""
    words = {Verdict.REAL: "real", Verdict.FALSE: "false", Verdict.NONE: "without need to act"}
    parts = [f"{said[verdict]} {word}" for verdict, word in words.items() if said[verdict]]
    over = sum(it.over for it in worth)
    return f"; of {over} that are over {said.total()} were judged: {', '.join(parts)}"


def table(worth: Sequence[Worth]) -> Table:
    """Return a row for each rule: how many, of how many it was said, and each share."""
    rows = [["rule", "incidents", "judged", "real %", "false alarm %", "no action %"]]
    for it in worth[:MOST_ROWS]:
        shares = [told_share(it.said[verdict], it.total) for verdict in Verdict]
        rows.append([it.rule, str(it.fired), told_count(it.total, it.over), *shares])
    return Table(title="What alarms were worth", rows=rows)


def picture(worth: Sequence[Worth], span: str) -> Splits:
    """Draw the rules that made the most noise."""
    return Splits(
        title=f"What alarms were worth, last {span}",
        parts=PARTS,
        rows=[_row(it) for it in worth[:MOST_DRAWN]],
    )


def _row(it: Worth) -> Split:
    counts = [float(it.said[verdict]) for verdict in ORDER]
    if it.total < LEAST:
        note = f"{it.total} of {it.over} judged, too few to say"
    else:
        false = told_share(it.said[Verdict.FALSE], it.total)
        note = f"{it.total} of {it.over} judged; false {false}"
    return Split(name=it.rule, values=[*counts, float(it.fired - it.total)], note=note)
