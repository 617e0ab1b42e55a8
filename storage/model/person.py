"""People: who they are, how they are reached, what they may do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from storage.model.alert import Severity
from storage.model.hours import Hours

PersonId = NewType("PersonId", str)


class Permission(StrEnum):
    """What a verb can ask for. ADMIN implies RESPOND, RESPOND implies VIEW."""

    VIEW = "view"
    RESPOND = "respond"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """One way to reach a person.

    channel: the channel's name (`slack`, `sms`, `console`).
    address: what that channel understands: a Slack user id, an E.164 number.
    """

    channel: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a personal rule: `after` so long since the page, ask `by` these channels."""

    after: timedelta
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalRule:
    """How somebody wants to be asked, at some hours, about incidents of some severities.

    severities: none: any.   hours: none: at any time.   turns: one at least, in order.
    """

    turns: tuple[Turn, ...]
    severities: tuple[Severity, ...] = ()
    hours: Hours | None = None

    def applies(self, severity: Severity, at: datetime) -> bool:
        """Say whether a page of this severity at this moment follows the rule."""
        known = not self.severities or severity in self.severities
        return known and (self.hours is None or self.hours.cover(at))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """When nothing that rings may ring, except for the severities in `exempt`."""

    hours: Hours
    exempt: tuple[Severity, ...] = (Severity.CRITICAL,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be paged or may give commands.

    contacts: in the order in which they are tried when one provably fails.
    rules:    the first that applies says how this person is asked; none applies: the severity.
    zone:     the person's time zone, an IANA name; what times are shown in.
    """

    id: PersonId
    name: str
    contacts: tuple[ContactPoint, ...] = ()
    permission: Permission = Permission.RESPOND
    rules: tuple[PersonalRule, ...] = ()
    quiet: QuietHours | None = None
    zone: str = "UTC"

    def may(self, needed: Permission) -> bool:
        """Say whether this person has `needed` or more."""
        order = list(Permission)
        return order.index(self.permission) >= order.index(needed)

    def rule(self, severity: Severity, at: datetime) -> PersonalRule | None:
        """Return the rule that a page of this severity follows at this moment."""
        return next((rule for rule in self.rules if rule.applies(severity, at)), None)

    def quiet_until(self, severity: Severity, at: datetime) -> datetime | None:
        """Return until when nothing of this severity may ring (UTC); None: it may at `at`."""
        if self.quiet is None or severity in self.quiet.exempt or not self.quiet.hours.cover(at):
            return None
        return self.quiet.hours.end_after(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallList:
    """People who take turns: the first is on call, the others follow when they are not reached."""

    name: str
    people: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """For a while somebody else is on call; a row, made by `oncall take 8h`. Times aware UTC."""

    oncall: str
    person: PersonId
    starts_at: datetime
    ends_at: datetime
    made_by: PersonId
