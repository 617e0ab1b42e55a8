"""A source that is expected and says nothing is an alert of its own."""

from datetime import datetime, timedelta

from routing.flow.current import Current
from routing.flow.judge_memory import Memory
from routing.playbook import Playbook, Source
from routing.rules.lifecycle import Now, Phase, RuleState
from routing.rules.sources import Sources
from routing.rules.verdict import Moved, ended, retold
from storage.model.alert import Alert, Category, Trace
from storage.model.labels import Labels
from storage.units import format_duration

SILENCE = "SourceSilent"
"""The alert's name, and the key under which its states are kept."""


class SilenceWatch:
    """Opens and resolves the alert of each expected source."""

    def __init__(self, sources: Sources, memory: Memory, playbook: Current[Playbook]) -> None:
        self._sources, self._memory, self._playbook = sources, memory, playbook

    async def tell(self, now: Now) -> None:
        """Tell who fell silent and who speaks again; raises StorageUnavailable."""
        expected = self._playbook().sources
        silent = self._sources.silent(now.steady)
        states = self._memory.of(SILENCE)
        open_ones = {state.labels.get("source"): (key, state) for key, state in states.items()}
        moves: list[tuple[str, Moved]] = []
        alerts: list[Alert] = []
        for name in silent:
            if name not in open_ones:
                state = self._opened(expected[name], now)
                fingerprint = state.labels.fingerprint
                moved = Moved(fingerprint=fingerprint, before=None, after=state, change=None)
                moves.append((SILENCE, moved))
                alerts += [state.alert] if state.alert else []
        for name, (key, state) in open_ones.items():
            over = self._over(name, state, now) if name not in silent else None
            if over is not None:
                moves.append(
                    (SILENCE, Moved(fingerprint=key, before=state, after=None, change=None))
                )
                alerts.append(over)
        if moves:
            await self._memory.commit(moves, alerts)

    def _over(self, name: str, state: RuleState, now: Now) -> Alert | None:
        """Return the end of the alert: samples came, or nobody expects them any more."""
        if state.alert is None:
            return None
        source = self._playbook().sources.get(name)
        if source is None or source.expect is None:
            return ended(state.alert, f"nobody expects the source {name!r} any more", now)
        if not self._sources.was_heard(name):
            return None
        judged = Trace(judged=now.wall.timestamp())
        return retold(state.alert, None, now, judged)

    def _opened(self, source: Source, now: Now) -> RuleState:
        expect = source.expect or timedelta(0)
        until = self._sources.heard_until([source.name])
        labels = Labels.of(
            alertname=SILENCE,
            source=source.name,
            severity=source.severity.value,
            category=Category.AVAILABILITY.value,
        )
        summary = f"No samples from {source.name} {_since(until)}"
        described = (
            f"It is expected to send at least every {format_duration(expect)}. Alerts that rest "
            "on its samples stay as they were; whether they are over cannot be known."
        )
        alert = Alert(
            labels=labels,
            annotations=Labels.of(summary=summary, description=described),
            starts_at=now.wall,
            trace=Trace(judged=now.wall.timestamp()),
        )
        return RuleState(
            phase=Phase.FIRING,
            labels=labels,
            since=now.wall,
            waiting_since=now.steady,
            sources=(source.name,),
            alert=alert,
        )


def _since(until: datetime | None) -> str:
    return f"since {until:%Y-%m-%d %H:%M:%S} UTC" if until else "since Tocsin started"
