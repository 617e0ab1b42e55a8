"""What judging tells: moves -> alerts in words, or, of a rule in the shadow, rows on record."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from routing.flow.judge_query import Wording
from routing.rules.lifecycle import Change, Now, RuleState
from routing.rules.rule import Rule
from routing.rules.verdict import Moved, fired, retold
from storage.model.alert import Alert, Origin, Trace
from storage.model.audit import AuditRow
from storage.promql.numbers import general
from storage.units import human_duration

AT_ONCE: Final = 100
"""Series that are judged and put into words in one step: some milliseconds."""

SHADOW_FIRED: Final = "shadow fired"
SHADOW_RESOLVED: Final = "shadow resolved"


@dataclass(slots=True)
class Told:
    """The moves with the alerts put into them; what the receiver and what the record is told."""

    moves: list[Moved] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    notes: list[AuditRow] = field(default_factory=list)


async def told_of(
    rule: Rule, moves: Iterable[Moved], wording: Wording, now: Now, trace: Trace
) -> Told:
    """Put into words what must be told of each move.

    A rule in the shadow keeps no alert: nobody was told, so nobody hears of its end either.
    """
    told = Told()
    for number, move in enumerate(moves):
        if number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)  # let others have their turn
        if rule.shadow:
            told.notes += await _notes(rule, move, wording, now)
            told.moves.append(move)
            continue
        alert, after = move.before.alert if move.before else None, move.after
        if move.change is Change.FIRED and after is not None:
            words = await wording.words(after.labels, after.value or 0.0)
            alert = replace(fired(after, words, now, trace), origin=_origin(rule))
        elif move.change is not None and alert is not None:
            alert = retold(alert, after, now, trace)
        if move.change is not None and alert is not None:
            told.alerts.append(alert)
            move = move.telling(alert)
        told.moves.append(move)
    return told


def _origin(rule: Rule) -> Origin:
    return Origin(door="rules", rule=rule.where, group=rule.group, expr=rule.expr)


async def _notes(rule: Rule, move: Moved, wording: Wording, now: Now) -> list[AuditRow]:
    """Write down that a rule in the shadow would have fired, or would be over."""
    if move.change is Change.FIRED and move.after is not None:
        labels, notes = await wording.words(move.after.labels, move.after.value or 0.0)
        value = general(move.after.value or 0.0)
        said = ", ".join(filter(None, (f"value {value}", notes.get("summary"))))
        named = f"{rule.name}{labels.without('alertname')}"
        return [_row(SHADOW_FIRED, f"{named} would have fired: {said}", now)]
    if move.change is Change.RESOLVED and move.before is not None:
        lasted = human_duration(now.wall - move.before.since)
        named = f"{rule.name}{_shown(move.before)}"
        return [_row(SHADOW_RESOLVED, f"{named} would be over, true {lasted} before", now)]
    return []


def _shown(state: RuleState) -> str:
    return str(state.labels.without("__name__"))


def _row(what: str, because: str, now: Now) -> AuditRow:
    return AuditRow(
        id=0, incident=None, at=now.wall, actor="tocsin", via="rules", what=what, because=because
    )
