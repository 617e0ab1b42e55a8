"""Alerts in their incidents: what they say now, and which incident was the last."""

import math
from dataclasses import replace

from storage.model.alert import AlertStatus, Trace
from storage.model.incident import IncidentId, Status
from storage.model.labels import Fingerprint, Labels
from storage.model.standing import Held
from storage.sql import alerts, incidents
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON, alert, incident

ONE, TWO = IncidentId(1), IncidentId(2)
FULL = alert(
    labels=Labels.of(alertname="Disk", odd="a\0b \u2603 \"'"),
    annotations=Labels.of(summary="<!channel> {{ 7 * 7 }}\0\ud800"),
    status=AlertStatus.RESOLVED,
    ends_at=NOON + HOUR,
    value=0.1 + 0.2,
    source="alertmanager",
    no_data_since=NOON,
    trace=Trace(sampled=1.25, stored=2.0, judged=3.5),
)


async def two_incidents(database: Database) -> None:
    async with database.transaction() as tx:
        old = incident(status=Status.RESOLVED, resolved_at=NOON)
        await incidents.create_many(tx, [old, incident()])


async def test_an_alert_comes_back_as_it_was(database: Database) -> None:
    await two_incidents(database)
    extremes = [alert(f"v{value}", value=value) for value in (math.inf, -math.inf, 0.0, None)]
    async with database.transaction() as tx:
        await alerts.upsert(tx, ONE, [FULL, *extremes, alert("nan", value=math.nan)])
        await alerts.upsert(tx, ONE, [])
        found = {it.name: it for it in await alerts.of_incident(tx, ONE)}
    assert math.isnan(found.pop("nan").value or 0.0)
    assert found == {it.name: it for it in (FULL, *extremes)}


async def test_the_last_word_counts(database: Database) -> None:
    await two_incidents(database)
    resolved = replace(alert(), status=AlertStatus.RESOLVED, ends_at=NOON + HOUR)
    async with database.transaction() as tx:
        await alerts.upsert(tx, ONE, [alert(), alert("Other"), resolved])
        await alerts.upsert(tx, TWO, [alert("Late", starts_at=NOON + HOUR)])
        found = await alerts.of_incidents(tx, [ONE, TWO, IncidentId(3)])
        assert sorted(it.name for it in found[ONE]) == ["Disk", "Other"]
        assert resolved in found[ONE]
        assert [it.name for it in found[TWO]] == ["Late"]
        assert found[IncidentId(3)] == []


async def test_the_incidents_that_have_an_alert(database: Database) -> None:
    """Those where it fires, over or not, and those that are open; the others had it."""
    over = replace(alert(), status=AlertStatus.RESOLVED, ends_at=NOON)
    async with database.transaction() as tx:
        closed = incident(status=Status.RESOLVED, resolved_at=NOON)
        await incidents.create_many(tx, [closed, incident("open"), closed])
        quiet = IncidentId(3)
        await alerts.upsert_many(tx, [(ONE, over), (TWO, over), (quiet, alert(muted="by ada"))])
        asked = [alert().fingerprint, Fingerprint("unknown")]
        found = await alerts.holders(tx, asked)
    assert found == {
        alert().fingerprint: [
            Held(incident=TWO, group="open", is_open=True, alert=over),
            Held(incident=quiet, group="night/Disk", is_open=False, alert=alert(muted="by ada")),
        ],
        Fingerprint("unknown"): [],
    }
