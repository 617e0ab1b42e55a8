"""How a source's own JSON becomes alerts: JMESPath expressions, written in the configuration.

An expression finds a value in the sender's data and does nothing else; the data itself is never
read as an expression. The language: https://jmespath.org.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from jmespath.exceptions import JMESPathError

from bot.doors.alert_json import read_time, readable
from bot.doors.door import Arrived, Caller, Refused
from bot.ingest.format import BadPayload
from storage.model.alert import Alert
from storage.model.labels import Labels

LONGEST = 4_000
MOST_ALERTS = 10_000
MILLISECONDS = 1e11
"""A number above this is Unix milliseconds: as seconds it would be the year 5138."""


class Path(Protocol):
    """A compiled JMESPath expression."""

    expression: str

    def search(self, value: Any) -> Any:
        """Return what it finds in `value`; None where there is nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """One source's mapping, its expressions compiled.

    alerts:      finds the list of alerts in the body; None: the body is the list, or the one alert.
    key:         the source's own name for the trouble; None: equal labels are the same alert.
    status:      what says whether it is over; None: all are firing.
    firing, resolved: what `status` finds then, written in lower case; with one of them empty,
                 everything that is not in the other counts.
    labels, annotations: name -> what finds its value.
    severities:  the source's word, in lower case -> ours; other words stay as they are.
    starts_at:   finds RFC 3339 or Unix seconds or milliseconds; None: when it came.
    """

    labels: Mapping[str, Path]
    annotations: Mapping[str, Path] = field(default_factory=dict)
    alerts: Path | None = None
    key: Path | None = None
    status: Path | None = None
    firing: frozenset[str] = frozenset()
    resolved: frozenset[str] = frozenset()
    severities: Mapping[str, str] = field(default_factory=dict)
    starts_at: Path | None = None


def apply(mapped: Mapped, body: Any, caller: Caller) -> Arrived:
    """Read the alerts out of a body by its source's mapping; raises BadPayload where it fails."""
    alerts, named, refused = list[Alert](), dict[str, Alert | None](), list[Refused]()
    for index, entry in enumerate(_entries(mapped, body)):
        try:
            key, is_over = _key(mapped, entry), _is_over(mapped, entry)
            alert = None if key and is_over else _alert(mapped, entry, key, caller)
        except BadPayload as error:
            refused.append(Refused.among(refused, index, error))
            continue
        if key:
            named[key] = alert  # of several about one trouble the last counts
        elif alert:
            alerts.append(alert.resolved_at(caller.now) if is_over else alert)
    return Arrived(
        alerts=tuple(alerts),
        keyed={key: alert for key, alert in named.items() if alert},
        over=tuple(key for key, alert in named.items() if not alert),
        refused=tuple(refused),
    )


def _entries(mapped: Mapped, body: Any) -> list[Any]:
    found = body if mapped.alerts is None else _found(mapped.alerts, body, "alerts")
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        kind = type(found).__name__
        raise BadPayload(f"alerts: the mapping finds {kind} here; expected a list or an object")
    if len(found) > MOST_ALERTS:
        raise BadPayload(f"alerts: {len(found)} at once; at most {MOST_ALERTS} are taken")
    return found


def _key(mapped: Mapped, entry: Any) -> str:
    """Return the source's name for the trouble; empty where it gives none."""
    if mapped.key is None:
        return ""
    key = _text(mapped.key, entry, "key")
    if not key:
        raise BadPayload("key: nothing is found")
    return key


def _alert(mapped: Mapped, entry: Any, key: str, caller: Caller) -> Alert:
    labels = {name: _text(path, entry, f"labels.{name}") for name, path in mapped.labels.items()}
    if not labels.get("alertname"):
        raise BadPayload("labels.alertname: nothing is found; an alert needs a name")
    severity = labels.get("severity", "")
    labels["severity"] = mapped.severities.get(severity.strip().lower(), severity)
    if key:
        labels["dedup_key"] = key
    told = {name: _text(path, entry, name) for name, path in mapped.annotations.items()}
    return Alert(
        labels=Labels.of(labels),
        annotations=Labels.of(told),
        starts_at=min(_time(mapped, entry) or caller.now, caller.now),
        source=caller.source,
    )


def _is_over(mapped: Mapped, entry: Any) -> bool:
    """Say whether the status means the end; raises BadPayload for a word that means nothing."""
    if mapped.status is None:
        return False
    said = _text(mapped.status, entry, "status").strip().lower()
    if said in mapped.resolved:
        return True
    if said in mapped.firing or not mapped.firing:
        return False
    if not mapped.resolved:
        return True
    known = ", ".join(sorted(mapped.firing | mapped.resolved))
    raise BadPayload(f"status: found {said[:80]!r}; the mapping knows {known}")


def _time(mapped: Mapped, entry: Any) -> datetime | None:
    if mapped.starts_at is None:
        return None
    found = _found(mapped.starts_at, entry, "starts_at")
    if isinstance(found, int | float) and not isinstance(found, bool):
        seconds = found / 1000 if found > MILLISECONDS else found
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError) as error:
            raise BadPayload(f"starts_at: {found} is no time in Unix seconds") from error
    return read_time({"starts_at": found}, "starts_at")


def _text(path: Path, entry: Any, where: str) -> str:
    """Return what is found as text: numbers and truth as JSON writes them, nothing as ''."""
    found = _found(path, entry, where)
    if found is None or (isinstance(found, float) and math.isnan(found)):
        return ""
    text = found if isinstance(found, str) else json.dumps(found)
    return readable(text[:LONGEST], where)


def _found(path: Path, entry: Any, where: str) -> Any:
    try:
        return path.search(entry)
    except (JMESPathError, RecursionError) as error:
        raise BadPayload(f"{where}: {path.expression} fails here: {error}") from error
