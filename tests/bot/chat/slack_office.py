"""A workspace, a team in it, and Tocsin listening: everything real but Slack's own machines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.channels.slack import CHANNEL, Slack, SlackOptions
from bot.chat.slack import WORKING, SlackMouth
from bot.chat.slack_http import PATH
from bot.config.secret import Secret
from bot.intake import Intake
from bot.web.parts import Parts
from bot.web.server import Server
from routing.flow.deliver import Sender
from routing.flow.desks import Desks
from storage.metrics.local import LocalMetrics
from storage.model.person import ContactPoint, Permission, Person, PersonId
from storage.series.local import LocalSeries
from storage.series.options import SeriesOptions
from storage.sql import audit, posts
from tests.bot.web.conftest import NotingJudge
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, PLAYBOOK, Town, alert, town
from tests.vendors.slack import SlackServer
from tests.vendors.slack_interaction import Interaction
from tests.vendors.slack_workspace import Message, User


def member(id: PersonId, slack: str, permission: Permission = Permission.RESPOND) -> Person:
    contact = ContactPoint(channel="slack", address=slack)
    return Person(id=id, name=id.title(), contacts=(contact,), permission=permission)


SECRET = "of this installation"
WATCHER = PersonId("watcher")
PEOPLE = {
    ADA: member(ADA, "U1"),
    BOB: member(BOB, "U2"),
    WATCHER: member(WATCHER, "U4", Permission.VIEW),
    **{id: PLAYBOOK.people[id] for id in PLAYBOOK.people if id not in {ADA, BOB}},
}


@dataclass
class Office:
    """The server is Slack; `town` holds the database, the clock and the engine.

    web: what listens for Slack over HTTP; None over Socket Mode.
    """

    server: SlackServer
    slack: Slack
    town: Town
    desks: Desks
    series: LocalSeries
    options: SlackOptions
    mouth: SlackMouth
    web: Server | None = None

    def another_mouth(self) -> SlackMouth:
        """A mouth that remembers nothing, as after a restart."""
        return SlackMouth(self.slack, self.options, self.desks, SECRET)

    async def start(self) -> None:
        """Listen, by the way that the options name."""
        await self.mouth.start()
        if routes := self.mouth.routes():
            parts = Parts(
                intake=Intake(self.series, NotingJudge()),
                desks=self.desks,
                metrics=lambda: b"",
                more_routes=routes,
            )
            self.web = Server(parts, host="127.0.0.1", port=0)
            await self.web.start()
            self.server.http.url = f"http://127.0.0.1:{self.web.port}{PATH}"
            self.server.http.now = lambda: self.town.clock.utc_now().timestamp()
        await self.server.connected()

    async def stop(self) -> None:
        """Listen no more."""
        await self.mouth.stop()
        if self.web is not None:
            await self.web.stop()

    async def restart(self) -> None:
        """Begin anew with what is on disk."""
        await self.stop()
        self.mouth = self.another_mouth()
        await self.start()

    async def fire(self) -> Message:
        """Let an incident begin; return its message."""
        await self.town.fire(alert())
        await self.deliver()
        return self.server.messages("C1")[-1]

    async def deliver(self) -> None:
        """Send whatever is owed, a second apart."""
        channels = {"slack": (CHANNEL, self.slack)}
        town = self.town
        sender = Sender(town.database, town.clock, channels, town.playbook, town.wake, "office")
        for _ in range(4):
            town.clock.advance(2.0)
            await sender.send_due()

    async def ask(
        self, text: str, *, user: str = "U1", command: str = "/tocsin", first: bool = False
    ) -> str:
        """Type a command and return the answer. first: also where that is only a promise of one."""
        said = await self.server.command(command, text, user=user)
        return await (heard(said) if first else answered(said))

    async def press(self, button: str, *, user: str = "U1", ts: str = "") -> str:
        """Press a button of the newest message and return the answer."""
        where = ts or self.server.messages("C1")[-1].ts
        return await answered(await self.server.press("C1", where, button, user=user))

    async def refusals(self) -> list[tuple[str, str]]:
        """Who was refused what, from the record."""
        async with self.town.database.reading() as tx:
            rows = await audit.between(tx, NOON, self.town.clock.utc_now().replace(year=2030))
        return [(row.actor, row.because) for row in rows if row.what == "refused"]

    async def forget_posts(self) -> None:
        """Lose the note of where incident 1 stands, as a crash right after posting would."""
        async with self.town.database.transaction() as tx:
            (post,) = await posts.of_incident(tx, (await self.town.incident()).id)
            await posts.save(tx, replace(post, message_id="1.000001"))


async def heard(interaction: Interaction) -> str:
    """Hold an interaction to Slack's three seconds, and return what the person saw."""
    assert not (await interaction.ack()).late
    reply = await interaction.reply(within=10.0)
    said = [block["text"]["text"] for block in reply.blocks if "text" in block]
    return "\n".join(said) or reply.text


async def answered(interaction: Interaction) -> str:
    """Return what the person saw in the end: a busy machine says first that it takes longer."""
    first = await heard(interaction)
    return await heard(interaction) if first == WORKING else first


@asynccontextmanager
async def office(
    folder: Path, *, short_forms: bool = False, over: str = "socket"
) -> AsyncIterator[Office]:
    """A connected office on an empty database. over: socket or http."""
    playbook = replace(PLAYBOOK, people=PEOPLE)
    async with SlackServer() as server, town(folder, playbook) as place:
        for id, name in (("U3", "stranger"), ("U4", "watcher")):
            server.space.add_user(User(id=id, name=name))
        series = await LocalSeries.open(folder / "series", SeriesOptions(), place.clock)
        desks = Desks(
            incidents=place.desk,
            database=place.database,
            clock=place.clock,
            metrics=LocalMetrics(series),
            playbook=place.playbook,
        )
        options = SlackOptions(
            bot_token=Secret(server.bot_token),
            app_token=Secret(server.app_token) if over == "socket" else None,
            signing_secret=Secret(server.signing_secret) if over == "http" else None,
            api_url=server.api_url,
        )
        slack = Slack(options)
        mouth = SlackMouth(slack, options, desks, SECRET, short_forms=short_forms)
        made = Office(server, slack, place, desks, series, options, mouth)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
            await slack.close()
            await series.close()
            await asyncio.sleep(0)
