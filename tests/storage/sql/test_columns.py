"""Column types: times keep their zone, and what has none is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from storage.sql import seen
from storage.sql.database import Database
from storage.sql.policy_json import decode, encode
from storage.sql.schema import seen as table
from tests.storage.sql.examples import NOON, POLICY


async def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        async with database.transaction() as tx:
            await seen.first_time(tx, "Ev1", datetime(2026, 3, 1))  # noqa: DTZ001
    async with database.reading() as tx:
        assert (await tx.execute(table.select())).all() == []


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    ids=str,
)
async def test_a_time_comes_back_in_utc(database: Database, moment: datetime) -> None:
    async with database.transaction() as tx:
        await seen.first_time(tx, "Ev1", moment)
        ((_, found),) = await tx.execute(table.select())
    assert found == moment
    assert found.tzinfo is UTC


async def test_times_sort_as_times(database: Database) -> None:
    moments = [NOON + timedelta(microseconds=n) for n in (0, 1, 999_750, 10**7)]
    async with database.transaction() as tx:
        for moment in reversed(moments):
            await seen.first_time(tx, str(moment), moment)
        found = await tx.execute(table.select().order_by(table.c.at))
        assert [row.at for row in found] == moments


def test_a_policy_survives_json() -> None:
    assert decode(encode(POLICY)) == POLICY
