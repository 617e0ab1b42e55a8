"""What the alerts of one incident say together."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from routing.delivery.words import flat, shortened
from routing.incidents.events import AlertsChanged
from storage.model.alert import Alert, Category
from storage.model.tally import Heap, Tally

LONGEST_TITLE = 120
UNTOLD = ("__name__", "alertname", "severity", "category", "dedup_key")
"""Labels that a title does not repeat: they are said elsewhere."""


def summed_up(alerts: Sequence[Alert]) -> AlertsChanged:
    """Tell the incident what all its alerts (at least one) amount to now."""
    return come_to(tally_of(alerts), alerts[0])


def tally_of(alerts: Iterable[Alert]) -> Tally:
    """Put alerts on heaps of those that are alike."""
    heaps: dict[tuple[object, ...], list[Alert]] = defaultdict(list)
    for it in alerts:
        silent = it.no_data_since is not None
        alike = (it.name, it.severity, it.category, it.is_firing, it.muted, silent)
        heaps[alike].append(it)
    return tuple(_heap(alike) for alike in heaps.values())


def _heap(alike: Sequence[Alert]) -> Heap:
    first, silent = alike[0], [it.no_data_since for it in alike if it.no_data_since]
    return Heap(
        name=first.name,
        severity=first.severity,
        category=first.category,
        firing=first.is_firing,
        muted=first.muted,
        silent=bool(silent),
        count=len(alike),
        since=min(it.starts_at for it in alike),
        no_data_since=max(silent, default=None),
    )


def come_to(tally: Tally, only: Alert) -> AlertsChanged:
    """Tell the incident what all its alerts amount to now.

    only: one of them; it names the incident where there is no other.
    Severity and category come from the most urgent among those firing, if any is heard among
    those heard.
    """
    firing = [heap for heap in tally if heap.firing]
    heard = [heap for heap in firing if not heap.muted]
    first = min(heard or tally, key=_urgency)
    silent = [heap.no_data_since for heap in firing if heap.no_data_since is not None]
    return AlertsChanged(
        firing=sum(heap.count for heap in firing),
        total=sum(heap.count for heap in tally),
        title=_titled(tally, only),
        severity=first.severity,
        category=first.category,
        no_data_since=max(silent) if silent and len(silent) == len(firing) else None,
        muted="" if heard or not firing else _muted_by(firing),
    )


def _urgency(heap: Heap) -> tuple[bool, int, datetime, Category]:
    return (not heap.firing, heap.severity.rank, heap.since, heap.category)


def _muted_by(firing: Sequence[Heap]) -> str:
    """Say who mutes them: the most frequent answer, and that there are others."""
    counts: Counter[str] = Counter()
    for heap in sorted(firing, key=lambda heap: heap.muted):
        counts[heap.muted] += heap.count
    (first, _), *others = counts.most_common()
    return f"{first} and others" if others else first


def urgent_first(alerts: Sequence[Alert]) -> list[Alert]:
    """Order for reading: firing before resolved, by urgency, the oldest first, then by labels."""
    return sorted(
        alerts,
        key=lambda it: (not it.is_firing, it.severity.rank, it.starts_at, tuple(it.labels)),
    )


def title_of(alerts: Sequence[Alert]) -> str:
    """Name the trouble in one line: `CheckoutSlow instance=web-1`, `CheckoutSlow (3 alerts)`.

    The name and the count are those of all alerts that ever belonged to the incident, so that
    the title keeps still while they resolve one by one.
    """
    return _titled(tally_of(alerts), alerts[0])


def _titled(tally: Tally, only: Alert) -> str:
    total = sum(heap.count for heap in tally)
    if total == 1:
        return shortened(_single(only), LONGEST_TITLE)
    names: Counter[str] = Counter()
    for heap in sorted(tally, key=lambda heap: (*_urgency(heap), heap.name)):
        if name := flat(heap.name):
            names[name] += heap.count
    (name, count), *_ = names.most_common(1) or [("Alerts", total)]
    others = "" if count == total or len(names) < 2 else " and others"
    return f"{shortened(name, LONGEST_TITLE - 30)}{others} ({total} alerts)"


def _single(alert: Alert) -> str:
    told = " ".join(f"{flat(k)}={flat(v)}" for k, v in alert.labels.without(*UNTOLD))
    name = flat(alert.name) or flat(alert.annotations.get("summary")) or "Alert"
    return f"{name} {told}".strip()
