"""Phone numbers: who texted STOP, and which are confirmed."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.phone import Phone
from storage.sql.rows import chunks, insert
from storage.sql.schema import phones


async def get(tx: AsyncConnection, number: str) -> Phone:
    """Return what is known of a number; a Phone with nothing in it where that is nothing."""
    return (await of(tx, [number])).get(number) or Phone(number=number)


async def of(tx: AsyncConnection, numbers: Collection[str]) -> dict[str, Phone]:
    """Return what is known of these numbers; those of which nothing is known are left out."""
    found: dict[str, Phone] = {}
    for some in chunks(numbers):
        rows = await tx.execute(select(*phones.c).where(phones.c.number.in_(some)))
        found |= {row.number: Phone(**row._mapping) for row in rows}
    return found


async def note(tx: AsyncConnection, number: str, **facts: Any) -> None:
    """Write down what was learnt of a number; `storage.model.phone.Phone` names the facts."""
    usual = {"number": number, "code": "", "code_tries": 0}
    new = insert(tx, phones).values({**usual, **facts})
    await tx.execute(new.on_conflict_do_update(index_elements=["number"], set_=facts))


async def count_try(tx: AsyncConnection, number: str, most: int) -> bool:
    """Count a try of the code; False where it has been tried `most` times already."""
    counted = (
        update(phones)
        .where(phones.c.number == number, phones.c.code_tries < most)
        .values(code_tries=phones.c.code_tries + 1)
    )
    return (await tx.execute(counted)).rowcount > 0


async def waited_for(tx: AsyncConnection, invited_after: datetime) -> list[Phone]:
    """Return numbers from which a word is awaited: a START, or a code asked for since then."""
    awaits = phones.c.verified_at.is_(None) & (phones.c.invited_at >= invited_after)
    rows = await tx.execute(select(*phones.c).where(or_(phones.c.stopped_at.is_not(None), awaits)))
    return [Phone(**row._mapping) for row in rows]
