"""The section `reports`: where their figures come from, and which come by themselves."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.config.fields import MatcherText, PositiveDuration, RoomAddress, TimeZone
from bot.reports.figures import SERVICE_LABELS, Performance, ServiceWays
from bot.reports.schedule import Schedule
from routing.recurrence import Recurrence, parse_cron

Text = Annotated[str, Field(min_length=1, max_length=200)]
Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=200)]
Way = Annotated[str, Field(min_length=1, max_length=4_000)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ServiceSection(_Section):
    """One service of the performance report.

    match:    what its series have; none: the labels that name services say it.
    machines: what the series of its machines have; none: all machines are shown.
    figures:  figure -> PromQL or the name of a metric, for this service.
    """

    match: tuple[MatcherText, ...] = ()
    machines: tuple[MatcherText, ...] = ()
    figures: dict[Text, Way] = {}


class PerformanceSection(_Section):
    """What the performance report is made of; `bot.reports.figures` has the usual metrics.

    service_labels: the first that a series has names its service.
    top:            services and machines that are shown; the others are counted.
    figures:        figure -> PromQL or the name of a metric.
    """

    service_labels: Annotated[tuple[Label, ...], Field(min_length=1)] = SERVICE_LABELS
    top: Annotated[int, Field(ge=1, le=50)] = 10
    figures: dict[Text, Way] = {}
    services: dict[Text, ServiceSection] = {}

    def options(self) -> Performance:
        """Return what the report works with."""
        return Performance(
            service_labels=self.service_labels,
            top=self.top,
            figures=self.figures,
            services={
                name: ServiceWays(match=it.match, machines=it.machines, figures=it.figures)
                for name, it in self.services.items()
            },
        )


class ScheduleSection(_Section):
    """A report that comes by itself.

    report: as it is said, such as `performance checkout 24h`.
    cron:   minute, hour, day, month, weekday.
    to:     rooms and people's addresses: a channel and its address each.
    late:   how long after its time it is still sent, where Tocsin was down.
    """

    report: Text
    cron: Annotated[Text, AfterValidator(parse_cron)]
    timezone: TimeZone = "UTC"
    to: Annotated[tuple[RoomAddress, ...], Field(min_length=1)]
    late: PositiveDuration = timedelta(hours=6)

    def schedule(self) -> Schedule:
        """Return what the scheduler works with."""
        return Schedule(
            words=self.report,
            recurrence=Recurrence(cron=self.cron, timezone=self.timezone),
            to=tuple(pair for room in self.to for pair in room.items()),
            late=self.late,
        )


class ReportsSection(_Section):
    """Reports: what each is made of, and which come by themselves."""

    schedules: tuple[ScheduleSection, ...] = ()
    performance: PerformanceSection = PerformanceSection()
