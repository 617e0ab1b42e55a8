"""Every alert of one incident on a page: where a message's "and 4,990 more" leads.

A page of its own, for people at the console's machine; it shows and changes nothing.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.chat.wording import clock_time, standing
from bot.web.auth import require_loopback
from bot.web.parts import Parts
from routing.alerts.group import urgent_first
from routing.delivery.compose import title
from routing.delivery.words import flat, number, shortened
from routing.incidents.timeline import named
from storage.model.alert import Alert
from storage.model.incident import IncidentId
from storage.sql import alerts, incidents

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
AT_ONCE = 500
LONGEST = 300


def routes(parts: Parts) -> list[BaseRoute]:
    """Return its route; the caller mounts it on a loopback listener only."""
    page = AlertsPage(parts)
    return [Route("/incidents/{number:int}/alerts", page.show)]


class AlertsPage:
    """The page."""

    def __init__(self, parts: Parts) -> None:
        self._desks = parts.desks

    @cached_property
    def _template(self) -> "Template":
        from jinja2 import Environment, FileSystemLoader

        templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
        return templates.get_template("alerts.html")

    async def show(self, request: Request) -> Response:
        """Answer some of the alerts, the most urgent first: `?from=500`; raises HTTPException."""
        require_loopback(request)
        first = request.query_params.get("from", "0")
        if not first.isdecimal() or len(first) > 9:
            raise HTTPException(400, f"from: found {first[:40]!r}; expected a number")
        id = IncidentId(request.path_params["number"])
        async with self._desks.database.reading() as tx:
            incident = await incidents.get(tx, id)
            every = urgent_first(await alerts.of_incident(tx, id))
        people, now = self._desks.playbook().people, self._desks.clock.utc_now()
        start = min(int(first), max(0, len(every) - 1) // AT_ONCE * AT_ONCE)
        shown, shared = every[start : start + AT_ONCE], _shared(every)
        text = self._template.render(
            number=int(id),
            title=title(incident),
            severity=str(incident.severity),
            state=standing(incident, people, now),
            firing=sum(alert.is_firing for alert in every),
            total=len(every),
            first=start + 1,
            last=start + len(shown),
            before=max(0, start - AT_ONCE) if start else None,
            after=start + AT_ONCE if start + AT_ONCE < len(every) else None,
            shared=_written(shared),
            rows=[_row(alert, shared, people, now) for alert in shown],
        )
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def _shared(every: Sequence[Alert]) -> frozenset[tuple[str, str]]:
    """Return what all of them have in common, which is said once."""
    common = set(every[0].labels) if every else set()
    for alert in every[1:]:
        common.intersection_update(alert.labels)
        if not common:
            break
    return frozenset(common)


def _row(alert: Alert, shared: frozenset[tuple[str, str]], people: Any, now: Any) -> dict[str, str]:
    state = str(alert.status)
    if alert.is_firing and alert.muted:
        state = f"muted, {named(alert.muted, people)}"
    elif alert.is_firing and alert.no_data_since:
        state = "firing, no data"
    return {
        "severity": str(alert.severity),
        "state": state,
        "labels": _written(frozenset(alert.labels) - shared),
        "value": "" if alert.value is None else number(alert.value),
        "since": clock_time(alert.starts_at, now),
        "summary": shortened(flat(alert.annotations.get("summary")), LONGEST),
    }


def _written(pairs: frozenset[tuple[str, str]]) -> str:
    shown = (f"{flat(name)}={shortened(flat(value), LONGEST)}" for name, value in sorted(pairs))
    return " ".join(shown)
