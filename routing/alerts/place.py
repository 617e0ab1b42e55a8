"""Which incidents hear of an alert: those that have it, the groups it is routed to, or none yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from storage.model.alert import Alert
from storage.model.incident import IncidentId
from storage.model.silence import Mute
from storage.model.standing import Held

MuteIn = Callable[[str], Mute | None]
"""Says for a group (the key of incidents) who keeps the alert from being heard there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an alert goes.

    told:    incidents that have it, each with the alert as it hears of it now.
    groups:  groups that hear of it for the first time.
    waiting: groups that hear of it when its mute ends.
    """

    told: tuple[tuple[IncidentId, Alert], ...] = ()
    groups: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def place_of(
    alert: Alert,
    held: Sequence[Held],
    *,
    began: bool,
    waiting: Sequence[str],
    routed: Sequence[str],
    mute_in: MuteIn,
) -> Place:
    """Say who hears of `alert`, which changed, or of whose mutes one began or ended.

    began:   it did not fire before.  waiting: groups that have waited for the end of a mute.
    routed:  the groups that the routes in force name, in order.
    One that resolves goes where it fires. One that fires stays where it is; one that begins
    while an incident of other routes still has it goes there and not to a new one, so that a
    reload never opens a second incident for the same trouble.
    """
    firing = [it for it in held if it.alert.is_firing]
    if not alert.is_firing:
        return Place(told=tuple((it.incident, alert) for it in firing))
    heard = [(it, _as_heard(alert, mute_in(it.group))) for it in firing]
    told = [(it.incident, after) for it, after in heard if _differ(it.alert, after)]
    if began:
        at_home = [it for it in held if it.is_open]
        moved = any(it.group not in routed for it in at_home)
        wanted = [it.group for it in at_home] if moved else list(routed)
    else:
        wanted = list(waiting if firing else routed)
    has_it = {it.group for it in firing}
    wanted = [group for group in dict.fromkeys(wanted) if group not in has_it]
    muted = {group for group in wanted if mute_in(group) is not None}
    return Place(
        told=tuple(told),
        groups=tuple(group for group in wanted if group not in muted),
        waiting=tuple(group for group in wanted if group in muted),
    )


def _differ(before: Alert, after: Alert) -> bool:
    """Say whether an incident that fires with `before` has anything to hear of."""
    return (before.no_data_since, before.muted) != (after.no_data_since, after.muted)


def _as_heard(alert: Alert, mute: Mute | None) -> Alert:
    return replace(alert, muted=worded(mute) if mute else "")


def worded(mute: Mute) -> str:
    """Say who mutes and until when: `silence 12 by ada until 14:00 UTC`."""
    if mute.until is None:
        return mute.by
    return f"{mute.by} until {mute.until:%Y-%m-%d %H:%M} UTC"
