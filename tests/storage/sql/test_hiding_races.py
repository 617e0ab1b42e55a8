"""Where writers do not take turns, no alert stays hidden by one that is over."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.inhibit import InhibitRule
from routing.catalogue import Catalogue
from routing.dependencies import Dependencies
from routing.flow.current import Current
from routing.flow.receive import Receiver
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import SystemClock
from storage.model.labels import Matcher, MatchOp
from storage.model.services import Service
from storage.sql import standing
from storage.sql.database import Database
from tests.routing.town import PLAYBOOK, alert, resolved

SERVICES = (Service(name="web", depends_on=("db",)), Service(name="db"))
DOWN = alert("Down", service="db")
RULE = InhibitRule(
    source=(Matcher("alertname", MatchOp.EQUAL, "Down"),),
    target=(Matcher("alertname", MatchOp.REGEX, "Slow.*"),),
)
BY_RULE = replace(PLAYBOOK, inhibit=(RULE,))
BY_CATALOGUE = replace(
    PLAYBOOK,
    catalogue=Catalogue.of(SERVICES),
    dependencies=Dependencies.of(SERVICES, hides=True),
)


@pytest.mark.parametrize("playbook", [
    pytest.param(BY_RULE, id="by-a-rule"), pytest.param(BY_CATALOGUE, id="by-the-catalogue"),
])  # fmt: skip
async def test_who_begins_while_the_cause_ends_is_heard(
    server_database: Database, playbook: Playbook
) -> None:
    receiver = Receiver(server_database, SystemClock(), Current(playbook), Wake())

    async def side_by_side(_: AsyncConnection) -> None:
        """What comes with something of its own is written in a transaction of its own."""

    for n in range(6):
        await receiver.receive([DOWN])
        slow = [alert(f"Slow{n}-{it}", service="web") for it in range(2)]
        every = (slow[0], resolved(DOWN), slow[1])
        await asyncio.gather(*(receiver.receive([it], also=side_by_side) for it in every))
        async with server_database.reading() as tx:
            stands = await standing.firing(tx)
        assert [it.mutes for it in stands if it.mutes] == []
