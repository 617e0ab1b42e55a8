"""Mounts every door: who may tell, what, how much; 2xx means that all that was taken is on disk."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import bot.doors
from bot.doors.door import Arrived, Caller, Door
from bot.ingest.gzipped import gunzip
from bot.ingest.json_body import Values, read_json
from bot.web.ingest import IN_A_THREAD, SOON, Fault, counted, read_body
from bot.web.ingest import Door as Gate
from bot.web.parts import Parts
from routing.flow.hear import Hearing
from routing.plugins import collect
from storage.model.alert import Origin

log = structlog.get_logger(__name__)

MOST_TOLD = 20
"""Refused entries that an answer names; the others are counted."""


def routes(parts: Parts) -> list[Route]:
    """Return a POST route for each door, those with a name of their own first."""
    if parts.hearing is None:
        return []
    gate, known = Gate(parts), collect(bot.doors, Door).values()
    return [
        _route(door, gate, parts, parts.hearing)
        for door in sorted(known, key=lambda door: "{" in door.path)
    ]


def _route(door: Door, gate: Gate, parts: Parts, hearing: Hearing) -> Route:
    async def receive(request: Request) -> Response:
        if door.fault is not None:
            request.state.fault = Fault("application/json", _worded(door))
        if not parts.is_accepting():
            raise HTTPException(503, "shutting down; send it again", headers=SOON)
        source = "" if door.prove else _admitted(gate, parts, request)
        with counted(parts, source or door.name):
            async with gate.room_for(source or door.name, request):
                body = await read_body(request, parts, source)
                source = source or _proven(door, gate, parts, request, body)
                caller = Caller(
                    source=source,
                    now=parts.desks.clock.utc_now(),
                    headers=dict(request.headers),
                    mapping=parts.keys().mappings.get(source),
                )
                arrived = await _read(door, request, body, caller, parts.limits.unpacked_bytes)
                await _take(door, arrived, source, hearing)
        return _answer(door, source, arrived)

    return Route(door.path, receive, methods=["POST"], name=f"door {door.name}")


def _admitted(gate: Gate, parts: Parts, request: Request) -> str:
    """Return who sends by its token, which must be that of the path; raises HTTPException."""
    source = gate.admit(request, basic=True)
    named = str(request.path_params.get("source", source))
    if named != source and source in (*parts.keys().ingest_tokens, *parts.keys().open_sources):
        raise HTTPException(403, f"this is the token of {source!r}; the path names {named!r}")
    return named


def _proven(door: Door, gate: Gate, parts: Parts, request: Request, body: bytes) -> str:
    """Return who sends by the protocol's own proof, or else by a token; raises HTTPException."""
    assert door.prove is not None
    tokens = parts.keys().ingest_tokens
    return door.prove(request.headers, body, tokens) or _admitted(gate, parts, request)


async def _read(door: Door, request: Request, body: bytes, caller: Caller, limit: int) -> Arrived:
    """Read the body as JSON and hand it to the door; raises BadPayload, TooLarge."""
    packed = request.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity", "gzip"):
        raise HTTPException(415, f"Content-Encoding {packed[:40]}: gzip or none is read")

    def read() -> Arrived:
        plain = gunzip(body, limit, Values().add) if packed == "gzip" else body
        return door.read(read_json(plain), caller)

    # What is packed may be a hundred times as large.
    if len(body) < (IN_A_THREAD >> 4 if packed == "gzip" else IN_A_THREAD):
        return read()
    return await asyncio.to_thread(read)


async def _take(door: Door, arrived: Arrived, source: str, hearing: Hearing) -> None:
    if arrived.alerts or arrived.keyed or arrived.over:
        by = Origin(door=door.name, left_out=arrived.left_out)
        alerts = [replace(alert, origin=by) for alert in arrived.alerts]
        keyed = {key: replace(alert, origin=by) for key, alert in arrived.keyed.items()}
        await hearing.alerts(source, alerts, keyed, arrived.over)
    await hearing.taken_up(source, arrived.taken_up)
    await hearing.changes(arrived.changes)


def _answer(door: Door, source: str, arrived: Arrived) -> Response:
    """Say what was taken: 207 where a part was not, 400 where nothing was."""
    counted = (arrived.alerts, arrived.keyed, arrived.over, arrived.taken_up, arrived.changes)
    taken = sum(map(len, counted))
    told: dict[str, Any] = {"taken": taken, **arrived.reply}
    if arrived.ignored:
        told["ignored"] = arrived.ignored
    if arrived.left_out:
        told["left_out"] = arrived.left_out
        log.warning(
            "the sender left alerts out; set its max_alerts to 0",
            source=source,
            door=door.name,
            left_out=arrived.left_out,
        )
    if not arrived.refused:
        return JSONResponse(told, status_code=door.status)
    first = [{"index": it.index, "error": it.error} for it in arrived.refused[:MOST_TOLD]]
    told |= {"refused": len(arrived.refused), "errors": first}
    log.warning(
        "alerts refused",
        source=source,
        door=door.name,
        refused=len(arrived.refused),
        example=first[0]["error"],
    )
    return JSONResponse(told, status_code=207 if taken else 400)


def _worded(door: Door) -> Any:
    def word(kind: str, status: int, why: str) -> bytes:
        del kind
        told: Mapping[str, Any] = door.fault(status, why) if door.fault else {}
        return json.dumps(told).encode()

    return word
