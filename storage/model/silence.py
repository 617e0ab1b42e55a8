"""Silences and maintenance windows that people make, and the answer they give: a mute."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from storage.model.labels import Fingerprint, Labels, Matcher

SilenceId = NewType("SilenceId", int)


class MuteKind(StrEnum):
    """What keeps an alert from being heard."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"
    INHIBITED = "inhibited"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Why an alert is not heard: an answer about it, never a state of it.

    by:    who or what, in words: `silence 12 by ada`, `maintenance backups`, `NodeDown`.
    until: when that ends, aware UTC; None where nobody can say (another alert holds it).
    id:    the silence's uuid, the window's or the time interval's name, the fingerprint of
           the alert that inhibits.
    """

    kind: MuteKind
    by: str
    until: datetime | None = None
    id: str = ""


class SilenceKind(StrEnum):
    """Whether somebody wants quiet, or works on something at planned times."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"


class SilenceState(StrEnum):
    """Where a silence stands, in Alertmanager's words."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Alerts whose labels satisfy every matcher make no noise from `starts_at` to `ends_at`.

    id:         the number that people type.  uuid: the id that Alertmanager's clients use.
    created_by: a person's id, or whatever a client wrote.
    until_resolved: ends before `ends_at` once the alerts that it covered when it was made
                are all resolved.
    rule:       an RFC 5545 RRULE for a window that recurs: each occurrence of `starts_at`, told
                by the clocks of `zone`, begins one that lasts `lasts`; `ends_at` (None: never)
                is then the end of the series.  Empty: once.
    """

    id: SilenceId
    uuid: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime | None
    created_by: str
    updated_at: datetime
    comment: str = ""
    kind: SilenceKind = SilenceKind.SILENCE
    until_resolved: bool = False
    rule: str = ""
    zone: str = "UTC"
    lasts: timedelta | None = None

    def state(self, now: datetime) -> SilenceState:
        """Say where it stands at `now`; a series of windows counts as one from first to last."""
        if self.ends_at is not None and self.ends_at <= now:
            return SilenceState.EXPIRED
        return SilenceState.PENDING if now < self.starts_at else SilenceState.ACTIVE

    def covers(self, labels: Labels) -> bool:
        """Say whether an alert with these labels is meant; without matchers none is."""
        return bool(self.matchers) and all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An alert's part in an inhibition: `key` names a rule and the labels that must be equal.

    source:    it hides others while it fires.  target: it is hidden by such a source.
    A source that is a target of the same rule as well hides only what is no source itself.
    """

    key: str
    fingerprint: Fingerprint
    source: bool
    target: bool
