"""The configuration of alerts: how they are taken, and what keeps them from being heard."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bot.config.fields import PositiveDuration


class AlertsSection(BaseModel):
    """How alerts are taken.

    resolve_timeout: an alert whose source names no end is over unless repeated within this.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolve_timeout: PositiveDuration = timedelta(minutes=5)
