"""What can happen to an incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.model.alert import Category, Severity
from storage.model.incident import Verdict
from storage.model.person import PersonId


@dataclass(frozen=True, slots=True)
class AlertsChanged:
    """The incident's alerts are now these; told after every change of any of them.

    firing, total: alerts firing now, and all that ever belonged to the incident.
    severity:      the most urgent among those firing (unchanged where none fires).
    no_data_since: all that fires is held only because samples stopped coming, since then.
    muted:         who keeps all that fires from being heard; empty where any of it is heard.
    """

    firing: int
    total: int
    title: str
    severity: Severity
    category: Category
    no_data_since: datetime | None = None
    muted: str = ""


@dataclass(frozen=True, slots=True)
class GroupReady:
    """The group's waiting time is over."""


@dataclass(frozen=True, slots=True)
class EscalationDue:
    """Step `step` of round `round` is due; `step == len(steps)` means: begin again."""

    round: int
    step: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Nobody whom step `step` of round `round` asked could be reached by any channel."""

    round: int
    step: int


@dataclass(frozen=True, slots=True)
class Rung:
    """Somebody was paged by way of `step` of `round`: remembered, so that they hear how it ends."""

    people: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A person takes the incident, for `hold` (None: as long as the policy says)."""

    by: PersonId
    hold: timedelta | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class AckExpired:
    """The acknowledgement given in `round` is over."""

    round: int


@dataclass(frozen=True, slots=True)
class Snooze:
    """A person wants to hear of it again after `hold`."""

    by: PersonId
    hold: timedelta
    note: str = ""


@dataclass(frozen=True, slots=True)
class SnoozeEnded:
    """The snooze given in `round` is over."""

    round: int


@dataclass(frozen=True, slots=True)
class Escalate:
    """A person wants the next step at once, whether or not they hold the incident."""

    by: PersonId
    note: str = ""


@dataclass(frozen=True, slots=True)
class Resolve:
    """A person says that it is over."""

    by: PersonId
    note: str = ""


@dataclass(frozen=True, slots=True)
class UpdateDue:
    """What joined the group has waited long enough to be told."""


@dataclass(frozen=True, slots=True)
class Calm:
    """Nothing began or ended since `change`, for as long as that takes to be calm."""

    change: int


@dataclass(frozen=True, slots=True)
class Assess:
    """A person says what the alarm was worth."""

    by: PersonId
    verdict: Verdict


Event = (
    AlertsChanged
    | GroupReady
    | EscalationDue
    | Undelivered
    | Rung
    | Acknowledge
    | AckExpired
    | Snooze
    | SnoozeEnded
    | Escalate
    | Resolve
    | UpdateDue
    | Calm
    | Assess
)
