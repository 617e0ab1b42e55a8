"""The JSON API: commands and incidents, for the command line and for scripts."""

import asyncio
import base64
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.backtested import as_json, backtest, table, told
from bot.chat.speak import speak
from bot.chat.verb import Reply
from bot.web.auth import Tokens
from bot.web.parts import Parts
from bot.web.reading import read_json
from routing.alerts.flap import said
from routing.alerts.group import urgent_first
from routing.flow.ahead import ahead_of
from routing.rules.read import parse_rules
from storage.errors import ConfigError
from storage.model.alert import Alert
from storage.model.audit import AuditRow
from storage.model.incident import Incident, IncidentId, Status
from storage.model.person import Permission, Person, PersonId
from storage.sql import alerts, audit, incidents
from storage.units import parse_duration

MOST_LISTED, MOST_ALERTS = 500, 50
LARGEST_RULES = 2 << 20


def routes(parts: Parts) -> list[Route]:
    """Return the routes of the API; each needs a bearer token that names a person."""
    api = Api(parts)
    return [
        Route("/api/v1/command", api.command, methods=["POST"]),
        Route("/api/v1/backtest", api.backtest, methods=["POST"]),
        Route("/api/v1/incidents", api.list, methods=["GET"]),
        Route("/api/v1/incidents/{number:int}", api.show, methods=["GET"]),
    ]


class Api:
    """The API's answers."""

    def __init__(self, parts: Parts) -> None:
        self._desks = parts.desks
        self._tokens = Tokens(lambda: parts.keys().people_tokens)

    async def command(self, request: Request) -> Response:
        """Say a sentence: `{"text": "ack 12 for 2h"}`; answers what the speaker hears."""
        person = self.person(request)
        text = (await read_json(request, 16_384)).get("text")
        if not isinstance(text, str) or not text.strip():
            raise HTTPException(400, 'expected {"text": "..."}')
        reply = await speak(
            text, person=person, who=person.id, via="cli", origin="", desks=self._desks
        )
        return JSONResponse(reply_as_json(reply))

    async def backtest(self, request: Request) -> Response:
        """Try rules on history: `{"rules": "groups: ...", "since": "30d", "rule": "Name"}`."""
        self.person(request)
        asked = await read_json(request, LARGEST_RULES)
        text, name = asked.get("rules"), asked.get("rule", "")
        if not isinstance(text, str) or not isinstance(name, str):
            raise HTTPException(400, 'expected {"rules": "...", "since": "30d", "rule": "..."}')
        try:
            since = parse_duration(str(asked.get("since", "30d")))
            groups = await asyncio.to_thread(parse_rules, text, str(asked.get("file", "rules")))
            found = await backtest(self._desks, groups, since, name)
        except (ValueError, ConfigError) as error:
            raise HTTPException(400, str(error)) from error
        answer = {"text": told(found, since), "table": [list(row) for row in table(found)]}
        return JSONResponse({**answer, "rules": as_json(found)})

    async def list(self, request: Request) -> Response:
        """Answer the newest incidents: `?status=open|triggered|...&limit=50`."""
        self.person(request)
        async with self._desks.database.reading() as tx:
            found = await incidents.search(
                tx, statuses=_statuses(request), limit=_limit(request), newest_first=True
            )
        return JSONResponse({"incidents": [incident_as_json(incident) for incident in found]})

    async def show(self, request: Request) -> Response:
        """Answer one incident, its most urgent alerts, what is due, its history; or 404."""
        self.person(request)
        number = IncidentId(min(request.path_params["number"], 2**62))
        async with self._desks.database.reading() as tx:
            incident = await incidents.get(tx, number)
            some = (await alerts.most_urgent(tx, {number: incident.total}, MOST_ALERTS))[number]
            story = await audit.of_incident(tx, number)
            due = await ahead_of(tx, incident, self._desks.clock, self._desks.playbook())
        ahead = [{"at": it.at.isoformat(), "what": it.what} for it in due]
        told = {**incident_as_json(incident), "next": ahead}
        told["alerts"] = [alert_as_json(alert) for alert in urgent_first(some)]
        told["alerts_left_out"] = max(0, incident.total - len(some))
        return JSONResponse({**told, "history": [*map(_line, story)]})

    def person(self, request: Request) -> Person:
        """Return who asks; raises HTTPException 401 or 403."""
        owner = PersonId(self._tokens.owner(request))
        person = self._desks.playbook().people.get(owner)
        if person is None or not person.may(Permission.VIEW):
            raise HTTPException(403, "this token names nobody who is known any more")
        return person


def _statuses(request: Request) -> frozenset[Status] | None:
    word = request.query_params.get("status", "")
    if not word:
        return None
    if word == "open":
        return frozenset(status for status in Status if status.is_open)
    if word not in set(Status):
        raise HTTPException(400, f"status: one of open, {', '.join(Status)}")
    return frozenset({Status(word)})


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "50")
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_LISTED:
        raise HTTPException(400, f"limit: a number from 1 to {MOST_LISTED}")
    return int(text)


def reply_as_json(reply: Reply) -> dict[str, Any]:
    """Write what a verb answered; attachments as base64."""
    return {
        "text": reply.text,
        "table": [list(row) for row in reply.table],
        "attachments": [
            {
                "name": file.name,
                "media_type": file.media_type,
                "content_base64": base64.b64encode(file.content).decode(),
            }
            for file in reply.attachments
        ],
        "refused": reply.refused,
    }


def incident_as_json(incident: Incident) -> dict[str, Any]:
    """Write an incident; times in ISO 8601, UTC."""
    return {
        "number": incident.id,
        "title": incident.title,
        "status": incident.status,
        "severity": incident.severity,
        "category": incident.category,
        "policy": incident.policy.name,
        "owner": incident.owner,
        "firing": incident.firing,
        "total": incident.total,
        "opened_at": incident.opened_at.isoformat(),
        "acknowledged_at": _iso(incident.acknowledged_at),
        "snoozed_until": _iso(incident.snoozed_until),
        "resolved_at": _iso(incident.resolved_at),
        "resolved_by": incident.resolved_by,
        "no_data_since": _iso(incident.no_data_since),
        "undelivered": incident.undelivered,
        "muted": incident.muted,
        "quiet": incident.quiet,
        "flapping": said(incident.flaps) if incident.status.is_open else "",
        "verdict": incident.verdict,
        "verdict_by": incident.verdict_by,
        "verdict_at": _iso(incident.verdict_at),
    }


def alert_as_json(alert: Alert) -> dict[str, Any]:
    """Write an alert as an incident has it; times in ISO 8601, UTC."""
    return {
        "fingerprint": alert.fingerprint,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "status": alert.status,
        "starts_at": alert.starts_at.isoformat(),
        "ends_at": _iso(alert.ends_at),
        "muted": alert.muted,
    }


def _iso(at: Any) -> str | None:
    return at.isoformat() if at else None


def _line(row: AuditRow) -> dict[str, Any]:
    return {
        "at": row.at.isoformat(),
        "actor": row.actor,
        "via": row.via,
        "what": row.what,
        "because": row.because,
    }
