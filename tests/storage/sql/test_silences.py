"""Silences, the alerts they wait for, and the parts of alerts in inhibitions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.errors import UnknownSilence
from storage.model.labels import Fingerprint, Matcher, MatchOp
from storage.model.silence import Side, Silence, SilenceId, SilenceKind, SilenceState
from storage.sql import housekeeping, inhibitions, silences
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON

TEAM = Matcher("team", MatchOp.EQUAL, "shop\0☃")
A, B, C = (Fingerprint(letter * 16) for letter in "abc")


def silence(uuid: str = "u1", **changes: object) -> Silence:
    given = Silence(
        id=SilenceId(0),
        uuid=uuid,
        matchers=(TEAM, Matcher("job", MatchOp.NOT_REGEX, "api|web")),
        starts_at=NOON,
        ends_at=NOON + HOUR,
        created_by="ada",
        updated_at=NOON,
        comment="planned",
    )
    return replace(given, **changes)  # type: ignore[arg-type]


async def test_a_silence_comes_back_as_it_was(database: Database) -> None:
    window = silence(
        "u2",
        kind=SilenceKind.MAINTENANCE,
        ends_at=None,
        rule="FREQ=WEEKLY",
        zone="Europe/Berlin",
        lasts=timedelta(hours=2),
    )
    async with database.transaction() as tx:
        made = [await silences.create(tx, it) for it in (silence(), window)]
        assert [it.id for it in made] == [1, 2]
        assert await silences.get(tx, SilenceId(2)) == replace(window, id=SilenceId(2))
        assert await silences.by_uuid(tx, "u1") == made[0]
        assert await silences.by_uuid(tx, "none") is None
        for number in (3, 0, 10**30):
            with pytest.raises(UnknownSilence, match=f"no silence has the number {number}"):
                await silences.get(tx, SilenceId(number))


async def test_what_is_not_over(database: Database) -> None:
    async with database.transaction() as tx:
        over = await silences.create(tx, silence(ends_at=NOON))
        here = await silences.create(tx, silence("u2"))
        ever = await silences.create(tx, silence("u3", ends_at=None, starts_at=NOON + HOUR))
        assert await silences.unexpired(tx, NOON) == [here, ever]
        assert await silences.search(tx) == [over, here, ever]
        await silences.save(tx, replace(here, ends_at=NOON))
        assert await silences.unexpired(tx, NOON) == [ever]
        assert await housekeeping.delete_before(tx, NOON + HOUR, 10) == 2
    states = [it.state(NOON) for it in (over, here, ever)]
    assert states == [SilenceState.EXPIRED, SilenceState.ACTIVE, SilenceState.PENDING]


async def test_until_the_last_of_those_it_covered_is_resolved(database: Database) -> None:
    async with database.transaction() as tx:
        made = await silences.create(tx, silence(until_resolved=True), covers=[A, B, A])
        await silences.create(tx, silence("u2", until_resolved=True), covers=[C])
        assert await silences.uncover(tx, [A]) == []
        assert await silences.uncover(tx, [A, Fingerprint("none")]) == []
        assert await silences.uncover(tx, [B]) == [made]
        assert await silences.uncover(tx, [B]) == []


async def test_the_parts_of_alerts_are_found_by_key(database: Database) -> None:
    hides = Side(key="k1", fingerprint=A, source=True, target=False)
    hidden = Side(key="k1", fingerprint=B, source=False, target=True)
    both = Side(key="k2", fingerprint=C, source=True, target=True)
    async with database.transaction() as tx:
        await inhibitions.replace_sides(tx, [A, B, C], [hides, hidden, both])
        assert await inhibitions.by_keys(tx, ["k1", "k2"], source=True) == [hides, both]
        assert await inhibitions.by_keys(tx, ["k1", "k3"], source=False) == [hidden]
        assert await inhibitions.of_alerts(tx, [A, B]) == [hides, hidden]
        await inhibitions.replace_sides(tx, [A], [])
        assert await inhibitions.by_keys(tx, ["k1"], source=True) == []
        await inhibitions.forget_all(tx)
        assert await inhibitions.of_alerts(tx, [B, C]) == []
