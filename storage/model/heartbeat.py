"""Heartbeats: something that must call every so often, or else is in trouble."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from storage.clock import Steady
from storage.model.alert import Severity
from storage.model.labels import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What is known of one heartbeat.

    since:   when it was first expected; steady.
    heard:   when it last called and all was well; steady, and heard_at by the wall clock. None:
             never.
    failed:  its last call said that it had failed.
    said:    what its last call carried; untrusted.
    alarmed: the labels of its alert that is open; none: there is none.
    """

    name: str
    since: Steady
    since_at: datetime
    heard: Steady | None = None
    heard_at: datetime | None = None
    failed: bool = False
    said: str = ""
    alarmed: Labels = field(default_factory=Labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Somebody who is expected to call.

    every:  the longest time between two calls; None: `cron` says when they come.
    cron:   cron's five fields, by the clock of `timezone`.
    grace:  how much later than that a call may come.
    labels: of its alerts, besides its name and severity.
    """

    name: str
    every: timedelta | None = None
    cron: str = ""
    timezone: str = "UTC"
    grace: timedelta = timedelta(minutes=1)
    severity: Severity = Severity.CRITICAL
    labels: Mapping[str, str] = field(default_factory=dict)
