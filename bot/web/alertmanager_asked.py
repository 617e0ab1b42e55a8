"""What clients of Alertmanager's API ask for and tell, read and checked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from bot.doors.alert_json import read_texts, read_time, readable
from bot.ingest.format import BadPayload
from bot.web.alertmanager_forms import (
    in_our_case,
    keys,
    read_filter,
    read_flag,
    read_receiver,
)
from bot.web.alertmanager_json import EQUAL, matcher_of
from routing.alerts.dedupe import as_told
from routing.alerts.intervals import Hours
from routing.alerts.mute import by_time_on
from routing.alerts.route import Branch
from storage.errors import QueryError
from storage.model.alert import Alert, Origin
from storage.model.labels import Matcher
from storage.model.silence import MuteKind, Silence, SilenceId
from storage.model.standing import Standing

ORIGIN = Origin(door="alertmanager")
MOST_MATCHERS, LONGEST_MATCHERS, LONGEST_COMMENT = 100, 65_536, 2_000
ALERT = keys("labels", "annotations", "startsAt", "endsAt", "generatorURL")
SILENCE = keys("id", "matchers", "startsAt", "endsAt", "createdBy", "comment")
MATCHER = keys("name", "value", "isRegex", "isEqual")
NEEDED = ("comment", "createdBy", "endsAt", "matchers", "startsAt")


@dataclass(frozen=True, slots=True)
class Seen:
    """How an alert looks from outside.

    receivers: the policies it goes by.  times: the time intervals that mute all its ways.
    """

    receivers: tuple[str, ...]
    times: tuple[str, ...]

    @classmethod
    def of(cls, branches: Sequence[Branch], hours: Hours) -> "Seen":
        """Look at the ways of an alert. hours: the time intervals that are on."""
        mutes = [by_time_on(branch, hours) for branch in branches]
        times = tuple(dict.fromkeys(mute.id for mute in mutes if mute)) if all(mutes) else ()
        return cls(tuple(dict.fromkeys(branch.key.policy for branch in branches)), times)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """Which alerts or silences a client wants to see."""

    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    muted: bool = True
    filters: tuple[Matcher, ...] = ()
    receiver: Matcher | None = None
    creators: tuple[str, ...] = ()

    def wants(self, it: Standing, seen: Seen) -> bool:
        """Say whether an alert is asked for."""
        kinds = {mute.kind for mute in it.mutes}
        is_inhibited = MuteKind.INHIBITED in kinds
        is_silenced = not kinds.isdisjoint((MuteKind.SILENCE, MuteKind.MAINTENANCE))
        is_heard = not (is_silenced or is_inhibited or seen.times)
        return (
            (self.active or not is_heard)
            and (self.silenced or not is_silenced)
            and (self.inhibited or not is_inhibited)
            and (self.muted or not seen.times)
            and all(matcher.matches(it.alert.labels) for matcher in self.filters)
            and any(self.receives(name) for name in seen.receivers)
        )

    def receives(self, policy: str) -> bool:
        """Say whether alerts that go by this policy are asked for."""
        return self.receiver is None or self.receiver.matches_value(policy)

    def wants_silence(self, silence: Silence) -> bool:
        """Say whether a silence is asked for: it must itself have every matcher that is named.

        Taken as a question about labels, `team!="x"` would mean nearly every silence, and who
        expires what was listed would end them all.
        """
        by_creator = not self.creators or silence.created_by in self.creators
        return by_creator and all(matcher in silence.matchers for matcher in self.filters)


def asked_of(query: QueryParams) -> AskedFor:
    """Read the parameters of a request; raises BadPayload."""
    try:
        filters = tuple(map(read_filter, query.getlist("filter")))
    except (ValueError, QueryError) as error:
        raise BadPayload(f"bad matcher format: {error}") from error
    return AskedFor(
        active=read_flag(query.get("active", ""), "active"),
        silenced=read_flag(query.get("silenced", ""), "silenced"),
        inhibited=read_flag(query.get("inhibited", ""), "inhibited"),
        muted=read_flag(query.get("muted", ""), "muted"),
        filters=filters,
        receiver=read_receiver(query.get("receiver", "")),
        creators=tuple(query.getlist("creator")),
    )


def alert_of(entry: Any, source: str, now: datetime, resolve_timeout: timedelta) -> Alert:
    """Read one posted alert as Alertmanager does; raises BadPayload."""
    if not isinstance(entry, dict):
        raise BadPayload(f"expected an object with labels, got {type(entry).__name__}")
    entry = in_our_case(entry, ALERT)
    labels = read_texts(entry, "labels")
    if not labels:
        raise BadPayload("labels: at least one label pair is required")
    starts, ends = (read_time(entry, key, in_utc=True) for key in ("startsAt", "endsAt"))
    if starts and ends and ends < starts:
        raise BadPayload("endsAt: start time must be before end time")
    link = entry.get("generatorURL") or ""
    if not isinstance(link, str):
        raise BadPayload(f"generatorURL: expected a text, got {type(link).__name__}")
    return as_told(
        labels,
        now=now,
        resolve_timeout=resolve_timeout,
        source=source,
        annotations=read_texts(entry, "annotations"),
        starts_at=starts,
        ends_at=ends,
        generator_url=readable(link, "generatorURL"),
        origin=ORIGIN,
    )


def silence_asked(body: Any, now: datetime) -> Silence:
    """Read a posted silence; its `uuid` is that of the one to change, empty for a new one.

    Raises BadPayload where Alertmanager would refuse it too.
    """
    if not isinstance(body, dict):
        raise BadPayload(f"expected a silence, got {type(body).__name__}")
    body = in_our_case(body, SILENCE)
    for name in NEEDED:
        if body.get(name) is None:
            raise BadPayload(f"{name} in body is required")
    starts, ends = (read_time(body, key, in_utc=True) for key in ("startsAt", "endsAt"))
    if ends is None:
        raise BadPayload("endsAt: end time can't be in the past")
    starts = max(starts or now, now)
    if ends <= now:
        raise BadPayload("endsAt: end time can't be in the past")
    if ends <= starts:
        raise BadPayload("endsAt: start time must be before end time")
    return Silence(
        id=SilenceId(0),
        updated_at=now,
        uuid=_text(body, "id"),
        matchers=_matchers(body.get("matchers")),
        starts_at=starts,
        ends_at=ends,
        created_by=_text(body, "createdBy") or "unknown",
        comment=_text(body, "comment"),
    )


def _matchers(told: Any) -> tuple[Matcher, ...]:
    if not isinstance(told, list) or not told or len(told) > MOST_MATCHERS:
        raise BadPayload(f"matchers: expected a list of 1 to {MOST_MATCHERS}")
    found = []
    for place, entry in enumerate(told):
        try:
            found.append(matcher_of(in_our_case(_mapping(entry), MATCHER)))
        except (BadPayload, QueryError) as error:
            raise BadPayload(f"matchers[{place}]: {error}") from error
    if sum(len(matcher.name) + len(matcher.value) for matcher in found) > LONGEST_MATCHERS:
        raise BadPayload(f"matchers: longer than {LONGEST_MATCHERS:,} characters together")
    if all(matcher.op in EQUAL and matcher.matches_value("") for matcher in found):
        raise BadPayload("matchers: at least one matcher must not match the empty string")
    return tuple(found)


def _mapping(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise BadPayload(f"expected a matcher, got {type(entry).__name__}")
    return entry


def _text(body: dict[str, Any], key: str) -> str:
    found = body.get(key) or ""
    if not isinstance(found, str):
        raise BadPayload(f"{key}: expected a text, got {type(found).__name__}")
    return readable(found, key)[:LONGEST_COMMENT]
