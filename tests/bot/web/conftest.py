"""A web server on a free port, over real storage and desks, with a judge that takes notes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.console import Console
from bot.intake import Intake
from bot.web.parts import Keys, Parts
from bot.web.server import Server
from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.desks import Desks
from routing.flow.receive import Receiver
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import SystemClock
from storage.metrics.local import LocalMetrics
from storage.model.person import Permission, Person, PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind
from storage.model.sample import Appended
from storage.series.local import LocalSeries
from storage.series.options import SeriesOptions
from storage.sql.database import Database
from tests.databases import new_database

ADA, EVE = PersonId("ada"), PersonId("eve")


@dataclass
class NotingJudge:
    """Stands where the rules are judged; notes what arrived."""

    arrivals: list[tuple[str, Appended, bool]] = field(default_factory=list)

    async def arrived(self, source: str, appended: Appended, complete: bool) -> None:
        self.arrivals.append((source, appended, complete))


@dataclass
class Stage:
    """Everything behind a test's server."""

    database: Database
    series: LocalSeries
    desks: Desks
    receiver: Receiver
    judge: NotingJudge
    console: Console
    intake: Intake


def playbook() -> Playbook:
    ada = Target(kind=TargetKind.PERSON, name=ADA)
    step = Step(after=timedelta(0), targets=(ada,))
    policy = Policy(name="ops", steps=(step,), rooms=(Room(channel="console", address="#alarms"),))
    return Playbook(
        people={
            ADA: Person(id=ADA, name="Ada", permission=Permission.ADMIN),
            EVE: Person(id=EVE, name="Eve", permission=Permission.VIEW),
        },
        oncall={},
        policies={"ops": policy},
        default="ops",
        chat=frozenset({"console"}),
    )


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = SystemClock()
    async with AsyncExitStack() as opened:
        database = await new_database(tmp_path / "tocsin.db")
        opened.push_async_callback(database.close)
        series = await LocalSeries.open(tmp_path / "samples", SeriesOptions(), clock)
        opened.push_async_callback(series.close)
        current, wake, judge = Current(playbook()), Wake(), NotingJudge()
        desks = Desks(
            incidents=IncidentDesk(database, clock, current, wake),
            database=database,
            clock=clock,
            metrics=LocalMetrics(series),
            playbook=current,
        )
        yield Stage(
            database=database,
            series=series,
            desks=desks,
            receiver=Receiver(database, clock, current, wake),
            judge=judge,
            console=Console(clock),
            intake=Intake(series, judge),
        )


KEYS = frozenset(field.name for field in fields(Keys))
Serve = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def serve(stage: Stage) -> AsyncIterator[Serve]:
    """Return a function that starts a server with the given parts and answers a client for it."""
    async with AsyncExitStack() as opened:

        async def start(**parts: Any) -> httpx.AsyncClient:
            given = {
                "intake": stage.intake,
                "desks": stage.desks,
                "metrics": lambda: b"# none\n",
                "console": stage.console,
                **{name: part for name, part in parts.items() if name not in KEYS},
            }
            keys = {name: part for name, part in parts.items() if name in KEYS}
            given["keys"] = Current(Keys(**{"console_person": ADA, **keys}))
            server = Server(Parts(**given), host="127.0.0.1", port=0)
            await server.start()
            opened.push_async_callback(server.stop)
            address = f"http://127.0.0.1:{server.port}"
            return await opened.enter_async_context(httpx.AsyncClient(base_url=address))

        yield start
