"""Every alert that was told, how it stands, and what is due."""

from dataclasses import replace

from storage.clock import Steady
from storage.model.alert import AlertStatus
from storage.model.labels import Fingerprint, Labels
from storage.model.silence import Mute, MuteKind
from storage.model.standing import Known, Standing
from storage.sql import standing
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON, alert

MUTES = (
    Mute(kind=MuteKind.SILENCE, by="silence 1 by ada\0", until=NOON + HOUR, id="8-4"),
    Mute(kind=MuteKind.INHIBITED, by="NodeDown", id="00ff"),
)
FULL = Standing(
    alert=alert(
        labels=Labels.of(alertname="Disk", odd="a\0b ☃ \"'"),
        annotations=Labels.of(summary="<!channel> {{ 7 * 7 }}"),
        value=0.1 + 0.2,
        source="alertmanager",
        generator_url="http://prometheus/graph",
        expires_at=NOON + HOUR,
        dated=True,
    ),
    updated_at=NOON,
    expires=Steady(12.5),
    mutes=MUTES,
    waiting=("night{a}", "day{b}"),
)


def plain(name: str, **changes: object) -> Standing:
    return Standing(alert=alert(name), updated_at=NOON, **changes)  # type: ignore[arg-type]


async def test_an_alert_comes_back_as_it_was(database: Database) -> None:
    async with database.transaction() as tx:
        await standing.upsert_many(tx, [plain("Other"), FULL])
        found = await standing.by_fingerprints(tx, [FULL.fingerprint, Fingerprint("none")])
    stored = replace(MUTES[0], by="silence 1 by ada\N{REPLACEMENT CHARACTER}")
    assert found == {FULL.fingerprint: replace(FULL, mutes=(stored, MUTES[1]))}


async def test_the_last_word_counts(database: Database) -> None:
    over = replace(alert(), status=AlertStatus.RESOLVED, ends_at=NOON + HOUR)
    async with database.transaction() as tx:
        await standing.upsert_many(tx, [plain("Disk"), plain("Other", waiting=("a",))])
        ended = Standing(alert=over, updated_at=NOON, expired=True)
        await standing.upsert_many(tx, [plain("Disk"), ended])
        known = await standing.known(tx, [over.fingerprint, alert("Other").fingerprint])
        assert await standing.count_firing(tx) == 1
        assert [it.alert.name for it in await standing.firing(tx)] == ["Other"]
    assert known[over.fingerprint] == replace(Known.of(over), expired=True, updated_at=NOON)
    assert known[alert("Other").fingerprint].waiting == ("a",)


async def test_told_again_moves_the_expiry_and_the_texts_and_nothing_else(
    database: Database,
) -> None:
    again = replace(
        FULL,
        alert=replace(
            FULL.alert,
            annotations=Labels.of(summary="new"),
            value=9.0,
            starts_at=NOON + HOUR,
            expires_at=NOON + 2 * HOUR,
        ),
        updated_at=NOON + HOUR,
        expires=Steady(99.0),
        mutes=(),
        waiting=(),
    )
    async with database.transaction() as tx:
        await standing.upsert_many(tx, [replace(FULL, mutes=MUTES[1:])])
        await standing.refresh_many(tx, [again])
        await standing.refresh_many(tx, [])
        (found,) = await standing.firing(tx)
    kept = replace(again.alert, starts_at=NOON)
    assert found == replace(again, alert=kept, mutes=MUTES[1:], waiting=FULL.waiting)


async def test_what_has_run_out_the_longest_overdue_first(database: Database) -> None:
    late, later = plain("Late", expires=Steady(5.0)), plain("Later", expires=Steady(4.0))
    async with database.transaction() as tx:
        await standing.upsert_many(
            tx, [late, later, plain("Not", expires=Steady(5.1)), plain("Never")]
        )
        found = await standing.expired(tx, Steady(5.0), 10)
        assert [it.alert.name for it in found] == ["Later", "Late"]
        assert len(await standing.expired(tx, Steady(5.0), 1)) == 1


async def test_pages_of_firing_alerts_and_their_mutes(database: Database) -> None:
    every = sorted((plain(f"A{n}") for n in range(5)), key=lambda it: it.fingerprint)
    muted = replace(every[0], mutes=MUTES[1:], waiting=("a",))
    async with database.transaction() as tx:
        await standing.upsert_many(tx, [muted, *every[1:]])
        first = await standing.firing_after(tx, "", 3)
        rest = await standing.firing_after(tx, first[-1].fingerprint, 3)
        held = await standing.firing_after(tx, "", 9, only_held_back=True)
        mutes = await standing.mutes_of_firing(tx)
    assert [*first, *rest] == [muted, *every[1:]]
    assert mutes == [muted.mutes]
    assert held == [muted]
