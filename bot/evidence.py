"""What an alert's rule watched lately, as a plot: evidence beside the words, never in their way."""

import asyncio
from datetime import timedelta

import numpy as np
import structlog

from routing.alerts.group import urgent_first
from routing.delivery.report import Curve, Plot
from routing.delivery.words import flat
from routing.flow.desks import Desks
from routing.rules.watched import Watched, row_of, rule_of, watched
from storage.errors import BotError
from storage.model.alert import Alert
from storage.model.incident import IncidentId
from storage.sql import alerts

log = structlog.get_logger(__name__)

PATIENCE = 1.5
"""Seconds that a message waits for its evidence; then it goes without."""
POINTS = 40
SHORTEST, BEFORE, LONGEST = timedelta(hours=1), timedelta(minutes=30), timedelta(hours=24)


class Evidence:
    """Finds what an incident's most urgent alert is about."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    async def plot(self, incident: int) -> Plot | None:
        """Return the value and its limit over the last hour or more; None where there is none."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._plot(IncidentId(incident))
        except (TimeoutError, BotError) as error:
            log.debug("no evidence", incident=incident, reason=str(error) or "not in time")
            return None

    async def _plot(self, incident: IncidentId) -> Plot | None:
        async with self._desks.database.reading() as tx:
            told = (await alerts.of_incidents(tx, [incident]))[incident]
        rules = [rule for group in self._desks.rules() for rule in group.rules]
        for alert in urgent_first([it for it in told if it.source == "rules"])[:1]:
            rule = rule_of(alert.labels, rules)
            seen = watched(rule.expr) if rule is not None else None
            if seen is not None:
                return await self._course(alert, seen)
        return None

    async def _course(self, alert: Alert, seen: Watched) -> Plot | None:
        now = self._desks.clock.utc_now()
        begin = max(min(now - SHORTEST, alert.starts_at - BEFORE), now - LONGEST)
        step = max(15.0, (now - begin).total_seconds() // POINTS)
        matrix = await self._desks.metrics.range(
            seen.query, begin.timestamp(), now.timestamp(), step
        )
        row = row_of(alert.labels, matrix)
        if row is None:
            return None
        values = matrix.filled()[row]
        return Plot(
            title=flat(alert.labels.get("alertname")),
            unit="",
            times=tuple(map(float, matrix.times)),
            curves=(
                Curve(
                    name="value",
                    values=tuple(float(v) if np.isfinite(v) else None for v in values),
                ),
            ),
            limit=seen.limit,
        )
