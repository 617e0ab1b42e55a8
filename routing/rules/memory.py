"""A rule's state <-> JSON: the row that lets `for` and firing survive a restart."""

import json
from datetime import datetime
from typing import Any

from routing.rules.lifecycle import Phase, RuleState
from storage.clock import Steady
from storage.model.alert import Alert, Trace
from storage.model.labels import Labels


def to_json(state: RuleState) -> str:
    """Write a state."""
    return json.dumps(
        {
            "phase": state.phase,
            "labels": dict(state.labels),
            "since": state.since.isoformat(),
            "waiting_since": state.waiting_since,
            "blind_since": state.blind_since,
            "true_at": state.true_at,
            "no_data_since": _time(state.no_data_since),
            "value": _number(state.value),
            "sources": state.sources,
            "alert": _alert(state.alert),
        }
    )


def from_json(text: str) -> RuleState:
    """Read a state; raises ValueError where the text is none."""
    try:
        found = json.loads(text)
        return RuleState(
            phase=Phase(found["phase"]),
            labels=Labels.of(found["labels"]),
            since=datetime.fromisoformat(found["since"]),
            waiting_since=Steady(found["waiting_since"]),
            blind_since=_steady(found["blind_since"]),
            true_at=_steady(found["true_at"]),
            no_data_since=_moment(found["no_data_since"]),
            value=_read_number(found["value"]),
            sources=tuple(found["sources"]),
            alert=_read_alert(found["alert"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the state of a rule: {error!r}") from error


def _alert(alert: Alert | None) -> dict[str, Any] | None:
    """Write a firing alert; what can be known only at its end is not there."""
    if alert is None:
        return None
    trace = alert.trace
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": alert.starts_at.isoformat(),
        "value": _number(alert.value),
        "no_data_since": _time(alert.no_data_since),
        "trace": [trace.sampled, trace.stored, trace.judged],
    }


def _read_alert(found: dict[str, Any] | None) -> Alert | None:
    if found is None:
        return None
    sampled, stored, judged = found["trace"]
    return Alert(
        labels=Labels.of(found["labels"]),
        annotations=Labels.of(found["annotations"]),
        starts_at=datetime.fromisoformat(found["starts_at"]),
        value=_read_number(found["value"]),
        no_data_since=_moment(found["no_data_since"]),
        trace=Trace(sampled=sampled, stored=stored, judged=judged),
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _steady(seconds: float | None) -> Steady | None:
    return None if seconds is None else Steady(seconds)


def _number(value: float | None) -> str | None:
    """Write as text: JSON has neither NaN nor infinity."""
    return None if value is None else repr(float(value))


def _read_number(text: str | None) -> float | None:
    return None if text is None else float(text)
