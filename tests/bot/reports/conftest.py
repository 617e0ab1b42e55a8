"""A shop with a real store, for reports; one event loop for all, and in it one warm worker."""

from collections.abc import AsyncIterator
from inspect import iscoroutinefunction
from pathlib import Path

import pytest
import pytest_asyncio

from bot.reports.publish import WORKER
from tests.bot.reports.shop import Shop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of this folder share a loop: the worker is bound to the one that started it."""
    for item in items:
        ours = isinstance(item, pytest.Function) and Path(__file__).parent in item.path.parents
        if ours and iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="package", autouse=True)
async def no_worker_is_left() -> AsyncIterator[None]:
    """End the worker with the event loop that it was started by."""
    yield
    await WORKER.close()


@pytest_asyncio.fixture(loop_scope="package")
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    opened = await Shop.open(tmp_path)
    yield opened
    await opened.close()
