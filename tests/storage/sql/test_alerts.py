"""Alerts in their incidents: what they say now, and which incident was the last."""

import math
from dataclasses import replace
from random import Random

import pytest

from routing.alerts.group import tally_of
from storage.model.alert import Alert, AlertStatus, Trace
from storage.model.incident import IncidentId, Status
from storage.model.labels import Fingerprint, Labels
from storage.model.standing import Held
from storage.sql import alerts, incidents
from storage.sql.columns import clean
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


NAMES, SEVERITIES = ("Disk", "Slow", "odd\0name"), ("critical", "warning", "info", "unheard-of")


def some_alerts(seed: int, count: int) -> list[Alert]:
    """Alerts of all kinds, mixed by chance."""
    chance = Random(seed)
    return [
        alert(
            labels=Labels.of(
                alertname=chance.choice(NAMES),
                severity=chance.choice(SEVERITIES),
                category=chance.choice(("errors", "")),
                instance=str(number),
            ),
            status=chance.choice(list(AlertStatus)),
            starts_at=NOON + chance.randrange(5) * HOUR,
            muted=chance.choice(("", "", "silence 1")),
            no_data_since=chance.choice((None, NOON)),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
async def test_the_sum_is_that_of_the_alerts(database: Database, seed: int) -> None:
    await two_incidents(database)
    told = some_alerts(seed, count=40)
    async with database.transaction() as tx:
        await alerts.upsert(tx, ONE, told)
        await alerts.upsert(tx, TWO, [alert("Other")])
        found = await alerts.tallies(tx, [ONE, TWO])
        stored = await alerts.of_incident(tx, ONE)
    wanted = [replace(heap, name=clean(heap.name)) for heap in tally_of(stored)]
    assert sorted(map(repr, found[ONE])) == sorted(map(repr, wanted))
    assert [(heap.name, heap.count) for heap in found[TWO]] == [("Other", 1)]


async def test_of_very_many_the_most_urgent_are_read(database: Database) -> None:
    await two_incidents(database)
    told = some_alerts(seed=7, count=40)
    async with database.transaction() as tx:
        await alerts.upsert(tx, ONE, told)
        await alerts.upsert(tx, TWO, [alert("Other")])
        found = await alerts.most_urgent(tx, {ONE: 40, TWO: 1}, 10)
    urgency = [(not it.is_firing, it.severity.rank, it.starts_at) for it in found[ONE]]
    every = sorted((not it.is_firing, it.severity.rank, it.starts_at) for it in told)
    assert urgency == every[:10]
    assert [it.name for it in found[TWO]] == ["Other"]
