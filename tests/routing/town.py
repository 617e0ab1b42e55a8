"""A small team with a room, phones and a policy, on a real SQLite file with a hand-turned clock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.deliver import Sender
from routing.flow.housekeeping import Housekeeper
from routing.flow.quiet import QuietKeeper
from routing.flow.receive import Receiver
from routing.flow.timers import TimerLoop
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.model.alert import Alert, AlertStatus
from storage.model.audit import AuditRow
from storage.model.delivery import OutboxMessage
from storage.model.incident import Incident, IncidentId, Status
from storage.model.labels import Labels
from storage.model.person import ContactPoint, OnCallList, Permission, Person, PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind
from storage.model.timer import Timer
from storage.sql import audit, incidents, outbox, timers
from storage.sql.database import Database
from tests.databases import new_database
from tests.fakes import NOON, ManualClock, RecordingChannel

ADA, BOB, CY, ROOT = (PersonId(name) for name in ("ada", "bob", "cy", "root"))
ROOM = Room(channel="slack", address="C1")
PRIMARY = Target(kind=TargetKind.ONCALL, name="primary")
SECOND = Target(kind=TargetKind.PERSON, name="cy")
FIVE = timedelta(minutes=5)


def person(id: PersonId, *channels: str, permission: Permission = Permission.RESPOND) -> Person:
    points = tuple(ContactPoint(channel=channel, address=f"{channel}-{id}") for channel in channels)
    return Person(id=id, name=id.title(), contacts=points, permission=permission)


PEOPLE = {
    ADA: person(ADA, "slack", "sms"),
    BOB: person(BOB, "slack", "sms"),
    CY: person(CY, "slack", "sms"),
    ROOT: person(ROOT, "slack", "sms", permission=Permission.ADMIN),
}
POLICY = Policy(
    name="default",
    rooms=(ROOM,),
    steps=(
        Step(after=timedelta(0), targets=(PRIMARY,)),
        Step(after=FIVE, targets=(SECOND,)),
    ),
)
PLAYBOOK = Playbook(
    people=PEOPLE,
    oncall={"primary": OnCallList(name="primary", people=(ADA, BOB))},
    policies={"default": POLICY},
    default="default",
    chat=frozenset({"slack"}),
    link="https://tocsin.example.com",
    console="https://tocsin.example.com",
)


def alert(name: str = "CheckoutSlow", severity: str = "critical", **labels: str) -> Alert:
    return Alert(
        labels=Labels.of({"alertname": name, "severity": severity, **labels}),
        annotations=Labels.of(summary=f"{name} hurts"),
        starts_at=NOON,
        value=2.5,
    )


def resolved(given: Alert) -> Alert:
    return replace(given, status=AlertStatus.RESOLVED, ends_at=NOON)


class Town:
    """Everything wired as the product wires it, less the loops: tests turn the handles."""

    def __init__(self, database: Database, playbook: Playbook = PLAYBOOK) -> None:
        self.database, self.clock, self.wake = database, ManualClock(), Wake()
        self.playbook = Current(playbook)
        self.slack = RecordingChannel("slack", self.clock)
        self.sms = RecordingChannel("sms", self.clock)
        self.jitter = 0.0
        parts = (self.database, self.clock, self.playbook, self.wake)
        self.receiver, self.desk = Receiver(*parts), IncidentDesk(*parts)
        self.other_desk = IncidentDesk(*parts)
        self.housekeeper = Housekeeper(*parts)
        self.restart()

    def restart(self) -> None:
        """Begin anew as after kill -9: what was in memory is gone."""
        channels = {
            "slack": (self.slack.kind(is_chat=True), self.slack),
            "sms": (self.sms.kind(proves=True), self.sms),
        }
        self.quiet = QuietKeeper(self.database, self.clock, self.playbook, self.wake)
        self.timers = TimerLoop(self.database, self.clock, self.playbook, self.wake, "test")
        self.sender = Sender(
            self.database,
            self.clock,
            channels,
            self.playbook,
            self.wake,
            "test",
            jitter=lambda: self.jitter,
        )

    async def fire(self, *alerts: Alert) -> None:
        await self.receiver.receive(alerts or (alert(),))

    async def turn(self, seconds: float = 0.0, *, by: float = 20.0) -> None:
        """Let time pass, from one due thing to the next (`by` seconds at most), and do it."""
        await self._tick()
        end = self.clock.elapsed + seconds
        while self.clock.elapsed < end:
            step = max(0.25, min(by, await self._next() - self.clock.elapsed))
            self.clock.advance(min(step, end - self.clock.elapsed))
            await self._tick()

    async def _next(self) -> float:
        async with self.database.reading() as tx:
            due = [
                await timers.next_due(tx),
                await outbox.next_due(tx),
                await outbox.next_deadline(tx),
            ]
        now = self.clock.elapsed
        return min((at for at in due if at is not None and at > now), default=float("inf"))

    async def _tick(self) -> None:
        await self.receiver.expire()
        await self.quiet.look()
        await self.timers.run_due()
        await self.sender.watch()
        await self.sender.send_due()

    async def incident(self, number: int = 1) -> Incident:
        async with self.database.reading() as tx:
            return await incidents.get(tx, IncidentId(number))

    async def open_incidents(self) -> list[Incident]:
        still = [status for status in Status if status.is_open]
        async with self.database.reading() as tx:
            return await incidents.search(tx, statuses=still, limit=None)

    async def record(self, number: int = 1) -> list[AuditRow]:
        async with self.database.reading() as tx:
            return await audit.of_incident(tx, IncidentId(number))

    async def facts(self, number: int = 1) -> list[str]:
        return [row.because for row in await self.record(number)]

    async def owed(self, number: int = 1) -> list[OutboxMessage]:
        async with self.database.reading() as tx:
            return await outbox.of_incident(tx, IncidentId(number))

    async def running(self, number: int = 1) -> Sequence[Timer]:
        async with self.database.reading() as tx:
            return await timers.of_incident(tx, IncidentId(number))


@asynccontextmanager
async def town(folder: Path, playbook: Playbook = PLAYBOOK) -> AsyncIterator[Town]:
    """A town on an empty database in `folder`."""
    database = await new_database(folder / "tocsin.db")
    try:
        yield Town(database, playbook)
    finally:
        await database.close()
