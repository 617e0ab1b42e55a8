"""Slack's side of HTTP: what people do is posted to the app's Request URL, signed."""

import asyncio
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import aiohttp

from tests.vendors.slack_interaction import ACK_LIMIT, Interaction
from tests.vendors.slack_wire import object_of, signed
from tests.vendors.slack_workspace import Json

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
REASON = "http_timeout"


class RequestUrl:
    """The app's Request URL as Slack calls it.

    url:  where it is; empty while the app uses Socket Mode.
    now:  Unix seconds by Slack's clock.
    took: told of every receipt and its payload.
    """

    def __init__(self, signing_secret: str, took: Callable[[Interaction, Json], None]) -> None:
        self.url = ""
        self.now: Callable[[], float] = time.time
        self._secret, self._took = signing_secret, took
        self._sending: set[asyncio.Task[int]] = set()

    async def deliver(self, interaction: Interaction, retry: int = 0) -> None:
        """Begin to send; what becomes of it is noted in the interaction."""
        interaction.deliveries += 1
        again = {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": REASON} if retry else {}
        if retry:  # a later try is signed anew
            again |= signed(self._secret, body_of(interaction)[0], self.now() + retry)
        task = asyncio.create_task(self.send(interaction, **again))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def send(self, interaction: Interaction, **headers: str) -> int:
        """Send and return the HTTP status, 0 where none came.

        headers: replace what would be sent, to forge or replay a request.
        """
        body, kind = body_of(interaction)
        sent = {"Content-Type": kind, **signed(self._secret, body, self.now()), **headers}
        interaction.headers = sent
        status, text = await self.post(body, sent)
        interaction.statuses.append(status)
        if status == 200:
            self._took(interaction, object_of(text) or ({"text": text} if text else {}))
        else:
            interaction.failed = f"dispatch_failed: http status {status}"
            interaction.pulse.beat()
        return status

    async def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Post whatever is given; return the status and the text that came within Slack's 3 s."""
        patience = aiohttp.ClientTimeout(total=ACK_LIMIT)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.post(self.url, data=body, headers=headers) as answer,
            ):
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    async def close(self) -> None:
        """Give up what is being sent."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)


def body_of(interaction: Interaction) -> tuple[bytes, str]:
    """Return the body as Slack writes it for this kind, and its content type."""
    payload = interaction.payload
    if interaction.kind == "events_api":
        return json.dumps(payload).encode(), JSON
    fields = payload if interaction.kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(fields).encode(), FORM
