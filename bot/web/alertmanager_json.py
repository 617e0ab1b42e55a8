"""Alerts, groups and silences as Alertmanager's API v2 writes them. Pure.

Source: Alertmanager's openapi.yaml, https://github.com/prometheus/alertmanager (api/v2).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.ingest.format import BadPayload
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.silence import MuteKind, Silence
from storage.model.standing import Standing

Json = dict[str, Any]

SPOKEN = "0.27.0"
"""The Alertmanager whose API is spoken; clients choose their requests by it."""
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[\w\-.~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", re.A)
"""What clients read as an address; a link that is none makes them refuse the whole answer."""
REGEX = (MatchOp.REGEX, MatchOp.NOT_REGEX)
EQUAL = (MatchOp.EQUAL, MatchOp.REGEX)
FAR = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of what has none: clients want a time."""


def alert_json(
    it: Standing, receivers: Sequence[str], times: Iterable[str], ends: datetime
) -> Json:
    """Write one alert.

    receivers: the policies that it goes by.  times: the time intervals that mute it on all ways.
    ends: when it counts as resolved unless it is told again.
    """
    alert, muted_by = it.alert, list(times)
    by: dict[MuteKind, list[str]] = {}
    for mute in it.mutes:
        by.setdefault(mute.kind, []).append(mute.id)
    silenced = [*by.get(MuteKind.SILENCE, ()), *by.get(MuteKind.MAINTENANCE, ())]
    inhibited = by.get(MuteKind.INHIBITED, [])
    link = alert.generator_url
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        **({"generatorURL": link} if URI.fullmatch(link) else {}),
        "startsAt": time_json(alert.starts_at),
        "endsAt": time_json(ends),
        "updatedAt": time_json(it.updated_at),
        "fingerprint": it.fingerprint,
        "receivers": [{"name": name} for name in receivers],
        "status": {
            "state": "suppressed" if silenced or inhibited or muted_by else "active",
            "silencedBy": silenced,
            "inhibitedBy": inhibited,
            "mutedBy": muted_by,
        },
    }


def group_json(labels: Labels, receiver: str, alerts: Sequence[Json]) -> Json:
    """Write what travels together."""
    return {"labels": dict(labels), "receiver": {"name": receiver}, "alerts": list(alerts)}


def silence_json(silence: Silence, now: datetime) -> Json:
    """Write one silence as it stands at `now`."""
    return {
        "id": silence.uuid,
        "status": {"state": silence.state(now).value},
        "matchers": [matcher_json(matcher) for matcher in silence.matchers],
        "startsAt": time_json(silence.starts_at),
        "endsAt": time_json(silence.ends_at or FAR),
        "updatedAt": time_json(silence.updated_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    }


def matcher_json(matcher: Matcher) -> Json:
    """Write one matcher."""
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.op in REGEX,
        "isEqual": matcher.op in EQUAL,
    }


def matcher_of(told: Mapping[str, Any]) -> Matcher:
    """Read one matcher; raises BadPayload, QueryError for a pattern that is none."""
    name, value, is_regex = told.get("name"), told.get("value"), told.get("isRegex")
    if not isinstance(name, str) or not name:
        raise BadPayload("name: expected the name of a label")
    if not isinstance(value, str):
        raise BadPayload("value: expected a text")
    if not isinstance(is_regex, bool):
        raise BadPayload("isRegex: expected true or false")
    is_equal = True if told.get("isEqual") is None else told["isEqual"]
    if not isinstance(is_equal, bool):
        raise BadPayload("isEqual: expected true or false")
    signs = {
        (True, False): MatchOp.EQUAL,
        (False, False): MatchOp.NOT_EQUAL,
        (True, True): MatchOp.REGEX,
        (False, True): MatchOp.NOT_REGEX,
    }
    return Matcher(name, signs[is_equal, is_regex], value)


def time_json(at: datetime) -> str:
    """Write a time by RFC 3339, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
