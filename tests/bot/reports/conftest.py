"""A shop with a real store, for reports."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.reports.publish import WORKER
from tests.bot.reports.shop import Shop


@pytest.fixture(autouse=True)
async def no_worker_is_left() -> AsyncIterator[None]:
    """End the worker with the event loop that it was started by."""
    yield
    await WORKER.close()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    opened = await Shop.open(tmp_path)
    yield opened
    await opened.close()
