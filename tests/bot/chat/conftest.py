"""A place where people speak: the small town, and one mouth."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.chat.speak import speak
from bot.chat.verb import Reply
from bot.reports.publish import WORKER
from routing.flow.current import Current
from routing.flow.desks import Desks
from storage.metrics.local import LocalMetrics
from storage.model.person import PersonId
from storage.series.local import LocalSeries
from storage.series.options import SeriesOptions
from tests.routing.town import ADA, Town, town


@dataclass
class Square:
    """The town and its desks."""

    town: Town
    desks: Desks
    series: LocalSeries

    async def say(self, text: str, *, who: PersonId | None = ADA, via: str = "slack") -> Reply:
        person = self.town.playbook().people[who] if who else None
        name = str(who or "U0STRANGER")
        return await speak(text, person=person, who=name, via=via, origin="C1", desks=self.desks)


@pytest.fixture(autouse=True)
async def no_worker_is_left() -> AsyncIterator[None]:
    """End the reports' worker with the event loop that it was started by."""
    yield
    await WORKER.close()


@pytest.fixture
async def square(tmp_path: Path) -> AsyncIterator[Square]:
    async with town(tmp_path) as place:
        series = await LocalSeries.open(tmp_path / "series", SeriesOptions(), place.clock)
        desks = Desks(
            incidents=place.desk,
            database=place.database,
            clock=place.clock,
            metrics=LocalMetrics(series),
            playbook=place.playbook,
            rules=Current(()),
        )
        yield Square(place, desks, series)
        await WORKER.close()
        await series.close()
