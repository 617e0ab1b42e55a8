"""Incidents: open, load, save if nobody was faster, search."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Text, bindparam, case, func, select, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import StaleIncident, UnknownIncident
from storage.model.alert import Severity
from storage.model.incident import Incident, IncidentId, Status
from storage.model.person import PersonId
from storage.sql.rows import as_row, chunks, insert, is_number, read_all
from storage.sql.schema import OPEN, incidents

FIELDS = [column for column in incidents.c if column.name != "group_digest"]


NAMES = tuple(column.name for column in FIELDS)


def _incident(row: Any) -> Incident:
    return Incident(**dict(zip(NAMES, row, strict=True)))


def _row(incident: Incident) -> dict[str, Any]:
    return as_row(incident, "id") | {"group_digest": _digest(incident.group)}


def _digest(group: str) -> str:
    return blake2b(group.encode(errors="surrogatepass"), digest_size=16).hexdigest()


async def create(tx: AsyncConnection, incident: Incident) -> Incident:
    """Store a new incident and return it with its number; the `id` it came with is ignored.

    Raises StaleIncident where the group has an open incident already.
    """
    return (await create_many(tx, [incident]))[0]


async def create_many(tx: AsyncConnection, new: Sequence[Incident]) -> list[Incident]:
    """Store new incidents in few statements; numbers ascend in the order given.

    Raises StaleIncident where a group has an open incident already.
    """
    if not new:
        return []
    # SQLAlchemy would insert row by row on SQLite to have the numbers in order; they ascend there.
    ordered = tx.dialect.name != "sqlite"
    key = (incidents.c.id, incidents.c.group_digest)
    statement = insert(tx, incidents).returning(*key, sort_by_parameter_order=ordered)
    rows = [_row(incident) for incident in new]
    try:
        found = (await tx.execute(statement, rows)).all()
    except IntegrityError as error:
        raise StaleIncident("another writer opened an incident for this group first") from error
    numbered = []
    for incident, row, (id, digest) in zip(new, rows, sorted(found), strict=True):
        if digest != row["group_digest"]:
            raise AssertionError(f"the number {id} went to another group")
        numbered.append(replace(incident, id=id))
    return numbered


async def get(tx: AsyncConnection, id: IncidentId) -> Incident:
    """Return one incident; raises UnknownIncident."""
    found = await get_many(tx, [id])
    if id not in found:
        raise UnknownIncident(f"no incident has the number {id}")
    return found[id]


async def get_many(tx: AsyncConnection, ids: Collection[IncidentId]) -> dict[IncidentId, Incident]:
    """Return those of `ids` that exist."""
    found = {}
    for some in chunks([id for id in ids if is_number(id)]):
        rows = await tx.execute(select(*FIELDS).where(incidents.c.id.in_(some)))
        found.update({it.id: it for it in await read_all(rows, _incident)})
    return found


async def save(tx: AsyncConnection, incident: Incident, *, expected: int) -> Incident:
    """Store `incident` if the row still has version `expected`; return it one version further.

    Raises StaleIncident when another writer was faster, UnknownIncident when it is gone.
    """
    return (await save_many(tx, [(incident, expected)]))[0]


async def save_many(tx: AsyncConnection, changes: Sequence[tuple[Incident, int]]) -> list[Incident]:
    """Store incidents, each if its row still has the version beside it; all or none.

    Raises like `save`. The rows are locked first, in the order of their numbers.
    """
    if not changes:
        return []
    stands = await _lock(tx, [incident.id for incident, _ in changes])
    for incident, expected in changes:
        if incident.id not in stands:
            raise UnknownIncident(f"no incident has the number {incident.id}")
        if stands[incident.id] != expected:
            raise StaleIncident(f"incident {incident.id}: another writer was faster")
    saved = [replace(incident, version=expected + 1) for incident, expected in changes]
    statement = update(incidents).where(incidents.c.id == bindparam("number"))
    names = [column.name for column in incidents.c if column.name != "id"]
    statement = statement.values({name: bindparam(name) for name in names})
    try:
        await tx.execute(statement, [_row(it) | {"number": it.id} for it in saved])
    except IntegrityError as error:
        raise StaleIncident("another incident of the same group was opened meanwhile") from error
    return saved


async def _lock(tx: AsyncConnection, ids: Collection[IncidentId]) -> Mapping[IncidentId, int]:
    """Return the versions that stand, and keep others from changing them (SQLite: always so)."""
    versions = {}
    for some in chunks(sorted(id for id in ids if is_number(id))):
        query = select(incidents.c.id, incidents.c.version).where(incidents.c.id.in_(some))
        rows = await tx.execute(query.order_by(incidents.c.id).with_for_update())
        versions.update({row.id: row.version for row in rows})
    return versions


async def latest_of_groups(tx: AsyncConnection, groups: Collection[str]) -> dict[str, Incident]:
    """Return the newest incident, open or not, of each group that ever had one."""
    digests = {_digest(group): group for group in groups}
    key = incidents.c.group_digest
    found = {}
    for some in chunks(digests):
        newest = select(func.max(incidents.c.id)).where(key.in_(some)).group_by(key)
        rows = await tx.execute(select(*FIELDS, key).where(incidents.c.id.in_(newest)))
        for *values, digest in rows:
            found[digests[digest]] = _incident(values)
    return found


async def search(
    tx: AsyncConnection,
    *,
    statuses: Collection[Status] | None = None,
    severity: Severity | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = 50,
    newest_first: bool = True,
) -> list[Incident]:
    """Return incidents opened in [since, until), by number; limit None: all of them."""
    query = select(*FIELDS)
    if statuses is not None:
        query = query.where(incidents.c.status.in_(statuses))
        if all(status.is_open for status in statuses):
            query = query.where(OPEN)  # lets the planner take the small index of open ones
    if severity is not None:
        query = query.where(incidents.c.severity == severity)
    if since is not None:
        query = query.where(incidents.c.opened_at >= since)
    if until is not None:
        query = query.where(incidents.c.opened_at < until)
    order = incidents.c.id.desc() if newest_first else incidents.c.id
    return await read_all(await tx.execute(query.order_by(order).limit(limit)), _incident)


async def most_urgent(tx: AsyncConnection, limit: int) -> list[Incident]:
    """Return up to `limit` open incidents: unanswered first, then urgent, then new ones."""
    waits = incidents.c.status.in_((Status.TRIGGERED, Status.GATHERING))
    severity = type_coerce(incidents.c.severity, Text)
    rank = case({it.value: it.rank for it in Severity}, value=severity)
    order = (case((waits, 0), else_=1), rank, incidents.c.id.desc())
    query = select(*FIELDS).where(OPEN).order_by(*order).limit(limit)
    return [_incident(row) for row in await tx.execute(query)]


async def open_by_kind(tx: AsyncConnection) -> dict[tuple[Status, Severity], int]:
    """Count the incidents that are not resolved, by their status and severity."""
    kind = (incidents.c.status, incidents.c.severity)
    rows = await tx.execute(select(*kind, func.count()).where(OPEN).group_by(*kind))
    return {(status, severity): count for status, severity, count in rows}


async def asked(tx: AsyncConnection, person: PersonId) -> list[Incident]:
    """Return the incidents that wait for somebody's answer and for which `person` was paged."""
    listed = type_coerce(incidents.c.rung, Text).contains(json.dumps(person), autoescape=True)
    waiting = incidents.c.status == Status.TRIGGERED
    query = select(*FIELDS).where(OPEN, waiting, listed).order_by(incidents.c.id)
    # LIKE knows no case on SQLite and no list elements anywhere: it only narrows down.
    return [it for it in map(_incident, await tx.execute(query)) if person in it.rung]
