"""Alertmanager's API v2: Prometheus sends alerts here; amtool, karma and Grafana read and silence.

The rules are those of Alertmanager, so that what drives one drives the other; docs/alertmanager.md
says where they differ.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.doors.alert_json import read_each
from bot.ingest.format import BadPayload, TooLarge
from bot.ingest.json_body import read_json
from bot.web.alertmanager_asked import Seen, alert_of, asked_of, silence_asked
from bot.web.alertmanager_config import config_text
from bot.web.alertmanager_json import (
    FAR,
    SPOKEN,
    Json,
    alert_json,
    group_json,
    silence_json,
    time_json,
)
from bot.web.auth import Readers
from bot.web.ingest import IN_A_THREAD, counted, read_body
from bot.web.ingest import Door as Gate
from bot.web.parts import Parts
from bot.web.speakers import Speaker, Speakers
from routing.alerts.intervals import active_at
from routing.alerts.route import Branch, Tree
from routing.flow.hear import Hearing
from routing.flow.silence import SilenceDesk
from storage.errors import BotError, MetricsUnavailable, StorageUnavailable, UnknownSilence
from storage.model.person import Permission
from storage.model.silence import Silence, SilenceState
from storage.sql import silences, standing

ROOT = "/api/v2"
VIA = "alertmanager api"
MOST_TOLD = 20
"""Refused alerts that an answer names; the others are counted."""
PAGE = 250
"""Alerts that are read, or written, in one go: the event loop waits for that."""
GROUPS = 5
"""Groups that are written in one go; one may hold thousands of alerts."""
JSON_TYPE = "application/json"
ORDER = (SilenceState.ACTIVE, SilenceState.PENDING, SilenceState.EXPIRED)

Answer = Callable[[Request], Awaitable[Response]]


def routes(parts: Parts) -> list[Route]:
    """Return the routes; none where alerts of others are not taken."""
    if parts.hearing is None:
        return []
    api = Alertmanager(parts, parts.hearing)
    answers: list[tuple[str, str, Answer]] = [
        ("GET", "/alerts", api.alerts),
        ("POST", "/alerts", api.take),
        ("GET", "/alerts/groups", api.groups),
        ("GET", "/silences", api.silences),
        ("POST", "/silences", api.silence),
        ("GET", "/silence/{uuid}", api.one_silence),
        ("DELETE", "/silence/{uuid}", api.expire),
        ("GET", "/receivers", api.receivers),
        ("GET", "/status", api.status),
    ]
    return [
        Route(ROOT + path, _answering(answer), methods=[method], name=f"{method} {path}")
        for method, path, answer in answers
    ]


def _answering(answer: Answer) -> Answer:
    """Wrap an answer: its errors as Alertmanager tells them, a JSON text."""

    async def respond(request: Request) -> Response:
        try:
            return await answer(request)
        except HTTPException as error:
            return JSONResponse(error.detail, error.status_code, headers=error.headers)
        except TooLarge as error:
            return JSONResponse(str(error), 413, headers={"Connection": "close"})
        except UnknownSilence as error:
            return JSONResponse(str(error), 404)
        except (StorageUnavailable, MetricsUnavailable) as error:
            return JSONResponse(str(error), 503, headers={"Retry-After": "5"})
        except BotError as error:
            return JSONResponse(str(error), 400)
        except ClientDisconnect:
            return JSONResponse("the client went away", 499)

    return respond


class Alertmanager:
    """The API's answers."""

    def __init__(self, parts: Parts, hearing: Hearing) -> None:
        self._parts, self._desks, self._hearing = parts, parts.desks, hearing
        desks, self._gate = parts.desks, Gate(parts)
        self._silences = SilenceDesk(desks.database, desks.clock, desks.playbook, desks.wake)
        self._readers, self._speakers = Readers(parts), Speakers(parts)
        self._started = parts.desks.clock.utc_now()

    async def take(self, request: Request) -> Response:
        """Take alerts. Of several the good ones are taken; 400 names the others by their place."""
        source = self._gate.admit(request, basic=True)
        with counted(self._parts, source):
            async with self._gate.room_for(source, request):
                body = await read_body(request, self._parts, source)
                now, playbook = self._desks.clock.utc_now(), self._desks.playbook()
                timeout = playbook.resolve_timeout

                def read() -> Any:
                    entries = read_json(body) or []  # null is how Go writes an empty list
                    if not isinstance(entries, list):
                        raise BadPayload("expected a list of alerts")
                    return read_each(entries, lambda it: alert_of(it, source, now, timeout))

                small = len(body) < IN_A_THREAD
                alerts, refused = read() if small else await asyncio.to_thread(read)
                if alerts:
                    await self._hearing.alerts(source, alerts, {}, ())
        if not refused:
            return JSONResponse({})
        told = "; ".join(f"alert {it.index}: {it.error}" for it in refused[:MOST_TOLD])
        more = f"; and {len(refused) - MOST_TOLD} more" if len(refused) > MOST_TOLD else ""
        return JSONResponse(f"{len(alerts)} taken, {len(refused)} refused: {told}{more}", 400)

    async def alerts(self, request: Request) -> Response:
        """Answer every alert that fires and is asked for, by fingerprint."""
        return _listed([written for written, _ in await self._seen(request)], PAGE)

    async def groups(self, request: Request) -> Response:
        """Answer the groups that alerts travel in."""
        found: dict[str, tuple[Branch, list[Json]]] = {}
        for written, branches in await self._seen(request):
            for branch in branches:
                found.setdefault(branch.group, (branch, []))[1].append(written)
        every = [
            group_json(branch.key.labels, branch.key.policy, alerts)
            for branch, alerts in sorted(found.values(), key=lambda it: _order(it[0]))
        ]
        return _listed(every, GROUPS)

    async def _seen(self, request: Request) -> list[tuple[Json, Sequence[Branch]]]:
        """Look at every alert that fires, page by page: a storm is asked for while it rages."""
        self._readers.admit(request)
        asked, playbook = asked_of(request.query_params), self._desks.playbook()
        now = self._desks.clock.utc_now()
        times, tree = active_at(playbook.intervals, now), Tree(playbook)
        found: list[tuple[Json, Sequence[Branch]]] = []
        async with self._desks.database.reading() as tx:
            last = ""
            while some := await standing.firing_after(tx, last, PAGE):
                last = some[-1].fingerprint
                for it in some:
                    branches = tree.branches(it.alert.labels)
                    seen = Seen.of(branches, times)
                    if asked.wants(it, seen):
                        ends = it.alert.expires_at or now + playbook.resolve_timeout
                        kept = [way for way in branches if asked.receives(way.key.policy)]
                        found.append((alert_json(it, seen.receivers, seen.times, ends), kept))
        return found

    async def silences(self, request: Request) -> Response:
        """Answer silences and windows that people made: active, pending, then expired."""
        self._readers.admit(request)
        asked, now = asked_of(request.query_params), self._desks.clock.utc_now()
        async with self._desks.database.reading() as tx:
            every = await silences.search(tx)
        found = [it for it in every if asked.wants_silence(it)]
        found.sort(key=lambda it: _place(it, now))
        return JSONResponse([silence_json(it, now) for it in found])

    async def one_silence(self, request: Request) -> Response:
        """Answer one silence."""
        self._readers.admit(request)
        found = await self._silence(request)
        return JSONResponse(silence_json(found, self._desks.clock.utc_now()))

    async def _silence(self, request: Request) -> Silence:
        uuid = str(request.path_params["uuid"])
        async with self._desks.database.reading() as tx:
            found = await silences.by_uuid(tx, uuid)
        if found is None:
            raise HTTPException(404, f"silence {uuid[:80]} not found")
        return found

    async def silence(self, request: Request) -> Response:
        """Make a silence, or change the one whose id is given."""
        speaker = self._speakers.admit(request)
        body = read_json(await read_body(request, self._parts, ""))
        wanted = silence_asked(body, self._desks.clock.utc_now())
        await self._check_breadth(wanted, speaker)
        if wanted.uuid:
            done = await self._silences.change(wanted.uuid, wanted, actor=speaker.name, via=VIA)
        else:
            done = await self._silences.make(wanted, actor=speaker.name, via=VIA)
        return JSONResponse({"silenceID": done.uuid})

    async def _check_breadth(self, wanted: Silence, speaker: Speaker) -> None:
        """Let only an administrator hide very much; raises HTTPException 403."""
        if speaker.person is None or speaker.person.may(Permission.ADMIN):
            return
        breadth = await self._silences.breadth(wanted.matchers)
        if breadth.is_widest(self._desks.playbook().limits):
            raise HTTPException(403, f"this would hide {breadth}; that needs an administrator")

    async def expire(self, request: Request) -> Response:
        """End a silence now; one that is over stays over."""
        speaker = self._speakers.admit(request)
        found = await self._silence(request)
        if found.state(self._desks.clock.utc_now()) is not SilenceState.EXPIRED:
            await self._silences.expire(found.id, actor=speaker.name, via=VIA)
        return JSONResponse({})

    async def receivers(self, request: Request) -> Response:
        """Answer the policies: what Alertmanager calls receivers."""
        self._readers.admit(request)
        return JSONResponse([{"name": name} for name in sorted(self._desks.playbook().policies)])

    async def status(self, request: Request) -> Response:
        """Answer who this is."""
        self._readers.admit(request)
        told = {
            "version": SPOKEN,
            "revision": f"tocsin {version('tocsin')}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
        return JSONResponse(
            {
                "cluster": {"status": "disabled", "peers": []},
                "versionInfo": told,
                "config": {"original": config_text(self._desks.playbook())},
                "uptime": time_json(self._started),
            }
        )


def _order(branch: Branch) -> tuple[int, tuple[tuple[str, str], ...], str]:
    """Order groups as there: by their labels, then by who gets them."""
    labels = tuple(branch.key.labels)
    return len(labels), labels, branch.key.policy


def _place(silence: Silence, now: datetime) -> tuple[int, float]:
    """Order as there: what ends soonest, what begins soonest, what ended last."""
    state = silence.state(now)
    ends = (silence.ends_at or FAR).timestamp()
    key = {
        SilenceState.ACTIVE: ends,
        SilenceState.PENDING: silence.starts_at.timestamp(),
        SilenceState.EXPIRED: -ends,
    }
    return ORDER.index(state), key[state]


def _listed(found: Sequence[Json], at_once: int) -> Response:
    """Write a list as JSON, `at_once` entries at a time: of a storm it has tens of megabytes."""
    if len(found) <= at_once:
        return Response(_written(found), media_type=JSON_TYPE)

    async def pieces() -> AsyncIterator[bytes]:
        before = b"["
        for start in range(0, len(found), at_once):
            yield before + _written(found[start : start + at_once])[1:-1]
            before = b","
            await asyncio.sleep(0)
        yield b"]"

    return StreamingResponse(pieces(), media_type=JSON_TYPE)


def _written(some: Sequence[Json]) -> bytes:
    try:
        return orjson.dumps(some)
    except TypeError:  # half a character, which only an escape can carry
        return json.dumps(some).encode()
