"""Processes that do not outlive the one that started them, even where that one is killed."""

import asyncio
import os

LOOK_EVERY = 0.5


async def until_orphaned(parent: int) -> None:
    """Return once the process `parent`, which started us, is gone; an orphan gets another one."""
    while os.getppid() == parent:
        await asyncio.sleep(LOOK_EVERY)
