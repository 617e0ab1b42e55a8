"""The console page: a workspace in the browser, over the same commands as every other mouth."""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.channels.console import MOST_STREAMS, NAME, Console, Told
from bot.chat.speak import speak
from bot.chat.verb import Attachment, Reply
from bot.web.auth import csrf_token, hand_out_csrf, require_csrf, require_loopback
from bot.web.parts import Parts
from bot.web.reading import read_json
from storage.model.person import Person

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
MOST_FILES = 40
SHOWN = frozenset({"image/png", "image/jpeg"})
"""What a browser may show from here; everything else is downloaded."""


def routes(parts: Parts, console: Console) -> list[BaseRoute]:
    """Return the routes of the page; the caller mounts them on a loopback listener only."""
    page = Page(parts, console)
    return [
        Route("/", page.page),
        Route("/incidents/{number:int}", page.page),
        Route("/console/events", page.events),
        Route("/console/say", page.say, methods=["POST"]),
        Route("/console/files/{name}", page.file),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


class Page:
    """The page and what it calls."""

    def __init__(self, parts: Parts, console: Console) -> None:
        self._parts, self._console = parts, console
        self._files: OrderedDict[str, Attachment] = OrderedDict()

    @cached_property
    def _template(self) -> "Template":
        """The page's template; jinja2 takes 2 MiB and is imported by the first reader."""
        from jinja2 import Environment, FileSystemLoader

        templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
        return templates.get_template("console.html")

    async def page(self, request: Request) -> Response:
        """Answer the page itself."""
        require_loopback(request)
        token = csrf_token(request)
        response = HTMLResponse(
            self._template.render(
                csrf=token,
                extras=self._parts.page_extras,
                rooms=json.dumps(self._rooms()),
                you=person.name if (person := self._person()) else "you",
            ),
            headers={"Cache-Control": "no-store"},
        )
        hand_out_csrf(response, token)
        return response

    async def events(self, request: Request) -> Response:
        """Stream what stands in the rooms and what comes, as server-sent events."""
        require_loopback(request)
        if self._console.readers >= MOST_STREAMS:
            raise HTTPException(503, f"{MOST_STREAMS} pages are open; close one")
        return StreamingResponse(
            _written(self._console.stream()),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def say(self, request: Request) -> Response:
        """Say a sentence as the person at the page: `{"text": "/ack 12", "room": "alarms"}`."""
        require_csrf(request)
        asked = await read_json(request, 16_384)
        text, room = asked.get("text"), asked.get("room", "")
        if not isinstance(text, str) or not isinstance(room, str):
            raise HTTPException(400, 'expected {"text": "...", "room": "..."}')
        person = self._person()
        reply = await speak(
            text,
            person=person,
            who=person.id if person else f"whoever sits at the {NAME}",
            via=NAME,
            origin=room[:200],
            desks=self._parts.desks,
        )
        return JSONResponse(self._reply(reply))

    async def file(self, request: Request) -> Response:
        """Answer a picture or a table that came with a reply."""
        require_loopback(request)
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404, "this file is not kept any more; ask again")
        headers = {}
        if file.media_type not in SHOWN:
            name = "".join(c for c in file.name if c.isascii() and (c.isalnum() or c in "._-"))
            headers["Content-Disposition"] = f'attachment; filename="{name or "file"}"'
        return Response(file.content, media_type=file.media_type, headers=headers)

    def _rooms(self) -> list[str]:
        """Return the console's rooms that the policies name, each once."""
        policies = self._parts.desks.playbook().policies.values()
        rooms = (room for policy in policies for room in policy.rooms)
        return list(dict.fromkeys(room.address for room in rooms if room.channel == NAME))

    def _person(self) -> Person | None:
        known = self._parts.keys().console_person
        return self._parts.desks.playbook().people.get(known) if known else None

    def _reply(self, reply: Reply) -> dict[str, Any]:
        return {
            "text": reply.text,
            "table": [list(row) for row in reply.table],
            "files": [self._keep(file) for file in reply.attachments],
            "confirm": None if reply.confirm is None else asdict(reply.confirm),
        }

    def _keep(self, file: Attachment) -> dict[str, Any]:
        """Keep a file for the page to fetch; the oldest goes when there are too many."""
        key = token_urlsafe(16)
        self._files[key] = file
        while len(self._files) > MOST_FILES:
            self._files.popitem(last=False)
        return {
            "name": file.name,
            "address": f"/console/files/{key}",
            "is_picture": file.media_type in SHOWN,
        }


async def _written(told: AsyncIterator[Told]) -> AsyncIterator[str]:
    """Write events as the format of server-sent events wants them."""
    async for event in told:
        yield f"event: {event.name}\ndata: {json.dumps(event.data, ensure_ascii=True)}\n\n"
