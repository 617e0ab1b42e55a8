"""The same alert again: whether what is told now is news, a repetition, or comes too late."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from storage.model.alert import Alert, AlertStatus, Origin
from storage.model.labels import Fingerprint, Labels
from storage.model.standing import Known

STRAGGLES = timedelta(minutes=2)
"""How long a word from before an end may still be on its way; later it is somebody's own word."""


class Word(StrEnum):
    """What a told alert is to us."""

    NEWS = "news"
    AGAIN = "again"
    EARLY = "early"
    NOTHING = "nothing"


def heard(known: Known | None, told: Alert, now: datetime) -> Word:
    """Say what `told` is at `now`, after what is known.

    A new value or a text that only quotes it is no news; firing, resolved, and data that
    stopped or came back are. Of an unknown alert that is resolved already nobody hears; where its
    source gives times it may have overtaken the word that it fires, and is remembered for that.
    What comes late changes nothing.
    """
    if known is None and not told.is_firing:
        return Word.EARLY if told.dated else Word.NOTHING
    if known is None:
        return Word.NEWS
    if is_late(known, told, now):
        return Word.NOTHING
    if (known.status, known.no_data_since) != (told.status, told.no_data_since):
        return Word.NEWS
    return Word.AGAIN if told.is_firing else Word.NOTHING


def is_late(known: Known, told: Alert, now: datetime | None = None) -> bool:
    """Say whether `told` speaks of a time before what is known; only where its source gave times.

    A firing alert that began before the known end is a straggler of the trouble that is over.
    Where the end was only our guess (nobody repeated it in time), whoever still says that it
    fires is right; so is who says it long after the end was told, for nothing is on its way as
    long: of two Prometheus one lost sight of the trouble. An end from before the present trouble
    began is late too.  now: None where all was told at once.
    """
    if not told.dated:
        return False
    if told.is_firing:
        may_come = not (now and known.updated_at) or now - known.updated_at < STRAGGLES
        return may_come and _began_before_its_end(known, told)
    return known.is_firing and told.ends_at is not None and told.ends_at < known.starts_at


def _began_before_its_end(known: Known, told: Alert) -> bool:
    over = known.ends_at if not known.is_firing and not known.expired else None
    return told.dated and over is not None and told.starts_at < over


def newest_of(alerts: Iterable[Alert]) -> dict[Fingerprint, Alert]:
    """Return the last word of a batch on each alert; stragglers do not count as last."""
    newest: dict[Fingerprint, Alert] = {}
    for alert in alerts:
        before = newest.get(alert.fingerprint)
        if before is None or not is_late(Known.of(before), alert):
            newest[alert.fingerprint] = alert
    return newest


@dataclass(frozen=True, slots=True)
class Sorted:
    """What a batch comes to: news, repetitions, and ends that nobody knew a beginning of."""

    news: list[Alert]
    again: list[Alert]
    early: list[Alert]


def sort_out(
    known: Mapping[Fingerprint, Known], told: Mapping[Fingerprint, Alert], now: datetime
) -> Sorted:
    """Return what is news, what repeats, and what came too early.

    What goes on beyond an end that was told begins anew at `now`: whoever told that end repeats it
    for a while, and must not end it again. An end moves no beginning: many tell it without one.
    """
    found: dict[Word, list[Alert]] = {word: [] for word in Word}
    for fingerprint, alert in told.items():
        before = known.get(fingerprint)
        word = heard(before, alert, now)
        if word is Word.NEWS and before:
            alert = _with_its_beginning(before, alert, now)
        found[word].append(alert)
    return Sorted(found[Word.NEWS], found[Word.AGAIN], found[Word.EARLY])


def _with_its_beginning(before: Known, told: Alert, now: datetime) -> Alert:
    """Return news with the moment at which its trouble began, whatever the word of its end says."""
    if told.is_firing:
        return replace(told, starts_at=now) if _began_before_its_end(before, told) else told
    return replace(told, starts_at=min(before.starts_at, told.starts_at))


def as_told(
    labels: Labels,
    *,
    now: datetime,
    resolve_timeout: timedelta,
    source: str,
    annotations: Labels = Labels(),  # noqa: B008  immutable
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    generator_url: str = "",
    origin: Origin = Origin(),  # noqa: B008  immutable
) -> Alert:
    """Read an alert from outside as Alertmanager does; all times aware UTC.

    An end that has come means resolved; one in the future is when it counts as resolved unless
    it is told again; without one that is `resolve_timeout` from now. Without a beginning it
    begins now, or at its end if that is earlier.
    """
    over = ends_at is not None and ends_at <= now
    begin = starts_at or (min(now, ends_at) if ends_at is not None else now)
    return Alert(
        labels=labels,
        annotations=annotations,
        status=AlertStatus.RESOLVED if over else AlertStatus.FIRING,
        starts_at=begin,
        ends_at=ends_at if over else None,
        expires_at=None if over else ends_at or now + resolve_timeout,
        source=source,
        generator_url=generator_url,
        dated=starts_at is not None,
        origin=origin,
    )
