"""What may follow from an event: data, carried out in the transaction of the decision."""

from dataclasses import dataclass
from datetime import timedelta

from storage.model.incident import Incident
from storage.model.person import PersonId
from storage.model.timer import TimerKind


@dataclass(frozen=True, slots=True)
class PageStep:
    """Ask the people of step `step` (of the incident's policy) in round `round`."""

    round: int
    step: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake the incident `after` this long, measured by elapsed time."""

    kind: TimerKind
    after: timedelta
    round: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer of this kind, if there is one."""

    kind: TimerKind


@dataclass(frozen=True, slots=True)
class Hush:
    """Cancel every page of the incident that has not been sent yet."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Show the incident's present state in its rooms."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Bring the rooms up to date that can be edited in place, which notifies nobody."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a notice to these people; `what` names the fact (`taken`, `over`), `text` says it."""

    people: tuple[PersonId, ...]
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class TellAdmins:
    """Send a notice to the administrators; `what` names the fact."""

    what: str
    text: str


Effect = PageStep | SetTimer | CancelTimer | Hush | Announce | Refresh | Tell | TellAdmins
Effects = tuple[Effect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What an event did: the incident after it, what follows, and why in one sentence.

    what: the audit row's word; empty where nothing happened that is worth a line.
    """

    incident: Incident
    effects: Effects = ()
    what: str = ""
    because: str = ""
