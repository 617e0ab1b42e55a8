"""The schema of the incident database: brought up to date, and laid out before the first start."""

import asyncio
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

from bot.config.build import database_url
from bot.config.config import Config
from storage.sql.database import Database
from storage.sql.migrate import migrate


async def bring_up(config: Config) -> str:
    """Bring the database to this version's schema; return what was done, in a sentence."""
    config.storage.directory.mkdir(parents=True, exist_ok=True)
    database = await Database.open(database_url(config))
    try:
        return await migrate(database)
    finally:
        await database.close()


def lay_out(config: Config) -> None:
    """Make the schema of a database file that does not exist yet, in a process that then ends.

    alembic takes 8 MiB that a process never gives back; so a first start weighs no more than
    the next. For before the event loop and the first thread. What goes wrong in there goes
    wrong again when the database is opened, and is told then.
    """
    url = database_url(config)
    if "://" not in url and not Path(url).expanduser().exists():
        child = get_context("fork").Process(target=_try, args=(config,), name="schema")
        child.start()
        child.join()


def _try(config: Config) -> None:
    with suppress(Exception):
        asyncio.run(bring_up(config))
