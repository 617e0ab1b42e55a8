"""Writes `ALERTS` and `ALERTS_FOR_STATE` into the store, as Prometheus does of its own rules."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from routing.flow.judge_query import Wording
from routing.flow.judge_record import Append
from routing.rules.alert_series import Rows, rows_of_alert
from routing.rules.lifecycle import Phase, RuleState
from routing.rules.rule import Rule
from routing.rules.verdict import States, plainly_named
from storage.clock import Steady
from storage.model.labels import Fingerprint, Labels
from storage.model.sample import STALE, Appended, Batch, Sample

EARLY: Final = 0.9
"""Of an interval; judgements come a moment early or late, and none is to be left out for that."""

AT_ONCE: Final = 200
"""Alerts that are named before others have their turn: some milliseconds."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What was written last of one alert; of another phase its series have other labels."""

    phase: Phase
    rows: Rows


@dataclass(slots=True)
class _Page:
    """What was written last of one rule. again: steady moment from which all is written anew."""

    alerts: dict[Fingerprint, _Written] = field(default_factory=dict)
    again: float = 0.0


class AlertSeries:
    """Tells in series what each rule holds pending and firing.

    What changed is written at once, all of it once an interval; an alert that is over, or begins
    to fire, ends its series by a staleness marker.
    """

    def __init__(self, append: Append) -> None:
        self._append = append
        self._pages: dict[str, _Page] = {}

    async def recall(self, rule: Rule, states: States, wording: Wording) -> None:
        """Take what a rule remembers from before the start for written, so that its end is."""
        if rule.key not in self._pages:
            self._pages[rule.key] = _Page(await _named(rule, states, {}, wording))

    async def write(
        self, rule: Rule, states: States, wording: Wording, at: float, steady: Steady, every: float
    ) -> Appended | None:
        """Write what changed, or all, as of `at` (Unix seconds); None where nothing is due.

        every: seconds after which all is written anew. Raises StorageUnavailable: it is tried
        again with the next judgement.
        """
        page = self._pages.setdefault(rule.key, _Page())
        alerts = await _named(rule, states, page.alerts, wording)
        is_due = steady >= page.again
        news = [one for key, one in alerts.items() if is_due or page.alerts.get(key) is not one]
        over = [one for key, one in page.alerts.items() if alerts.get(key) is not one]
        gone = _labels(over) - _labels(alerts.values()) if over else set[Labels]()
        samples = [Sample(labels, at, value) for one in news for labels, value in one.rows]
        samples += [Sample(labels, at, STALE) for labels in sorted(gone)]
        appended = await self._append(Batch(samples, complete=True)) if samples else None
        again = steady + EARLY * every if is_due else page.again
        self._pages[rule.key] = _Page(alerts, again)
        return appended

    async def end(self, in_force: Iterable[str], at: float) -> None:
        """End the series of rules that are no more; raises StorageUnavailable."""
        for key in self._pages.keys() - set(in_force):
            gone = _labels(self._pages[key].alerts.values())
            if gone:
                await self._append(Batch([Sample(one, at, STALE) for one in sorted(gone)]))
            del self._pages[key]


def _labels(alerts: Iterable[_Written]) -> set[Labels]:
    return {labels for one in alerts for labels, _ in one.rows}


async def _named(
    rule: Rule, states: States, known: dict[Fingerprint, _Written], wording: Wording
) -> dict[Fingerprint, _Written]:
    """Return the series of each alert; what is known of one in the same phase stays the same."""
    named: dict[Fingerprint, _Written] = {}
    for number, (fingerprint, state) in enumerate(_snapshot(states)):
        before = known.get(fingerprint)
        if before is not None and before.phase is _told(state.phase):
            named[fingerprint] = before
            continue
        labels = state.alert.labels if state.alert else plainly_named(rule, state.labels)
        if labels is None:
            labels, _ = await wording.words(state.labels, state.value or 0.0)
        named[fingerprint] = _Written(_told(state.phase), rows_of_alert(labels, state))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return named


def _snapshot(states: States) -> Iterator[tuple[Fingerprint, RuleState]]:
    """Iterate over the states as they are now: they move on while others have their turn."""
    return iter(list(states.items()))


def _told(phase: Phase) -> Phase:
    """Return the phase that the series know: what recovers still fires."""
    return Phase.PENDING if phase is Phase.PENDING else Phase.FIRING
