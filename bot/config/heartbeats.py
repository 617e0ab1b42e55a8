"""`heartbeats`: who is expected to call, and how often."""

from datetime import timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.config.fields import Duration, PositiveDuration
from bot.config.secret import Secret
from routing.recurrence import parse_cron
from storage.errors import nearest
from storage.model.alert import Severity
from storage.model.heartbeat import Heartbeat

Cron = Annotated[str, AfterValidator(parse_cron)]
Word = Annotated[str, Field(min_length=1, max_length=200)]


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        hint = nearest(name, available_timezones())
        raise ValueError(
            f"found {name[:80]!r}; {hint}expected a time zone such as Europe/Berlin"
        ) from error
    return name


Timezone = Annotated[str, AfterValidator(_timezone)]


class HeartbeatRule(BaseModel):
    """Somebody who must call `/heartbeats/<name>` `every` so often, or at the times of `cron`."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    token: Secret | None = None
    every: PositiveDuration | None = None
    cron: Cron | None = None
    timezone: Timezone = "UTC"
    grace: Duration = timedelta(minutes=1)
    severity: Severity = Severity.CRITICAL
    labels: dict[Word, Word] = {}

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise ValueError("expected one of every and cron, such as `every: 1d`")
        return self

    def built(self, name: str) -> Heartbeat:
        """Return it as routing knows it."""
        return Heartbeat(
            name=name,
            every=self.every,
            cron=self.cron or "",
            timezone=self.timezone,
            grace=self.grace,
            severity=self.severity,
            labels=self.labels,
        )
