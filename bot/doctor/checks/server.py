"""Does Tocsin run here, and is it ready; do the links in messages lead anywhere."""

from collections.abc import AsyncIterator

import aiohttp

from bot.doctor.check import Check, Patient
from bot.doctor.wires import Unreachable, aging, greet
from routing.finding import Finding, Group

PATIENCE = 5.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Ask it whether it is ready; not running is no fault."""
    listen = patient.config.server.listen
    host = EVERYWHERE.get(listen.host, listen.host)
    here = f"http://{f'[{host}]' if ':' in host else host}:{listen.port}"
    yield await _ready(here, group)
    public = patient.config.server.public_url
    if public is None:
        return
    try:
        wire = await greet(public)
    except Unreachable as error:
        text = f"the links in messages lead nowhere from here: {error}"
        yield group.warning(text, f"check server.public_url; {error.advice}")
        return
    yield group.ok(f"links in messages: {wire.what}")
    for finding in aging(wire.host, wire.expires, patient.clock.utc_now(), group):
        yield finding


async def _ready(url: str, group: Group) -> Finding:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url}/-/ready", allow_redirects=False) as answer,
        ):
            status, said = answer.status, (await answer.text())[:300]
    except aiohttp.ClientConnectorError:
        return group.ok(f"does not run at {url}")
    except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
        text = f"{url} does not answer like Tocsin ({type(error).__name__})"
        return group.fault(text, "look at its log")
    if status != 200:
        return group.fault(f"{url} runs and is not ready: {said}", "look at its log")
    return group.ok(f"runs at {url} and is ready")


CHECK = Check(name="server", examine=examine)
