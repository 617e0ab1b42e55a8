"""What the demo's page shows, read from the product's own tables, series and files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.channels.console import Console
from bot.channels.phone import Sms, inbox
from bot.demo.chart import Outage
from bot.demo.receipt import Moment, Moments, crossing_to_shown, gather, lines, merged
from routing.flow.desks import Desks
from storage.errors import BotError
from storage.model.alert import Alert, Severity
from storage.model.audit import AuditRow
from storage.model.incident import Incident
from storage.sql import alerts, audit, incidents

WINDOW = 90
"""Seconds of history beside the shop's figures."""
ERRORS = (
    'sum(rate(shop_requests_total{job="shop", code=~"5.."}[5s]))'
    ' / sum(rate(shop_requests_total{job="shop"}[5s]))'
)
SLOWNESS = (
    'histogram_quantile(0.95, sum by (le) (rate(shop_request_seconds_bucket{job="shop"}[5s])))'
)
VISITS = 'sum(rate(shop_requests_total{job="shop"}[5s]))'
LIMITS = {"errors": 0.05, "slow": 0.5}
"""The thresholds of the demo's rules."""


class Scene:
    """Reads how the demo stands; remembers receipts in the demo's directory, across kills."""

    def __init__(self, directory: Path, desks: Desks, console: Console) -> None:
        self._directory, self._desks, self._console = directory, desks, console
        self._figures: tuple[int, dict[str, Any]] = (0, {})

    async def state(self, shop: dict[str, Any]) -> dict[str, Any]:
        """Return everything that the page shows, JSON-ready; times are Unix seconds."""
        now = self._desks.clock.utc_now().timestamp()
        phone = inbox(self._directory / "phone.jsonl")
        incident = await self._latest()
        moments = await self._moments(incident, shop, phone) if incident else {}
        return {
            "now": now,
            "shop": {**shop, **await self._shop_figures(now)},
            "phone": [{"at": s.at, "text": s.text, "copy": s.copy} for s in phone[-20:]],
            "copies": sum(sms.copy > 0 for sms in phone),
            "engine": self._deaths_told(),
            "incident": _incident(incident),
            "crossing_to_shown": crossing_to_shown(moments),
            "receipt": [
                {
                    "what": line.what,
                    "at": line.at,
                    "since_break": line.since_break,
                    "since_before": line.since_before,
                }
                for line in lines(moments)
            ],
        }

    async def outage(self) -> Outage | None:
        """Return the latest outage, ready to be drawn; None before the first."""
        incident = await self._latest()
        if incident is None:
            return None
        moments = self._remembered(incident)
        start = moments.get(Moment.BROKEN, incident.opened_at.timestamp())
        now = self._desks.clock.utc_now().timestamp()
        end = min(moments.get(Moment.RESOLVED, now) + 6, now)
        is_slow = "Slow" in incident.title
        times, values = await self._curve(SLOWNESS if is_slow else ERRORS, start - 10, end)
        return Outage(
            title="95th percentile of the answers" if is_slow else "Share of answers that fail",
            unit="s" if is_slow else "%",
            times=times,
            values=values,
            limit=LIMITS["slow" if is_slow else "errors"],
            marks=[(line.at, line.what) for line in lines(moments)],
        )

    async def _latest(self) -> Incident | None:
        """Return the newest incident of the shop."""
        async with self._desks.database.reading() as tx:
            found = await incidents.search(tx, severity=Severity.CRITICAL, limit=1)
        return found[0] if found else None

    async def _moments(
        self, incident: Incident, shop: dict[str, Any], phone: Sequence[Sms]
    ) -> Moments:
        """Collect the receipt; what was known first stays."""
        told, story = await self._story(incident)
        now = gather(
            shop={key: shop.get(key, 0.0) for key in ("broke_at", "mended_at")},
            alerts=told,
            story=story,
            shown_at=self._shown_at(incident),
            rung_at=[sms.at for sms in phone if sms.incident == incident.id],
            deaths=self._deaths(),
        )
        before = self._remembered(incident)
        moments = merged(before, now)
        if moments != before:
            _write(self._receipt_file(incident), {str(what): at for what, at in moments.items()})
        return moments

    async def _story(self, incident: Incident) -> tuple[list[Alert], list[AuditRow]]:
        async with self._desks.database.reading() as tx:
            return (
                list(await alerts.of_incident(tx, incident.id)),
                list(await audit.of_incident(tx, incident.id)),
            )

    def _shown_at(self, incident: Incident) -> float | None:
        shown = (
            card.shown_at
            for card in self._console.cards()
            if card.message.incident == incident.id and card.shown_at
        )
        return min(shown, default=None)

    def _receipt_file(self, incident: Incident) -> Path:
        return self._directory / f"receipt-{incident.id}.json"

    def _remembered(self, incident: Incident) -> dict[Moment, float]:
        found = _read(self._receipt_file(incident), {})
        return {Moment(what): float(at) for what, at in found.items()}

    def _deaths(self) -> list[tuple[float, float]]:
        told = _read(self._directory / "supervisor.json", {})
        return [(death["died_at"], death["back_at"]) for death in told.get("deaths", [])]

    def _deaths_told(self) -> dict[str, Any]:
        deaths = self._deaths()
        gaps = [back - died for died, back in deaths if back]
        return {"kills": len(deaths), "last_gap": gaps[-1] if gaps else None}

    async def _shop_figures(self, now: float) -> dict[str, Any]:
        """Return the figures with their history; the series are asked once a second."""
        second = int(now)
        if self._figures[0] != second:
            history = {}
            for name, query in (("visits", VISITS), ("errors", ERRORS), ("slow", SLOWNESS)):
                history[name] = (await self._curve(query, second - WINDOW, second))[1]
            figures = {"history": _jsonable(history), "limits": LIMITS}
            self._figures = (second, figures)
        return self._figures[1]

    async def _curve(self, query: str, start: float, end: float) -> tuple[list[float], list[float]]:
        """Return times and values at every second; NaN where nothing is known."""
        steps = max(1, int(end) - int(start))
        times = [int(start) + float(step) for step in range(steps + 1)]
        try:
            matrix = await self._desks.metrics.range(query, times[0], times[-1], 1.0)
        except BotError:
            return times, [float("nan")] * len(times)
        if not matrix.labels:
            return times, [float("nan")] * len(times)
        row, there = matrix.values[0], matrix.present[0]
        return times, [float(v) if p else float("nan") for v, p in zip(row, there, strict=True)]


def _jsonable(history: dict[str, list[float]]) -> dict[str, list[float | None]]:
    return {
        name: [round(value, 4) if value == value else None for value in values]
        for name, values in history.items()
    }


def _incident(incident: Incident | None) -> dict[str, Any] | None:
    if incident is None:
        return None
    return {
        "number": incident.id,
        "title": incident.title,
        "status": incident.status,
        "step": incident.step,
        "opened_at": incident.opened_at.timestamp(),
    }


def _read(path: Path, otherwise: Any) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return otherwise


def _write(path: Path, value: Any) -> None:
    """Write whole or not at all: the next moment may be the kill button's."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(value))
    beside.replace(path)
