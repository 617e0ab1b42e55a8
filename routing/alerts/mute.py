"""Who keeps an alert from being heard: silences, maintenance windows, and times of the day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from routing.alerts.guarded import names_exactly
from routing.alerts.intervals import Hours
from routing.alerts.windows import span_at
from storage.model.labels import Labels, MatchOp
from storage.model.silence import Mute, MuteKind, Silence, SilenceKind

ENDLESS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quiet:
    """A silence or a window that covers the present moment, and the answer that it gives."""

    silence: Silence
    mute: Mute


@dataclass(slots=True)
class Mutes:
    """Everything that mutes by labels at one moment; finds what concerns an alert quickly.

    A silence that asks for `label="value"` is looked at only for alerts that have that.
    """

    everywhere: list[Quiet] = field(default_factory=list)
    by_pair: dict[tuple[str, str], list[Quiet]] = field(default_factory=dict)

    @classmethod
    def at(cls, silences: Iterable[Silence], now: datetime) -> "Mutes":
        """Gather those of `silences` that cover `now`, aware UTC."""
        mutes = cls()
        for silence in silences:
            span = span_at(silence, now)
            if span is not None:
                mutes._add(Quiet(silence, answer(silence, span[1])))
        return mutes

    def _add(self, quiet: Quiet) -> None:
        for matcher in quiet.silence.matchers:
            if matcher.op is MatchOp.EQUAL and matcher.value:
                self.by_pair.setdefault((matcher.name, matcher.value), []).append(quiet)
                return
        self.everywhere.append(quiet)

    def of(self, labels: Labels) -> tuple[Mute, ...]:
        """Return who mutes an alert with these labels; what ends last stands first."""
        if not self.by_pair and not self.everywhere:
            return ()
        near = [quiet for pair in labels for quiet in self.by_pair.get(pair, ())]
        found = [
            quiet.mute
            for quiet in (*near, *self.everywhere)
            if quiet.silence.covers(labels) and names_exactly(quiet.silence.matchers, labels)
        ]
        return tuple(sorted(found, key=lambda mute: mute.until or ENDLESS, reverse=True))

    def signature(self) -> tuple[object, ...]:
        """Name what mutes now: it changes when any of it begins, ends or is changed."""
        every = [*self.everywhere, *(it for some in self.by_pair.values() for it in some)]
        return tuple(sorted((it.mute.id, it.mute.by, str(it.mute.until)) for it in every))


def answer(silence: Silence, until: datetime) -> Mute:
    """Return what an alert that this silence covers is answered."""
    end = None if until == ENDLESS else until
    if silence.kind is SilenceKind.MAINTENANCE:
        return Mute(kind=MuteKind.MAINTENANCE, by=_window(silence), until=end, id=silence.uuid)
    by = f"silence {silence.id} by {silence.created_by}"
    if silence.until_resolved:
        by += " until resolved, at the latest"
    return Mute(kind=MuteKind.SILENCE, by=by, until=end, id=silence.uuid)


def _window(silence: Silence) -> str:
    if silence.id:
        return f"maintenance {silence.id} by {silence.created_by}"
    return f"maintenance {silence.uuid}"


def by_time(mute: Sequence[str], active: Sequence[str], hours: Hours) -> Mute | None:
    """Say whether it is no time for a route: one of `mute` is on, or `active` are and none is on.

    mute, active: names of time intervals.  The answer ends when the route is heard again.
    """
    on = next((name for name in mute if name in hours.on), None)
    if on is None and (not active or hours.on.intersection(active)):
        return None
    by = f"it is outside {', '.join(active)}" if on is None else f"the time interval {on}"
    until = hours.heard_at(mute, active)
    return Mute(kind=MuteKind.TIME, by=by, until=until, id=on or active[0])
