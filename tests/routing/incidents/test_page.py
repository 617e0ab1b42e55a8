"""`docs/incident-machine.md` shows the machine as it is; rewrite it with TOCSIN_WRITE_DOCS=1."""

import os
from pathlib import Path

from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effect,
    Hush,
    PageStep,
    Refresh,
    SetTimer,
    Tell,
    TellAdmins,
)
from routing.incidents.machine import transition
from storage.errors import NotAllowed
from tests.routing.incidents.cases import EVENTS, NOON, STANDING

PAGE = Path(__file__).parents[3] / "docs" / "incident-machine.md"
HEAD = """# The incident machine

`routing/incidents/machine.py` is one pure function: `transition(incident, event, now)`. This page
is written by its tests from the function itself: a critical incident, two steps (at once; 5 min),
an acknowledgement that lasts 1 h, Ada rung in step 1. *refused* is what the person is answered.
An empty cell under *what follows* means that nothing happens: timers that come late change nothing.
Every change writes an audit row; every *page*, *tell* and *show* is a row in the same transaction.
"""


def words(effect: Effect) -> str:
    match effect:
        case PageStep(round, step):
            return f"page step {step + 1} (round {round})"
        case SetTimer(kind, after):
            return f"timer {kind.value} in {int(after.total_seconds() // 60)} min"
        case CancelTimer(kind):
            return f"cancel {kind.value}"
        case Hush():
            return "cancel unsent pages"
        case Announce():
            return "show in the rooms"
        case Refresh():
            return "bring the rooms up to date, telling nobody"
        case Tell(people, what):
            return f"tell {', '.join(people)}: {what}" if people else ""
        case TellAdmins(what):
            return f"tell the administrators: {what.split('/')[0]}"


def table() -> str:
    rows = []
    for standing, incident in STANDING.items():
        rows += [f"\n## {standing.capitalize()}\n", "| event | becomes | what follows |"]
        rows.append("|---|---|---|")
        for name, event in EVENTS.items():
            try:
                change = transition(incident, event, NOON)
            except NotAllowed as refusal:
                rows.append(f"| {name} | *refused* | {refusal} |")
                continue
            cancels = [e for e in change.effects if isinstance(e, CancelTimer)]
            rest = [words(e) for e in change.effects if not isinstance(e, CancelTimer)]
            told = ["stop all timers"] if cancels else []
            told += [text for text in rest if text]
            after = change.incident.status.value if change.incident != incident else "unchanged"
            rows.append(f"| {name} | {after} | {'; '.join(told)} |")
    return HEAD + "\n".join(rows) + "\n"


def test_the_page_shows_the_machine() -> None:
    if os.environ.get("TOCSIN_WRITE_DOCS"):
        PAGE.write_text(table())
    assert PAGE.read_text() == table(), "run with TOCSIN_WRITE_DOCS=1 to rewrite the page"
