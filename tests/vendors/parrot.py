"""A server that repeats to whoever asks all that it was told, secrets included, in many ways."""

import base64
import json
from collections import Counter
from typing import Any, Self

from aiohttp import web

from tests.vendors.loopback import Loopback, reset


class Parrot:
    """Stands for any vendor, with an answer that quotes path, headers, body and password.

    heard: how often each first part of a path was asked for (`/api/...` counts as `api`).
    """

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()
        self._turn = 0
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._door = Loopback(app)
        self.url = self._door.url

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._door.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.heard[request.path.split("/")[1]] += 1
        self._turn += 1
        said = await self._said(request)
        match self._turn % 7:
            case 0:
                return web.Response(status=401, text=said)
            case 1:
                error: Any = {"code": 20003, "message": said, "status": 401, "error": said}
                return web.json_response({"ok": False, **error}, status=400)
            case 2:
                return web.json_response({"ok": False, "error": said, "errors": [said]})
            case 3:
                return web.Response(status=500, text=f"<html>{said}</html>")
            case 4:
                reset(request.transport)
                return web.Response()
            case 5:
                told = {"status": "error", "errorType": "bad_data", "error": said}
                return web.json_response(told, status=422)
        return web.Response(status=404, text=said, headers={"X-Said": said[:500]})

    async def _said(self, request: web.Request) -> str:
        """Quote the request; a basic password in clear, as some servers do."""
        headers = dict(request.headers)
        given = headers.get("Authorization", "")
        if given.startswith("Basic "):
            headers["Decoded"] = base64.b64decode(given[6:]).decode()
        body = (await request.read())[:2_000].decode(errors="replace")
        quoted = json.dumps(headers)
        said = f"you said {request.method} {request.path_qs} {quoted} {body}"
        return "".join(char if char.isprintable() else " " for char in said)
