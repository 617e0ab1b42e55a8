"""What each rule remembers of each series: JSON that only the rules understand."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.sql.rows import chunks, upsert
from storage.sql.schema import rule_states


async def save_many(tx: AsyncConnection, rows: Sequence[tuple[str, str, str]]) -> None:
    """Store (rule, fingerprint, state), whether known before or not; of equal keys the last."""
    last = {(rule, fingerprint): state for rule, fingerprint, state in rows}
    named = [{"rule": r, "fingerprint": f, "state": state} for (r, f), state in last.items()]
    await upsert(tx, rule_states, named)


async def delete_many(tx: AsyncConnection, keys: Collection[tuple[str, str]]) -> None:
    """Forget these (rule, fingerprint); unknown ones do not matter."""
    key = tuple_(rule_states.c.rule, rule_states.c.fingerprint)
    for some in chunks(sorted(set(keys))):
        await tx.execute(delete(rule_states).where(key.in_(some)))


async def load_all(tx: AsyncConnection) -> list[tuple[str, str, str]]:
    """Return every (rule, fingerprint, state), ordered by rule and fingerprint."""
    query = select(rule_states.c.rule, rule_states.c.fingerprint, rule_states.c.state)
    ordered = query.order_by(rule_states.c.rule, rule_states.c.fingerprint)
    return [(row.rule, row.fingerprint, row.state) for row in await tx.execute(ordered)]
