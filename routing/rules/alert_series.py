"""`ALERTS` and `ALERTS_FOR_STATE`: the series in which rules and dashboards read alerts.

Source: Prometheus 3, rules/alerting.go. What is kept firing, or is held for want of data, fires.
"""

from routing.rules.lifecycle import Phase, RuleState
from storage.model.labels import NAME, Labels

ALERTS = "ALERTS"
FOR_STATE = "ALERTS_FOR_STATE"

Rows = tuple[tuple[Labels, float], ...]


def rows_of_alert(labels: Labels, state: RuleState) -> Rows:
    """Return the series of one alert, pending or firing, and their values.

    labels: the alert's own, `alertname` included. The second says since when it is true, in whole
    Unix seconds.
    """
    phase = "pending" if state.phase is Phase.PENDING else "firing"
    since = float(int(state.since.timestamp()))
    return (
        (labels.with_({NAME: ALERTS, "alertstate": phase}), 1.0),
        (labels.with_({NAME: FOR_STATE}), since),
    )
