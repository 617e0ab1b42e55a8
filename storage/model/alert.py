"""An alert: one labelled thing that is wrong, or was."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from storage.model.labels import Fingerprint, Labels


class Severity(StrEnum):
    """How much it hurts; decides the channels. Order of declaration is order of urgency."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFORMATIONAL = "informational"
    PREDICTIVE = "predictive"

    @classmethod
    def read(cls, text: str) -> "Severity":
        """Read a `severity` label; `info` is informational, anything unknown is a warning."""
        return _SEVERITIES.get(text.strip().lower(), cls.WARNING)

    @property
    def rank(self) -> int:
        """0 for the most urgent; orders queues and lists."""
        return _RANKS[self]

    @property
    def escalates(self) -> bool:
        """Whether somebody must answer: news and forecasts are told once and do not escalate."""
        return self in (Severity.CRITICAL, Severity.WARNING)


_SEVERITIES = {it.value: it for it in Severity} | {"info": Severity.INFORMATIONAL}
_RANKS = {it: rank for rank, it in enumerate(Severity)}


class Category(StrEnum):
    """What kind of trouble it is; from the `category` label."""

    DEGRADATION = "degradation"
    CAPACITY = "capacity"
    ERRORS = "errors"
    AVAILABILITY = "availability"

    @classmethod
    def read(cls, text: str) -> "Category":
        """Read a `category` label; what is missing or unknown counts as degradation."""
        return _CATEGORIES.get(text.strip().lower(), cls.DEGRADATION)


_CATEGORIES = {it.value: it for it in Category}


class AlertStatus(StrEnum):
    """Whether the source still says that it is wrong."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The moments of one alert's way in, Unix seconds; None where a moment is not known.

    sampled: the time of the newest sample that decided it.  stored: its 2xx was given.
    judged: the rule said "firing".
    """

    sampled: float | None = None
    stored: float | None = None
    judged: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """By which way an alert came in.

    door:  `rules`, `alertmanager`, `grafana`...; empty where nobody said.
    rule:  where our own rule that judged it stands (`rules/shop.yaml:12:5`).
    group: the rule group's name.  expr: the rule's query.
    left_out: alerts of the same message that its sender left out of it.
    """

    door: str = ""
    rule: str = ""
    group: str = ""
    expr: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as its source last told it. Two alerts with equal labels are the same alert.

    labels:        with `alertname`; identity.  annotations: expanded text, untrusted.
    starts_at:     aware UTC, when it began to fire; ends_at: when it resolved, None while firing.
    value:         the expression's value when last judged, its own unit.
    source:        who says so: "rules", later other doors.
    no_data_since: aware UTC while it is held firing only because its samples stopped coming.
    generator_url: where its source shows it; untrusted, empty where it has none.
    expires_at:    aware UTC; resolved then unless told again. None: its source resolves it itself.
    dated:         the source gave the times, so that what comes late can be told from what is new.
    muted:         in an incident: who keeps it from being heard there; empty: nobody.
    origin:        by which way it came; told only, and kept in its trail.
    trail:         what was noted on its way; `routing.alerts.trail` writes and reads it.
    """

    labels: Labels
    annotations: Labels = field(default_factory=Labels)
    status: AlertStatus = AlertStatus.FIRING
    starts_at: datetime
    ends_at: datetime | None = None
    value: float | None = None
    source: str = "rules"
    no_data_since: datetime | None = None
    generator_url: str = ""
    expires_at: datetime | None = None
    dated: bool = False
    muted: str = ""
    trace: Trace = field(default_factory=Trace)
    origin: Origin = field(default=Origin(), compare=False, repr=False)
    trail: str = field(default="", compare=False, repr=False)

    @property
    def fingerprint(self) -> Fingerprint:
        """Name the alert: the same for equal labels."""
        return self.labels.fingerprint

    @property
    def name(self) -> str:
        """The rule's name (`alertname`)."""
        return self.labels.get("alertname")

    @property
    def severity(self) -> Severity:
        """What the `severity` label says."""
        return Severity.read(self.labels.get("severity"))

    @property
    def category(self) -> Category:
        """What the `category` label says."""
        return Category.read(self.labels.get("category"))

    @property
    def is_firing(self) -> bool:
        """Whether it is wrong now, as far as anybody knows."""
        return self.status is AlertStatus.FIRING

    def resolved_at(self, at: datetime) -> "Alert":
        """Return the alert as it is once it ended at `at`, aware UTC."""
        return replace(self, status=AlertStatus.RESOLVED, ends_at=at, no_data_since=None)
