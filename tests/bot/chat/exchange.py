"""People with phones, a Twilio, and our door behind a proxy: everything wired as in the product.

The steady clock is turned by hand; the wall clock starts now, for Twilio dates what it takes.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from bot.channels.sms import CHANNEL, Sms, SmsOptions
from bot.channels.twilio import TakesCallbacks
from bot.chat.sms import SmsMouth
from bot.config.secret import Secret
from bot.intake import Intake
from bot.reports.publish import WORKER
from bot.web.answer_links import Allowance
from bot.web.parts import Parts
from bot.web.server import Server
from bot.web.twilio import TwilioDoor
from routing.delivery.channel import Channel, ChannelKind
from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.deliver import Sender
from routing.flow.desks import Desks
from routing.flow.phones import PhoneBook
from routing.flow.receive import Receiver
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.metrics.local import LocalMetrics
from storage.model.alert import Alert
from storage.model.audit import AuditRow
from storage.model.incident import Incident, IncidentId
from storage.model.labels import Labels
from storage.model.person import ContactPoint, OnCallList, Permission, Person, PersonId
from storage.model.policy import Policy, Step, Target, TargetKind
from storage.series.local import LocalSeries
from storage.series.options import SeriesOptions
from storage.sql import audit, incidents, outbox, phones
from storage.sql.database import Database
from tests.databases import new_database
from tests.fakes import ManualClock, RecordingChannel
from tests.vendors.twilio import TwilioServer
from tests.vendors.twilio_messages import Fate

PUBLIC = "https://tocsin.example.com"
ADA, BOB = PersonId("ada"), PersonId("bob")
ADAS, BOBS, STRANGER = "+14155550142", "+14155550143", "+14155550177"


def person(id: PersonId, number: str, permission: Permission) -> Person:
    contacts = (
        ContactPoint(channel="sms", address=number),
        ContactPoint(channel="slack", address=f"U{id.upper()}"),
    )
    return Person(id=id, name=id.title(), contacts=contacts, permission=permission)


def playbook(*by: str) -> Playbook:
    oncall = Target(kind=TargetKind.ONCALL, name="primary")
    steps = (
        Step(after=timedelta(0), targets=(oncall,), by=by or ("sms",)),
        Step(after=timedelta(minutes=5), targets=(Target(kind=TargetKind.PERSON, name=BOB),)),
    )
    return Playbook(
        people={
            ADA: person(ADA, ADAS, Permission.RESPOND),
            BOB: person(BOB, BOBS, Permission.ADMIN),
        },
        oncall={"primary": OnCallList(name="primary", people=(ADA, BOB))},
        policies={"ops": Policy(name="ops", steps=steps)},
        default="ops",
        chat=frozenset({"slack"}),
        link=PUBLIC,
    )


class Exchange:
    """Everything behind a test. `start` makes what a process makes; again: after kill -9."""

    def __init__(self, database: Database, series: LocalSeries, twilio: TwilioServer) -> None:
        self.database, self.twilio, self._series = database, twilio, series
        self.clock, self.wake = ManualClock(datetime.now(UTC)), Wake()
        self.playbook = Current(playbook())
        self.slack = RecordingChannel("slack", self.clock)
        self.verify = False
        self._opened = AsyncExitStack()
        shared = (database, self.clock, self.playbook, self.wake)
        self.receiver, self.desk = Receiver(*shared), IncidentDesk(*shared)

    async def start(self, *, public: bool = True) -> None:
        await self._opened.aclose()
        self.desks = Desks(
            incidents=self.desk,
            database=self.database,
            clock=self.clock,
            metrics=LocalMetrics(self._series),
            playbook=self.playbook,
        )
        options = SmsOptions(
            account_sid=self.twilio.account_sid,
            auth_token=Secret(self.twilio.auth_token),
            from_number=min(self.twilio.numbers),
            api_url=self.twilio.url,
        )
        self.sms = Sms(options, self.clock)
        self._opened.push_async_callback(self.sms.close)
        self.book = PhoneBook(self.database, self.clock, verify=self.verify)
        self.sms.take_book(self.book)
        self.mouth = SmsMouth(self.sms, self.desks, self.book)
        channels: dict[str, tuple[ChannelKind, Channel]] = {
            "sms": (CHANNEL, self.sms),
            "slack": (self.slack.kind(is_chat=True), self.slack),
        }
        await self._open_more(channels)
        self.sender = Sender(
            self.database, self.clock, channels, self.playbook, self.wake, "test",
            jitter=lambda: 0.0,
        )  # fmt: skip
        if public:
            for _, channel in channels.values():
                if isinstance(channel, TakesCallbacks):
                    channel.take_callbacks(PUBLIC, "a-secret")
            await self._serve()

    async def _open_more(self, channels: dict[str, tuple[ChannelKind, Channel]]) -> None:
        """Let a test open more channels."""

    def door(self) -> TwilioDoor:
        return TwilioDoor(
            place=PUBLIC,
            tokens=(self.twilio.auth_token,),
            told=self.sender.outcomes.told,
            complaints=Allowance(10, self.clock),
            sms=self.mouth,
            book=self.book,
        )

    async def _serve(self) -> None:
        judge = type("Judge", (), {"arrived": None})()
        parts = Parts(
            intake=Intake(self._series, judge),
            desks=self.desks,
            metrics=lambda: b"",
            listens_on="127.0.0.1",
            twilio=self.door(),
        )
        server = Server(parts, host="127.0.0.1", port=0)
        await server.start()
        self._opened.push_async_callback(server.stop)
        self.inside = f"http://127.0.0.1:{server.port}"
        self.twilio.places = {PUBLIC: self.inside}

    async def stop(self) -> None:
        await self._opened.aclose()

    # what happens

    async def fire(self, *names: str, severity: str = "critical") -> None:
        now = self.clock.utc_now()
        alerts = [
            Alert(
                labels=Labels.of(alertname=name, severity=severity),
                annotations=Labels.of(summary=f"{name} hurts"),
                starts_at=now,
            )
            for name in names
        ]
        await self.receiver.receive(alerts)
        await self.sender.send_due()

    async def turn(self, seconds: float = 0.0) -> None:
        """Let time pass, second by second, as the loops would see it."""
        for _ in range(max(1, round(seconds))):
            self.clock.advance(min(seconds, 1.0))
            await self.mouth.listen()
            await self.sender.watch()
            await self.sender.send_due()

    async def says(self, text: str, number: str = ADAS) -> str:
        """Text us by webhook; return what is texted back, empty where nothing is."""
        before = len(self.twilio.sent(number))
        status, _ = await self.twilio.inbound(f"{PUBLIC}/twilio/sms", text, from_=number)
        assert status == 200
        await self.sender.send_due()
        back = self.twilio.sent(number)[before:]
        return back[-1].body if back else ""

    async def post(
        self, path: str, form: dict[str, str], signature: str = "", **headers: str
    ) -> int:
        """Send a request straight to the door, as a stranger would."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.inside + path, data=form, headers={"X-Twilio-Signature": signature, **headers}
            ) as answer,
        ):
            return answer.status

    # what is true

    async def incident(self, number: int = 1) -> Incident:
        async with self.database.reading() as tx:
            return await incidents.get(tx, IncidentId(number))

    async def statuses(self, number: int = 1) -> list[tuple[str, str, str]]:
        """Return (person, channel, status) of an incident's messages."""
        async with self.database.reading() as tx:
            owed = await outbox.of_incident(tx, IncidentId(number))
        return [(it.person or "", it.channel, it.status.value) for it in owed]

    async def facts(self, number: int = 1) -> list[AuditRow]:
        async with self.database.reading() as tx:
            return await audit.of_incident(tx, IncidentId(number))

    async def confirm(self, *numbers: str) -> None:
        async with self.database.transaction() as tx:
            for number in numbers:
                await phones.note(tx, number, verified_at=self.clock.utc_now())

    def only(self, *by: str) -> None:
        """Page by these channels from now on."""
        new = playbook(*by)
        self.playbook.swap(replace(self.playbook(), policies=new.policies))


@asynccontextmanager
async def exchange(folder: Path, kind: type[Exchange] = Exchange) -> AsyncIterator[Exchange]:
    async with AsyncExitStack() as opened:
        opened.push_async_callback(WORKER.close)
        twilio = await opened.enter_async_context(TwilioServer())
        twilio.usual_fate = Fate(pause=0.0)
        database = await new_database(folder / "tocsin.db")
        opened.push_async_callback(database.close)
        clock = ManualClock(datetime.now(UTC))
        series = await LocalSeries.open(folder / "samples", SeriesOptions(), clock)
        opened.push_async_callback(series.close)
        made = kind(database, series, twilio)
        opened.push_async_callback(made.stop)
        yield made
