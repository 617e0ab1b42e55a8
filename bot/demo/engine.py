"""The demo inside the engine: the page's switches for the shop, the kill button, the receipt."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.channels.console import Console
from bot.demo.chart import DARK, LIGHT, svg
from bot.demo.family import until_orphaned
from bot.demo.scene import Scene
from bot.demo.shop import TOKEN_HEADER, Mood
from bot.web.auth import require_csrf, require_loopback
from routing.flow.desks import Desks

log = structlog.get_logger(__name__)

EXTRA = "demo"
"""The name of the page's extra script and style sheet."""
TELL_EVERY = 0.5
PATIENCE = aiohttp.ClientTimeout(total=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlace:
    """Where the demo stands: its directory, the switch's token, the supervisor's process."""

    directory: Path
    token: str
    parent: int


def demo_place(environ: Mapping[str, str]) -> DemoPlace | None:
    """Return where the demo stands; None where this is no demo, but Tocsin itself."""
    directory = environ.get("TOCSIN_DEMO_DIRECTORY")
    if not directory:
        return None
    return DemoPlace(
        directory=Path(directory),
        token=environ["TOCSIN_DEMO_TOKEN"],
        parent=int(environ["TOCSIN_DEMO_PARENT"]),
    )


class Demo:
    """What a demo adds to the engine. Open it, hand its `routes` to the server, `start` it."""

    def __init__(self, place: DemoPlace, desks: Desks, console: Console) -> None:
        self._place, self._console = place, console
        self._scene = Scene(place.directory, desks, console)
        self._tasks: list[asyncio.Task[None]] = []

    def routes(self) -> list[Route]:
        """Return the demo's routes; all of them for our own page only."""
        return [
            Route("/demo/state", self.state),
            Route("/demo/outage.svg", self.outage),
            Route("/demo/shop/{mood}", self.switch, methods=["POST"]),
            Route("/demo/kill", self.kill, methods=["POST"]),
        ]

    def start(self) -> None:
        """Begin to tell the pages; end the engine should its supervisor die."""
        self._tasks = [
            asyncio.create_task(self._tell_on(), name="demo"),
            asyncio.create_task(self._end_with_the_family(), name="demo family"),
        ]

    async def stop(self) -> None:
        """Tell no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def state(self, request: Request) -> Response:
        """Answer what the pages are told twice a second."""
        require_loopback(request)
        return JSONResponse(await self._state())

    async def outage(self, request: Request) -> Response:
        """Draw the latest outage with its moments; 404 before the first."""
        require_loopback(request)
        outage = await self._scene.outage()
        if outage is None:
            raise HTTPException(404, "nothing has been broken yet")
        palette = DARK if request.query_params.get("theme") == "dark" else LIGHT
        return Response(svg(outage, palette), media_type="image/svg+xml")

    async def switch(self, request: Request) -> Response:
        """Break the shop, or mend it."""
        require_csrf(request)
        mood = request.path_params["mood"]
        if mood not in set(Mood):
            raise HTTPException(404, f"the shop can be one of {', '.join(Mood)}")
        return JSONResponse(await self._shop("POST", mood))

    async def kill(self, request: Request) -> Response:
        """End this very process by SIGKILL, right after the answer; the supervisor restarts it."""
        require_csrf(request)
        log.warning("killed by the demo's button", pid=os.getpid())
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGKILL)
        return JSONResponse({"pid": os.getpid()}, status_code=202)

    async def _shop(self, method: str, mood: str = "") -> dict[str, Any]:
        try:
            address = json.loads((self._place.directory / "shop.json").read_text())["address"]
            async with (
                aiohttp.ClientSession(timeout=PATIENCE) as session,
                session.request(
                    method,
                    f"{address}/-/switch",
                    params={"mood": mood},
                    headers={TOKEN_HEADER: self._place.token},
                ) as answer,
            ):
                answer.raise_for_status()
                told: dict[str, Any] = await answer.json()
                return told
        except (OSError, ValueError, KeyError, TimeoutError, aiohttp.ClientError) as error:
            raise HTTPException(503, f"the shop does not answer: {type(error).__name__}") from error

    async def _state(self) -> dict[str, Any]:
        try:
            shop = await self._shop("GET")
        except HTTPException:
            shop = {}
        return await self._scene.state(shop)

    async def _tell_on(self) -> None:
        """Tell every open page how the shop, the phone and the receipt stand."""
        while True:
            try:
                state = await self._state()
                self._console.tell("demo", state)
            except Exception as error:
                # The story is told again in half a second; the product does not depend on it.
                log.warning(
                    "the demo's page was not told", error=f"{type(error).__name__}: {error}"
                )
            await asyncio.sleep(TELL_EVERY)

    async def _end_with_the_family(self) -> None:
        await until_orphaned(self._place.parent)
        with suppress(ProcessLookupError):
            os.kill(os.getpid(), signal.SIGTERM)
