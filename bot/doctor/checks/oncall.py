"""The rota: would everybody who is to be asked be reached?"""

from collections.abc import AsyncIterator

from bot.config.build import database_url, playbook
from bot.doctor.check import Check, Patient
from routing.finding import Finding, Group
from routing.oncall.reachable import unreached
from storage.errors import BotError
from storage.model.person import Override
from storage.sql import overrides
from storage.sql.look import looking
from storage.sql.migrate import known_versions, stored_version


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Take each step on paper, with who took over from whom as the database knows it."""
    now, running = patient.clock.utc_now(), list[Override]()
    try:
        async with looking(database_url(patient.config)) as tx:
            if await stored_version(tx) in known_versions()[-1:]:
                running = await overrides.active(tx, now)
    except BotError:
        pass  # the database has a check of its own; here it only means: nobody took over
    del group
    for finding in unreached(playbook(patient.config), running, now):
        yield finding


CHECK = Check(name="oncall", examine=examine)
