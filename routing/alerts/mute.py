"""Who keeps an alert from being heard: silences, maintenance windows, and times of the day."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from routing.alerts.covering import Index
from routing.alerts.intervals import Hours
from routing.alerts.route import Branch
from routing.alerts.windows import span_at
from storage.model.labels import Labels
from storage.model.silence import Mute, MuteKind, Silence, SilenceKind

ENDLESS = datetime.max.replace(tzinfo=UTC)


class Mutes:
    """Everything that mutes by labels at one moment; finds what concerns an alert quickly."""

    def __init__(self, mutes: Iterable[tuple[Silence, Mute]] = ()) -> None:
        told = tuple(mutes)
        self._every = tuple(mute for _, mute in told)
        self._index = Index((silence.matchers, mute) for silence, mute in told)

    @classmethod
    def at(cls, silences: Iterable[Silence], now: datetime) -> "Mutes":
        """Gather those of `silences` that cover `now`, aware UTC."""
        spans = ((silence, span_at(silence, now)) for silence in silences)
        return cls((silence, answer(silence, span[1])) for silence, span in spans if span)

    def of(self, labels: Labels) -> tuple[Mute, ...]:
        """Return who mutes an alert with these labels; what ends last stands first."""
        if not self._every:
            return ()
        found = self._index.covering(labels)
        return tuple(sorted(found, key=lambda mute: mute.until or ENDLESS, reverse=True))

    def signature(self) -> tuple[object, ...]:
        """Name what mutes now: it changes when any of it begins, ends or is changed."""
        return tuple(sorted((it.id, it.by, str(it.until)) for it in self._every))


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


def by_time_on(way: Branch, hours: Hours) -> Mute | None:
    """Say whether it is no time for a way into a group: on none of the routes that lead there.

    Each of them is looked at by itself, so that a route for what is critical is heard at night
    beside one that is not. What is heard first says until when.
    """
    found = [by_time(it.mute, it.active, hours) for it in (way, *way.beside)]
    quiet = [mute for mute in found if mute]
    return min(quiet, key=lambda it: it.until or ENDLESS) if len(quiet) == len(found) else None
