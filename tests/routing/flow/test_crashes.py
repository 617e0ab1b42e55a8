"""Whatever happens, kill -9 included: nothing is lost, and no answer is followed by a ring.

A process that dies is played by its database: after so many transactions it takes no more, and
what the process had in memory is forgotten. A transaction happens whole or not at all.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.channel import Message, TryLater
from routing.delivery.letters import TOOK_IT
from routing.incidents.events import Acknowledge, Event, Resolve, Snooze
from storage.clock import Steady
from storage.errors import NotAllowed, StorageUnavailable, UnknownIncident
from storage.model.delivery import DeliveryStatus, Purpose
from storage.model.incident import Incident, IncidentId, Status
from storage.model.timer import Timer, TimerKind
from storage.sql.database import Database
from tests.routing.town import ADA, BOB, Town, alert, resolved, town

NAMES = ("A", "B", "C")

OPS = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(NAMES)),
    st.tuples(st.just("clear"), st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["ack", "snooze", "resolve"]), st.integers(1, 4)),
    st.tuples(st.just("pass"), st.sampled_from([1, 30, 60, 301, 1000])),
    st.tuples(st.just("crash"), st.integers(0, 6)),
    st.tuples(st.just("break"), st.sampled_from(["slack", "sms"])),
    st.tuples(st.just("mend"), st.sampled_from(["slack", "sms"])),
)


class Mortal:
    """A database for a process that dies after `left` more transactions."""

    def __init__(self, database: Database) -> None:
        self.database, self.left = database, 10**9

    @property
    def is_dead(self) -> bool:
        return self.left < 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        self.left -= 1
        if self.is_dead:
            raise StorageUnavailable("dead")
        async with self.database.transaction() as tx:
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        if self.is_dead:
            raise StorageUnavailable("dead")
        async with self.database.reading() as tx:
            yield tx


@dataclass
class Story:
    """A town with a mortal process in it, and what must be true of it."""

    here: Town
    mortal: Mortal
    crashes: int = 0
    answered: dict[tuple[int, int], int] = field(default_factory=dict)  # (incident, round): rings

    async def do(self, op: str, what: str | int) -> None:
        here = self.here
        match op:
            case "fire":
                await here.fire(alert(str(what)))
            case "clear":
                await here.fire(resolved(alert(str(what))))
            case "pass":
                await here.turn(float(what), by=301)
            case "break" | "mend":
                down = TryLater("down") if op == "break" else None
                (here.slack if what == "slack" else here.sms).fault = down
            case "crash":
                await self.crash(int(what))
            case _:
                await self.answer(op, IncidentId(int(what)))
        await self.check()

    async def answer(self, op: str, id: IncidentId) -> None:
        hold = timedelta(minutes=20)
        events: dict[str, Event] = {"ack": Acknowledge(by=ADA), "snooze": Snooze(by=BOB, hold=hold)}
        event = events.get(op, Resolve(by=BOB))
        with contextlib.suppress(NotAllowed, UnknownIncident):
            incident = await self.here.desk.apply(id, event, actor="x", via="cli")
            self.answered[incident.id, incident.round] = self.rings(incident.id, incident.round)

    def rings(self, id: int, round: int) -> int:
        place = f"incident/{id}/round/{round}/"
        pages = [*self.here.slack.pages, *self.here.sms.pages]
        return sum(sent.key.startswith(place) for sent in pages)

    async def crash(self, left: int) -> None:
        """Work until the process dies, start a new one, let it take over."""
        self.mortal.left, self.crashes = left, self.crashes + 1
        for loop in (self.here.timers.run_due, self.here.sender.watch, self.here.sender.send_due):
            with contextlib.suppress(StorageUnavailable):
                await loop()
        self.mortal.left = -1
        await self.here.sender.drain(5)
        self.mortal = revive(self.here)
        await self.here.sender.take_over()
        await self.here.timers.take_over()

    async def check(self) -> None:
        for incident in await self.here.open_incidents():
            await self.can_still_ring(incident)
        for (id, round), rings in self.answered.items():
            assert self.rings(id, round) == rings, f"#{id} rang after the answer"
        copies = Counter(sent.key for it in (self.here.slack, self.here.sms) for sent in it.pages)
        assert all(count <= 1 + self.crashes for count in copies.values()), copies
        posts = Counter(it.message.incident for it in self.here.slack.rooms if it.post is None)
        assert all(count <= 1 + self.crashes for count in posts.values()), posts

    async def can_still_ring(self, incident: Incident) -> None:
        """Its timer is there, and is set for what the machine will not take for late."""
        following = Timer(
            incident=incident.id,
            kind=TimerKind.ESCALATE,
            due_at=Steady(0),
            round=incident.round,
            step=incident.step + 1,
        )
        answered = replace(following, step=0)
        expected = {
            Status.TRIGGERED: following,
            Status.ACKNOWLEDGED: replace(answered, kind=TimerKind.ACK_EXPIRES),
            Status.SNOOZED: replace(answered, kind=TimerKind.SNOOZE_ENDS),
        }[incident.status]
        running = await self.here.running(incident.id)
        assert [replace(timer, due_at=Steady(0)) for timer in running] == [expected]

    async def ends_well(self) -> None:
        """Once everything works again, everything that is owed arrives."""
        self.here.slack.fault = self.here.sms.fault = None
        await self.here.turn(1300, by=100)  # a policy that is finished begins again in here
        for incident in await self.here.open_incidents():
            owed = await self.here.owed(incident.id)
            if incident.status is Status.TRIGGERED:
                pages = [it for it in owed if it.purpose is Purpose.PAGE]
                assert any(it.status in TOOK_IT for it in pages), f"#{incident.id} never rang"
            shown = [it for it in self.here.slack.rooms if it.message.incident == incident.id]
            assert shown[-1].message.status is incident.status
            assert not [it.key for it in owed if it.status is DeliveryStatus.WAITING]
        assert await self.here.housekeeper.inspect() == 0


def revive(here: Town) -> Mortal:
    """Start the process anew: its parts know nothing but the database."""
    mortal, whole = Mortal(here.database), here.database

    def only_alive(_: Message) -> None:
        if mortal.is_dead:
            raise TryLater("a dead process sends nothing")

    here.database = cast(Database, mortal)
    here.slack.before = here.sms.before = only_alive
    here.restart()
    here.database = whole
    return mortal


async def tell(ops: list[tuple[str, str | int]], folder: Path) -> None:
    async with town(folder) as here:
        story = Story(here, revive(here))
        for op, what in ops:
            await story.do(op, what)
        await story.ends_well()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OPS, min_size=4, max_size=12))
def test_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, ops: list[tuple[str, str | int]]
) -> None:
    asyncio.run(tell(ops, tmp_path_factory.mktemp("run")))
