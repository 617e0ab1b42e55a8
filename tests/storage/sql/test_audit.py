"""The record: rows are added, and nothing else can be done to them."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.model.audit import AuditRow
from storage.model.incident import IncidentId
from storage.sql import audit
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON

ONE = IncidentId(1)


def fact(what: str, incident: IncidentId | None = ONE, hours: int = 0) -> AuditRow:
    return AuditRow(
        id=0,
        incident=incident,
        at=NOON + hours * HOUR,
        actor="ada",
        via="slack",
        what=what,
        because="she said so\0",
    )


async def test_a_story_is_read_in_order(database: Database) -> None:
    async with database.transaction() as tx:
        facts = [fact("opened"), fact("other", IncidentId(2)), fact("step"), fact("config", None)]
        await audit.append_many(tx, facts)
        await audit.append(
            tx, incident=ONE, at=NOON, actor="ada", via="sms", what="acknowledged", because="ok"
        )
        await audit.append_many(tx, [])
    async with database.reading() as tx:
        story = await audit.of_incident(tx, ONE)
        assert [row.what for row in story] == ["opened", "step", "acknowledged"]
        assert story[0].because == "she said so\ufffd"
        later = await audit.of_incident(tx, ONE, story[0].id)
        assert [row.what for row in later] == ["step", "acknowledged"]


async def test_between_two_times(database: Database) -> None:
    async with database.transaction() as tx:
        await audit.append_many(tx, [fact("c", hours=2), fact("a"), fact("b", hours=1)])
        found = await audit.between(tx, NOON, NOON + 2 * HOUR)
        assert [row.what for row in found] == ["a", "b"]
        assert [row.what for row in await audit.between(tx, NOON, NOON + 9 * HOUR, {"c"})] == ["c"]


@pytest.mark.parametrize(
    "tampering",
    ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "DELETE FROM audit WHERE id = 1"],
)
async def test_the_record_cannot_be_changed(database: Database, tampering: str) -> None:
    async with database.transaction() as tx:
        await audit.append_many(tx, [fact("opened")])
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.transaction() as tx:
            await tx.execute(text(tampering))
    async with database.reading() as tx:
        assert [row.actor for row in await audit.of_incident(tx, ONE)] == ["ada"]
