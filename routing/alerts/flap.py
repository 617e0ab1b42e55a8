"""Flapping: seen after a few times, over when it is calm. Pure, a function of times."""

from dataclasses import replace
from datetime import datetime, timedelta

from routing.delivery.words import lasting
from storage.model.flaps import Flapping, Flaps


def began(flaps: Flaps, rule: Flapping, now: datetime) -> Flaps:
    """Note that it began to fire at `now`, again or for the first time.

    It flaps from the `rule.times`th time `within` so long on, until `calmed` says otherwise;
    while it does, every time counts, however far apart. Times that a clock which was set back
    left in the future count for nothing.
    """
    if rule.times < 1:
        return flaps
    lately = [at for at in flaps.recent if timedelta(0) <= now - at <= rule.within]
    recent = (*lately, now)[-rule.times :]
    if flaps.since is not None:
        return replace(flaps, recent=recent, count=flaps.count + 1)
    if len(recent) < rule.times:
        return replace(flaps, recent=recent)
    return replace(flaps, recent=recent, since=recent[0], count=len(recent))


def calmed(flaps: Flaps, now: datetime) -> Flaps:
    """Note that nothing began or ended for as long as the rule asks.

    What begins again soon after is flapping still: the times that lie near count.
    """
    return Flaps(recent=flaps.recent, calm=now) if flaps.since is not None else flaps


def ended(flaps: Flaps) -> Flaps:
    """Note that the incident is over by somebody's word, or is muted; as `calmed` otherwise."""
    return Flaps(recent=flaps.recent)


def taken(flaps: Flaps) -> Flaps:
    """Note that people are being asked: no step waits any more."""
    return replace(flaps, held=False) if flaps.held else flaps


def is_new(before: Flaps, after: Flaps) -> bool:
    """Say whether it began to flap between the two."""
    return before.since is None and after.since is not None


def said(flaps: Flaps) -> str:
    """Say it in words: `flapping, 14 times in 10 min`; empty where it does not flap."""
    return f"flapping, {often(flaps)}" if flaps.since is not None else ""


def often(flaps: Flaps) -> str:
    """Say how often, and in how long: `14 times in 10 min`."""
    if flaps.since is None:
        return ""
    last = max(flaps.recent[-1:], default=flaps.since)
    return f"{flaps.count} times in {lasting(last - flaps.since)}"
