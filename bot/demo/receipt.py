"""The receipt of an outage: every moment from the break to the end, with its milliseconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from storage.model.alert import Alert
from storage.model.audit import AuditRow


class Moment(StrEnum):
    """What happened; in the words of the receipt."""

    BROKEN = "shop broken"
    SAMPLED = "sample taken"
    STORED = "stored"
    JUDGED = "judged"
    SHOWN = "shown in channel"
    KILLED = "engine killed"
    BACK = "engine back"
    RUNG = "phone rang"
    ACKNOWLEDGED = "acknowledged"
    MENDED = "shop mended"
    RESOLVED = "resolved"


Moments = Mapping[Moment, float]
"""When each happened, Unix seconds."""

CHAIN = (Moment.SAMPLED, Moment.STORED, Moment.JUDGED, Moment.SHOWN)
"""The way of a sample into the channel: each is told as milliseconds after the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the receipt.

    at: Unix seconds.  since_break, since_before: seconds; None where there is nothing before.
    """

    what: Moment
    at: float
    since_break: float | None
    since_before: float | None


def gather(
    *,
    shop: Mapping[str, float],
    alerts: Iterable[Alert],
    story: Sequence[AuditRow],
    shown_at: float | None,
    rung_at: Sequence[float],
    deaths: Sequence[tuple[float, float]],
) -> dict[Moment, float]:
    """Collect the moments of one incident from those who know them.

    shop: `broke_at`, `mended_at`.  story: the incident's audit rows, oldest first.
    deaths: (killed, back) of the engine; back is 0.0 while it is not.
    """
    traces = [alert.trace for alert in alerts]
    said = [(row.what, row.at.timestamp()) for row in story]
    audit = {
        Moment.ACKNOWLEDGED: _first(at for what, at in said if what == "acknowledged"),
        Moment.RESOLVED: _first(at for what, at in said if what == "resolved"),
    }
    opened = _first(at for what, at in said if what == "opened") or 0.0
    start, end = shop.get("broke_at", 0.0), audit[Moment.RESOLVED] or float("inf")
    after = [(died, back) for died, back in deaths if start <= died <= end]
    known = {
        Moment.BROKEN: _within(shop.get("broke_at"), before=opened),
        Moment.SAMPLED: _first(trace.sampled for trace in traces),
        Moment.STORED: _first(trace.stored for trace in traces),
        Moment.JUDGED: _first(trace.judged for trace in traces),
        Moment.SHOWN: shown_at,
        Moment.KILLED: after[-1][0] if after else None,
        Moment.BACK: (after[-1][1] or None) if after else None,
        Moment.RUNG: _first(rung_at),
        Moment.MENDED: _later(shop.get("mended_at"), opened),
        **audit,
    }
    return {moment: at for moment, at in known.items() if at}


def _first(times: Iterable[float | None]) -> float | None:
    return min((at for at in times if at), default=None)


def _within(at: float | None, *, before: float) -> float | None:
    """Keep the break only where it is the one that opened the incident."""
    return at if at and at <= before else None


def _later(at: float | None, opened: float) -> float | None:
    return at if at and opened and at > opened else None


def merged(before: Moments, now: Moments) -> dict[Moment, float]:
    """Keep what was known first: a later round, or a restart, does not rewrite the receipt.

    The engine's last death is the one that is told, so these two follow what is known now.
    """
    moving = {Moment.KILLED, Moment.BACK}
    return {**now, **{what: at for what, at in before.items() if what not in moving}}


def lines(moments: Moments) -> tuple[Line, ...]:
    """Write the receipt: in the order of time, each with what it took."""
    ordered = sorted(moments.items(), key=lambda item: (item[1], list(Moment).index(item[0])))
    broken = moments.get(Moment.BROKEN)
    found, before = list[Line](), None
    for what, at in ordered:
        found.append(
            Line(
                what=what,
                at=at,
                since_break=None if broken is None else at - broken,
                since_before=None if before is None else at - before,
            )
        )
        before = at
    return tuple(found)


def crossing_to_shown(moments: Moments) -> float | None:
    """Return the seconds from the sample that crossed the threshold to the card in the channel."""
    if Moment.SAMPLED in moments and Moment.SHOWN in moments:
        return moments[Moment.SHOWN] - moments[Moment.SAMPLED]
    return None
