"""One alert as Alertmanager writes it in JSON: its webhook, its API, and Grafana's webhook."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from bot.doors.door import Refused
from bot.ingest.format import BadPayload
from storage.model.alert import Alert, AlertStatus
from storage.model.labels import Labels

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time: how its programs write "not set"."""
MOST_LEFT_OUT = 10**9
UNSET = NEVER.replace(year=2)  # whatever zone it was written in


def read_alert(entry: Any, source: str, now: datetime) -> Alert:
    """Read `{labels, annotations, startsAt, endsAt, generatorURL, status?}`; raises BadPayload.

    It is resolved where `status` says so, or where `endsAt` has passed at `now` (aware UTC).
    """
    if not isinstance(entry, dict):
        raise BadPayload(f"expected an object with labels, got {type(entry).__name__}")
    labels = read_texts(entry, "labels")
    if not labels:
        raise BadPayload("labels: an alert needs at least one label that is not empty")
    started, ended = read_time(entry, "startsAt"), read_time(entry, "endsAt")
    if started and ended and ended < started:
        raise BadPayload("endsAt lies before startsAt")
    said = entry.get("status")
    over = said == "resolved" or (said != "firing" and ended is not None and ended <= now)
    link = entry.get("generatorURL") or ""
    if not isinstance(link, str):
        raise BadPayload(f"generatorURL: expected a text, got {type(link).__name__}")
    return Alert(
        labels=labels,
        annotations=read_texts(entry, "annotations"),
        status=AlertStatus.RESOLVED if over else AlertStatus.FIRING,
        starts_at=min(started or ended or now, now),
        ends_at=min(ended or now, now) if over else None,
        source=source,
        generator_url=readable(link, "generatorURL"),
        dated=started is not None,
    )


def read_left_out(body: Mapping[str, Any]) -> int:
    """Return how many alerts the sender left out of its message (`max_alerts` there)."""
    found = body.get("truncatedAlerts")
    if not isinstance(found, int) or isinstance(found, bool):
        return 0
    return min(max(found, 0), MOST_LEFT_OUT)


def read_each(
    entries: Iterable[Any], read: Callable[[Any], Alert]
) -> tuple[tuple[Alert, ...], tuple[Refused, ...]]:
    """Read every entry; one that is no alert is refused by its place, and harms no other."""
    alerts, refused = list[Alert](), list[Refused]()
    for index, entry in enumerate(entries):
        try:
            alerts.append(read(entry))
        except BadPayload as error:
            refused.append(Refused.among(refused, index, error))
    return tuple(alerts), tuple(refused)


def read_texts(entry: Mapping[str, Any], key: str) -> Labels:
    """Read a mapping of text to text, null as an empty one, as Go does; raises BadPayload."""
    found = entry.get(key)
    if found is None:
        return Labels()
    if not isinstance(found, dict):
        raise BadPayload(f"{key}: expected a mapping of text to text, got {type(found).__name__}")
    for name, value in found.items():
        if not name:
            raise BadPayload(f"{key}: a name is empty")
        if not isinstance(value, str | None):
            raise BadPayload(f"{key}: {name[:80]}: expected a text, got {type(value).__name__}")
    if None in found.values():
        found = {name: value or "" for name, value in found.items()}
    readable("".join((*found, *found.values())), key)
    return Labels.of(found)


def readable(text: str, where: str) -> str:
    """Return `text`; raises BadPayload where it cannot be written down (half a character)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadPayload(f"{where}: this is not Unicode text") from error
    return text


def read_time(entry: Mapping[str, Any], key: str, *, in_utc: bool = False) -> datetime | None:
    """Read a time by RFC 3339; None where it is missing or Go's zero. Raises BadPayload.

    in_utc: one that names no zone is in UTC.
    """
    found = entry.get(key)
    if found is None or found == "":
        return None
    try:
        at = datetime.fromisoformat(found)
    except (TypeError, ValueError) as error:
        raise BadPayload(
            f"{key}: found {str(found)[:40]!r}; expected a time such as 2026-03-02T12:00:00Z"
        ) from error
    if at.tzinfo is None and in_utc and len(found) >= len("2026-03-02T12:00"):
        at = at.replace(tzinfo=UTC)
    if at.tzinfo is None:
        raise BadPayload(f"{key}: {found!r} has no time zone; write 2026-03-02T12:00:00Z")
    try:
        at = at.astimezone(UTC)
    except OverflowError as error:
        raise BadPayload(f"{key}: {found!r} is no time that can be") from error
    return None if at <= UNSET else at
