"""The scraper as a whole: targets come and go with files and reloads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.config.scrape import ScrapeSection
from bot.intake import Intake
from bot.scrape.scraper import Scraper
from routing.flow.current import Current
from storage.clock import SystemClock
from storage.model.sample import is_stale
from tests.bot.scrape.conftest import Kept
from tests.bot.scrape.exposer import Exposer, exposing

FAST = timedelta(seconds=0.1)
Sections = Current[tuple[ScrapeSection, ...]]


@pytest.fixture
def sections() -> Sections:
    return Current(())


@pytest.fixture
async def scraper(sections: Sections, intake: Intake) -> AsyncIterator[Scraper]:
    found = Scraper(sections, intake, SystemClock())
    yield found
    await found.stop()


def job(name: str = "shop", *targets: str, **more: object) -> ScrapeSection:
    return ScrapeSection.model_validate(
        {"job": name, "targets": targets, "interval": FAST, "timeout": FAST, **more}
    )


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def ups(kept: Kept) -> dict[str, float]:
    """Return the last `up` of every job and instance; NaN: stale."""
    return {
        f"{it.labels.get('job')} {it.labels.get('instance')}": (
            float("nan") if is_stale(np.array([it.value]))[0] else it.value
        )
        for batch in kept.batches
        for it in batch.samples
        if it.labels.name == "up"
    }


async def test_every_target_of_every_job_is_scraped(
    scraper: Scraper, sections: Sections, exposer: Exposer, kept: Kept, tmp_path: Path
) -> None:
    async with exposing() as other:
        (tmp_path / "more.yaml").write_text(f"- targets: ['{other.address}']\n")
        files = (tmp_path / "*.yaml",)
        sections.swap((job("shop", exposer.address, files=files), job("till", exposer.address)))
        await scraper.look()
        assert scraper.targets == 3
        await until(lambda: len(ups(kept)) == 3)
        assert set(ups(kept).values()) == {1.0}


async def test_one_that_is_down_holds_up_nobody(
    scraper: Scraper, sections: Sections, exposer: Exposer, kept: Kept
) -> None:
    async with exposing() as slow:
        slow.hangs()
        sections.swap((job("shop", exposer.address, slow.address),))
        await scraper.look()
        await until(lambda: len(ups(kept)) == 2 and len(exposer.asked) > 2)
        assert ups(kept) == {f"shop {exposer.address}": 1.0, f"shop {slow.address}": 0.0}


async def test_a_target_that_is_listed_no_more_ends(
    scraper: Scraper, sections: Sections, exposer: Exposer, kept: Kept, tmp_path: Path
) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(f"- targets: ['{exposer.address}']\n")
    sections.swap((job(files=(path,)),))
    await scraper.look()
    await until(lambda: bool(ups(kept)))
    path.write_text("[]\n")
    await scraper.look()
    assert scraper.targets == 0
    assert np.isnan(ups(kept)[f"shop {exposer.address}"])


async def test_a_reload_changes_what_is_asked(
    scraper: Scraper, sections: Sections, exposer: Exposer, kept: Kept
) -> None:
    sections.swap((job("shop", exposer.address),))
    await scraper.look()
    await until(lambda: bool(ups(kept)))
    sections.swap((job("shop", exposer.address, path="/other"),))
    await scraper.look()
    await until(lambda: exposer.asked[-1].path == "/other")
    assert ups(kept) == {f"shop {exposer.address}": 1.0}
    sections.swap(())
    await scraper.look()
    assert scraper.targets == 0
    assert np.isnan(ups(kept)[f"shop {exposer.address}"])


async def test_a_stop_marks_nothing(
    scraper: Scraper, sections: Sections, exposer: Exposer, kept: Kept
) -> None:
    sections.swap((job("shop", exposer.address),))
    await scraper.look()
    await until(lambda: bool(ups(kept)))
    await scraper.stop()
    assert ups(kept) == {f"shop {exposer.address}": 1.0}
