"""How somebody wants to be asked: rules by severity and hour, and quiet hours."""

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.config.fields import ClockTime, Duration, HoursText, Span, TimeZone
from storage.model.alert import Severity
from storage.model.hours import Hours
from storage.model.person import PersonalRule, QuietHours, Turn

Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class TurnSection(_Section):
    """`after` so long since the page, ask `by` these channels."""

    after: Duration = timedelta(0)
    by: Annotated[tuple[Word, ...], Field(min_length=1)]


def _ascending(steps: tuple[TurnSection, ...]) -> tuple[TurnSection, ...]:
    for before, step in pairwise(steps):
        if step.after <= before.after:
            raise ValueError("the steps do not ascend; `after` counts from the page: 2m, then 5m")
    return steps


class PersonalRuleSection(_Section):
    """severity: none: any.   hours: none: at any time.   timezone: none: the person's."""

    severity: tuple[Severity, ...] = ()
    hours: HoursText | None = None
    timezone: TimeZone | None = None
    steps: Annotated[tuple[TurnSection, ...], Field(min_length=1), AfterValidator(_ascending)]

    @property
    def takes_all(self) -> bool:
        """Whether no later rule is ever asked."""
        return not self.severity and self.hours is None


class QuietSection(_Section):
    """When nothing rings, except for these severities."""

    start: ClockTime = Field(alias="from")
    end: ClockTime = Field(alias="to")
    timezone: TimeZone | None = None
    exempt: tuple[Severity, ...] = Field(default=(Severity.CRITICAL,), alias="except")

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        Span(self.start, self.end)
        return self

    @property
    def span(self) -> Span:
        """From when to when."""
        return Span(self.start, self.end)


def rule_of(section: PersonalRuleSection, zone: str) -> PersonalRule:
    """Return the rule as the floors below take it. zone: the person's own."""
    hours = _hours(section.hours, section.timezone or zone) if section.hours else None
    turns = tuple(Turn(after=step.after, by=step.by) for step in section.steps)
    return PersonalRule(turns=turns, severities=section.severity, hours=hours)


def quiet_of(section: QuietSection, zone: str) -> QuietHours:
    """Return quiet hours as the floors below take them. zone: the person's own."""
    hours = _hours(section.span, section.timezone or zone)
    return QuietHours(hours=hours, exempt=section.exempt)


def _hours(span: Span, zone: str) -> Hours:
    return Hours(start=span.start, end=span.end, zone=zone)
