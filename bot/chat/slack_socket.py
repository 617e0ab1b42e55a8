"""Socket Mode kept open: through refreshes, cut wires, half-open wires and long outages.

slack_sdk comes back by itself from most of it. What it cannot mend (an address that went stale
while Slack was away, a wire that nobody closes) is mended by throwing the client away.
"""

import asyncio
import logging
from contextlib import suppress

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.channels.slack_errors import explained
from routing.delivery.channel import Rejected

log = structlog.get_logger(__name__)

PING = 2.0  # seconds; the library's 10 would notice a half-open wire only after 20
PATIENCE = 8.0  # seconds to connect
LOOK = 0.5  # seconds between two looks at the wire
GRACE = 5.0  # seconds in which slack_sdk may come back by itself
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between two attempts
REFUSED_PAUSE = 60.0  # seconds; somebody has to correct a token meanwhile

# Its reports of single attempts would flood a log in an outage; ours are one line each way.
_quiet = logging.getLogger("tocsin.slack.socket")
_quiet.setLevel(logging.CRITICAL + 1)


class Socket:
    """One app's line to Slack.

    problem: why there is none at present, with what to do; empty while it stands.
    """

    def __init__(self, app: AsyncApp, app_token: str, client: AsyncWebClient) -> None:
        self._app, self._token, self._web = app, app_token, client
        self._handler: AsyncSocketModeHandler | None = None
        self.problem = "not connected yet"

    async def run(self) -> None:
        """Keep the line open until cancelled."""
        failures = 0
        while True:
            try:
                await self._hold()
                failures, pause = 0, PAUSES[0]
                self._tell("the connection broke")
            except Exception as error:
                reason = explained(error, "Slack, Socket Mode")
                final = isinstance(reason, Rejected)
                pause = REFUSED_PAUSE if final else PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                self._tell(f"{reason}; check channels.slack.app_token" if final else str(reason))
            finally:
                await self._close()
            await asyncio.sleep(pause)

    async def _hold(self) -> None:
        """Connect, and return once the line is beyond slack_sdk's help."""
        self._handler = AsyncSocketModeHandler(
            self._app, self._token, logger=_quiet, web_client=self._web, ping_interval=PING
        )
        client = self._handler.client
        async with asyncio.timeout(PATIENCE):
            # Asked for here, since `connect` would swallow the refusal and ask for ever.
            client.wss_uri = await client.issue_new_wss_url()
            await client.connect()  # type: ignore[no-untyped-call]
        self.problem = ""
        log.info("connected to Slack")
        gone = 0.0
        while gone < GRACE:
            await asyncio.sleep(LOOK)
            gone = 0.0 if await client.is_connected() else gone + LOOK

    def _tell(self, problem: str) -> None:
        if not self.problem or self.problem == "not connected yet":
            log.warning("no connection to Slack; trying again", reason=problem)
        self.problem = problem

    async def _close(self) -> None:
        handler, self._handler = self._handler, None
        if handler is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(2.0):  # a half-open wire does not answer a farewell
                await handler.close_async()  # type: ignore[no-untyped-call]
        await handler.client.aiohttp_client_session.close()
        await asyncio.sleep(0)  # the client cancels its tasks without waiting for them
