"""What the alerts of one incident say together."""

from collections import Counter
from collections.abc import Sequence

from routing.delivery.words import flat, shortened
from routing.incidents.events import AlertsChanged
from storage.model.alert import Alert

LONGEST_TITLE = 120
UNTOLD = ("__name__", "alertname", "severity", "category", "dedup_key")
"""Labels that a title does not repeat: they are said elsewhere."""


def summed_up(alerts: Sequence[Alert]) -> AlertsChanged:
    """Tell the incident what all its alerts (at least one) amount to now.

    Severity and category come from the most urgent among those firing, if any is heard among
    those heard.
    """
    firing = [alert for alert in alerts if alert.is_firing]
    heard = [alert for alert in firing if not alert.muted]
    first = urgent_first(heard or alerts)[0]
    silent = [alert.no_data_since for alert in firing if alert.no_data_since is not None]
    return AlertsChanged(
        firing=len(firing),
        total=len(alerts),
        title=title_of(alerts),
        severity=first.severity,
        category=first.category,
        no_data_since=max(silent) if silent and len(silent) == len(firing) else None,
        muted="" if heard or not firing else _muted_by(firing),
    )


def _muted_by(firing: Sequence[Alert]) -> str:
    """Say who mutes them: the most frequent answer, and that there are others."""
    (first, count), *others = Counter(sorted(alert.muted for alert in firing)).most_common()
    return f"{first} and others" if others and count < len(firing) else first


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
    if len(alerts) == 1:
        return shortened(_single(alerts[0]), LONGEST_TITLE)
    names = Counter(flat(alert.name) for alert in urgent_first(alerts) if alert.name)
    (name, count), *_ = names.most_common(1) or [("Alerts", len(alerts))]
    others = "" if count == len(alerts) or len(names) < 2 else " and others"
    return f"{shortened(name, LONGEST_TITLE - 30)}{others} ({len(alerts)} alerts)"


def _single(alert: Alert) -> str:
    told = " ".join(f"{flat(k)}={flat(v)}" for k, v in alert.labels.without(*UNTOLD))
    name = flat(alert.name) or flat(alert.annotations.get("summary")) or "Alert"
    return f"{name} {told}".strip()
