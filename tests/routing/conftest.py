"""Fixtures of the middle floor."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.routing.town import Town, town


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as place:
        yield place
