"""What scraping needs: a store that keeps what comes, a judge that says nothing, a turned clock."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.intake import Intake
from storage.model.labels import Labels
from storage.model.sample import Appended, Batch
from tests.bot.scrape.exposer import Exposer, exposing


@dataclass
class Kept:
    """Keeps batches, by source."""

    batches: list[Batch] = field(default_factory=list)
    told: list[tuple[str, int, bool]] = field(default_factory=list)

    async def append(self, batch: Batch) -> Appended:
        self.batches.append(batch)
        return Appended(stored=len(batch.samples), stored_at=0.0)

    async def arrived(self, source: str, appended: Appended, complete: bool) -> None:
        self.told.append((source, appended.stored, complete))

    def last(self) -> dict[str, float]:
        """Return the series of the last batch, without `job` and `instance`."""
        return {
            str(it.labels.without("job", "instance")): it.value for it in self.batches[-1].samples
        }

    def labels(self) -> set[Labels]:
        return {it.labels for batch in self.batches for it in batch.samples}


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def intake(kept: Kept) -> Intake:
    return Intake(kept, kept)


@pytest.fixture
async def exposer() -> AsyncIterator[Exposer]:
    async with exposing() as found:
        yield found
