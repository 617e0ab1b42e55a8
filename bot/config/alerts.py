"""The configuration of alerts: how they are taken, and what keeps them from being heard."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.config.fields import MatcherText, PositiveDuration, RoomAddress, Switch, TimeZone
from routing.alerts.inhibit import InhibitRule
from routing.alerts.intervals import Range, Times
from routing.alerts.windows import LONGEST_WINDOW, check_rule
from routing.playbook import Reminder, SilenceLimits
from routing.recurrence import Recurrence, parse_cron
from storage.model.flaps import NEVER, Flapping
from storage.model.silence import Silence, SilenceId, SilenceKind

Text = Annotated[str, Field(min_length=1, max_length=200)]
Matchers = Annotated[tuple[MatcherText, ...], Field(min_length=1)]
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_HOURS = re.compile(r"([0-9]{1,2}):([0-5][0-9])\s*-\s*([0-9]{1,2}):([0-5][0-9])")
_RANGE = re.compile(r"\s*(-?\w+)\s*(?::\s*(-?\w+)\s*)?")


def _minutes(value: Any) -> Range:
    if isinstance(value, Range):
        return value
    found = _HOURS.fullmatch(str(value).strip())
    if found:
        start = int(found[1]) * 60 + int(found[2])
        end = int(found[3]) * 60 + int(found[4])
        if start < end <= 1_440:
            return Range(start, end)
    raise ValueError("expected hours within one day such as 09:00-17:00 or 22:00-24:00")


def _range(value: Any, number: Callable[[str], int], expected: str) -> Range:
    if isinstance(value, Range):
        return value
    found = _RANGE.fullmatch(str(value).lower())
    try:
        if found:
            first = number(found[1])
            last = number(found[2]) if found[2] else first
            if first <= last or (first > 0 > last):
                return Range(first, last)
    except ValueError:
        pass
    raise ValueError(f"expected {expected}")


def _of(names: tuple[str, ...], base: int) -> Callable[[str], int]:
    def number(word: str) -> int:
        return int(word) if word.isdigit() and base else names.index(word) + base

    return number


def _day_of_month(word: str) -> int:
    day = int(word)
    if not 1 <= abs(day) <= 31:
        raise ValueError("no such day")
    return day


def _kind(number: Callable[[str], int], expected: str) -> BeforeValidator:
    return BeforeValidator(lambda value: _range(value, number, expected))


Minutes = Annotated[Range, BeforeValidator(_minutes)]
Weekdays = Annotated[Range, _kind(_of(DAYS, 0), "days such as monday:friday or sunday")]
MonthDays = Annotated[Range, _kind(_day_of_month, "days of the month such as 1:7, 31 or -3:-1")]
Months = Annotated[Range, _kind(_of(MONTHS, 1), "months such as january:march or 12")]
Years = Annotated[Range, _kind(int, "years such as 2026 or 2026:2028")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class TimesSection(_Section):
    """One entry of a time interval, as Alertmanager has them; all that is set must hold."""

    times: tuple[Minutes, ...] = ()
    weekdays: tuple[Weekdays, ...] = ()
    days_of_month: tuple[MonthDays, ...] = ()
    months: tuple[Months, ...] = ()
    years: tuple[Years, ...] = ()
    location: TimeZone = "UTC"

    def built(self) -> Times:
        """Return it as the floors below know it."""
        return Times(
            minutes=self.times,
            weekdays=self.weekdays,
            days_of_month=self.days_of_month,
            months=self.months,
            years=self.years,
            zone=self.location,
        )


class InhibitSection(_Section):
    """While an alert that satisfies `source` fires, those that satisfy `target` are not heard."""

    source: Matchers
    target: Matchers
    equal: tuple[Text, ...] = ()

    def built(self) -> InhibitRule:
        """Return it as the floors below know it."""
        return InhibitRule(source=self.source, target=self.target, equal=self.equal)


YEARS = range(2000, 2100)
"""Outside of these a window is a slip of the pen, and there may be no such moment in UTC."""


class MaintenanceSection(_Section):
    """A planned window, once or again and again.

    starts: by the clocks of `timezone`.  rule: an RFC 5545 RRULE; none: once.
    """

    match: Matchers
    starts: datetime
    lasts: PositiveDuration
    rule: str = ""
    timezone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.starts.tzinfo is not None:
            raise ValueError("starts: found a time zone; expected it in `timezone` alone")
        if self.lasts > LONGEST_WINDOW:
            raise ValueError(f"lasts: a window is no longer than {LONGEST_WINDOW.days}d")
        if self.starts.year not in YEARS:
            raise ValueError(f"starts: expected a year from {YEARS.start} to {YEARS.stop - 1}")
        if self.rule:
            check_rule(self.rule, self.starts, self.timezone)
        return self

    def built(self, name: str) -> Silence:
        """Return it as the floors below know it."""
        starts = self.starts.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)
        return Silence(
            id=SilenceId(0),
            uuid=name,
            kind=SilenceKind.MAINTENANCE,
            matchers=self.match,
            starts_at=starts,
            ends_at=None if self.rule else starts + self.lasts,
            created_by="configuration",
            updated_at=starts,
            comment=name,
            rule=self.rule,
            zone=self.timezone,
            lasts=self.lasts,
        )


class SilencesSection(_Section):
    """What people may silence.

    longest: no silence lasts longer.  confirm: more alerts than this need a confirmation.
    widest:  more alerts than this, or everything there is, need an administrator.
    daily:   when it is told what is silenced: cron's five fields; empty: never.
    to:      rooms that it is told in; none: every administrator hears of it.
    """

    longest: PositiveDuration = timedelta(days=7)
    confirm: Annotated[int, Field(ge=0)] = 20
    widest: Annotated[int, Field(ge=0)] = 200
    daily: Annotated[str, AfterValidator(lambda text: parse_cron(text) if text else "")] = (
        "0 9 * * *"
    )
    timezone: TimeZone = "UTC"
    to: tuple[RoomAddress, ...] = ()

    def built(self) -> SilenceLimits:
        """Return it as the floors below know it."""
        return SilenceLimits(longest=self.longest, confirm=self.confirm, widest=self.widest)

    def reminder(self) -> Reminder | None:
        """Return when it is told what is silenced, and where."""
        if not self.daily:
            return None
        to = tuple(pair for room in self.to for pair in room.items())
        return Reminder(recurrence=Recurrence(cron=self.daily, timezone=self.timezone), to=to)


class FlappingSection(_Section):
    """What counts as flapping: it began to fire `times` times `within` so long; and since when
    nothing began or ended, for that to be over."""

    times: Annotated[int, Field(ge=2, le=100)] = 3
    within: PositiveDuration = timedelta(minutes=15)
    calm: PositiveDuration = timedelta(minutes=10)


def _flapping(value: Any) -> Any:
    """Read `off` as "never"."""
    if value is False or str(value).lower() in ("off", "no", "false"):
        return None
    if value is True or str(value).lower() in ("on", "yes", "true"):
        return {}
    return value


FlappingRule = Annotated[FlappingSection | None, BeforeValidator(_flapping)]
"""`off`, or what counts as flapping."""


def flapping_of(section: FlappingSection | None) -> Flapping:
    """Return it as the floors below know it."""
    if section is None:
        return NEVER
    return Flapping(times=section.times, within=section.within, calm=section.calm)


class AlertsSection(_Section):
    """How alerts are taken, and who hears of them when.

    resolve_timeout: an alert whose source names no end is over unless repeated within this.
    flapping:        what counts as flapping; none: nothing does.
    flapping_of:     alertname -> what counts for that rule, whatever routes say.
    inhibit:         which alerts hide which.
    inhibit_dependents: a service's trouble hides that of the services that depend on it.
    time_intervals:  name -> entries; routes name them.
    maintenance:     name -> planned window.
    """

    resolve_timeout: PositiveDuration = timedelta(minutes=5)
    flapping: FlappingRule = FlappingSection()
    flapping_of: dict[Text, FlappingRule] = {}
    inhibit: tuple[InhibitSection, ...] = ()
    inhibit_dependents: Switch = False
    time_intervals: dict[Text, tuple[TimesSection, ...]] = {}
    maintenance: dict[Text, MaintenanceSection] = {}
    silences: SilencesSection = SilencesSection()
