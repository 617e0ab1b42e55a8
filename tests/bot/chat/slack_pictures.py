"""The pictures of docs/channels.md: real incidents in every state, as Slack shows them.

`python -m tests.bot.chat.slack_pictures docs/pictures/slack-states.png` draws them with Chromium.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.channels.slack import CHANNEL
from routing.delivery.channel import Rejected
from routing.flow.deliver import Sender
from storage.model.alert import Alert
from storage.model.labels import Labels
from storage.model.person import ContactPoint
from tests.bot.chat.slack_office import Office, member, office
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, CY, POLICY, alert, resolved
from tests.vendors.slack_page import page
from tests.vendors.slack_workspace import Json, User

Shown = tuple[str, Json, list[Json]]
NAMES = {"U1": "Ada", "U2": "Bob", "U5": "Cy"}


def slow(**labels: str) -> Alert:
    """Return an alert as a rule file writes them."""
    given = alert("CheckoutSlow", service="checkout", **labels)
    summary = "p99 of checkout is 2.5 s, above 800 ms for 5 minutes"
    runbook = "https://wiki.example.com/runbooks/checkout"
    return replace(given, annotations=Labels.of(summary=summary, runbook_url=runbook))


class Album:
    """Lets things happen in an office and keeps what the room shows."""

    def __init__(self, place: Office) -> None:
        self.place = place

    async def later(self, seconds: float) -> None:
        """Let time pass, with all that it brings."""
        town = self.place.town
        channels = {"slack": (CHANNEL, self.place.slack), "sms": (town.sms.kind(), town.sms)}
        town.sender = Sender(town.database, town.clock, channels, town.playbook, town.wake, "album")
        await town.turn(seconds)
        await town.turn(4.0)

    def taken(self, caption: str, *, thread: bool = True) -> Shown:
        """Return the newest message of the room as it stands now."""
        server = self.place.server
        top = server.messages("C1")[-1]
        replies = server.thread("C1", top.ts) if thread else []
        return (
            caption,
            {"text": top.text, "blocks": list(top.blocks)},
            [{"text": reply.text, "blocks": list(reply.blocks)} for reply in replies],
        )


@asynccontextmanager
async def album(*, by: tuple[str, ...] = ()) -> AsyncIterator[Album]:
    """An album of a new office. by: the channels that steps ask by, where not the usual."""
    with TemporaryDirectory() as folder:
        inside = Path(folder) / "office"
        inside.mkdir()
        async with office(inside) as place:
            place.server.limits.enforced = False  # the clock here is ours, that of Slack is not
            place.server.space.add_user(User(id="U5", name="cy"))
            team = {}
            for id, slack in ((ADA, "U1"), (BOB, "U2"), (CY, "U5")):
                known, phone = member(id, slack), ContactPoint(channel="sms", address=f"sms-{id}")
                team[id] = replace(known, contacts=(phone,) if by else (*known.contacts, phone))
            steps = tuple(replace(step, by=by) for step in POLICY.steps)
            playbook = place.town.playbook()
            place.town.playbook.swap(
                replace(
                    playbook,
                    people={**playbook.people, **team},
                    policies={"default": replace(POLICY, steps=steps)},
                )
            )
            yield Album(place)


async def states() -> list[Shown]:
    """Return every state, each as its own message."""
    found = []
    async with album() as it:
        await it.place.town.fire(slow())
        await it.later(1)
        found.append(it.taken("triggered"))
        await it.place.press("ack")
        await it.later(2)
        found.append(it.taken("acknowledged"))
        await it.place.press("snooze 30m")
        await it.later(2)
        found.append(it.taken("snoozed", thread=False))
        await it.place.town.fire(resolved(slow()))
        await it.later(2)
        found.append(it.taken("resolved"))
        await it.place.press("verdict false")
        await it.later(2)
        found.append(it.taken("judged by one tap"))
    async with album() as it:
        await it.place.town.fire(slow())
        await it.later(301)
        found.append(it.taken("escalated"))
    async with album() as it:
        await it.place.town.fire(slow())
        await it.later(60)
        await it.place.town.fire(replace(slow(), no_data_since=NOON))
        await it.later(2)
        found.append(it.taken("no data"))
    async with album() as it:
        hosts = [slow(instance=f"shop-{n:02}") for n in range(1, 41)]
        await it.place.town.fire(*hosts)
        await it.later(2)
        found.append(it.taken("storm: forty alerts, one incident"))
    async with album(by=("sms",)) as it:
        it.place.town.sms.fault = Rejected("no carrier")
        await it.place.town.fire(slow())
        await it.later(301)
        found.append(it.taken("not delivered"))
    return found


async def draw(to: Path) -> None:
    """Draw all of it into one picture."""
    from playwright.async_api import async_playwright

    html = page(await states(), NAMES)
    to.with_suffix(".html").write_text(html) if os.environ.get("KEEP_HTML") else None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        sheet = await browser.new_page(viewport={"width": 1280, "height": 800})
        await sheet.set_content(html)
        await sheet.screenshot(path=to, full_page=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1])))
