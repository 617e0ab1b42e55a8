"""An answer to very many incidents is one transaction, however many parts it is written in."""

from dataclasses import replace

import pytest

from routing.flow import carry_out
from routing.incidents.events import Acknowledge, Resolve
from storage.errors import StorageUnavailable
from storage.model.delivery import Purpose
from storage.model.incident import IncidentId, Status
from storage.model.timer import TimerKind
from storage.sql import audit, owed, timers
from tests.routing.town import ADA, BOB, PLAYBOOK, POLICY, Town, alert

MANY = 2 * carry_out.AT_ONCE + 50
IDS = [IncidentId(number) for number in range(1, MANY + 1)]
EACH = replace(PLAYBOOK, policies={"default": replace(POLICY, group_wait=POLICY.group_wait * 0)})


async def storm(here: Town) -> None:
    """Open many incidents, each of a rule of its own."""
    here.playbook.swap(EACH)
    await here.fire(*(alert(f"Slow{number:04}") for number in IDS))


async def test_every_one_of_many_is_answered_and_those_who_were_rung_hear_of_each(
    here: Town,
) -> None:
    await storm(here)
    await here.turn()  # Ada is rung
    answers = await here.desk.apply_many(IDS, Acknowledge(by=BOB), actor=BOB, via="test")
    assert list(answers) == IDS
    async with here.database.reading() as tx:
        running = await timers.of_incidents(tx, IDS)
        messages = await owed.of_incidents(tx, IDS)
        record = await audit.of_incidents(tx, IDS)
    for id in IDS:
        incident = await here.incident(id)
        assert (incident.status, incident.owner) == (Status.ACKNOWLEDGED, BOB)
        assert [timer.kind for timer in running[id]] == [TimerKind.ACK_EXPIRES]
        assert record[id][-1].what == "acknowledged"
        told = {it.person for it in messages[id] if it.purpose is Purpose.NOTICE}
        assert told == {ADA}


async def test_what_fails_at_the_last_of_many_changes_none(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await storm(here)
    append, parts = audit.append_many, iter(range(99))

    async def failing(*given: object) -> None:
        if next(parts) == MANY // carry_out.AT_ONCE:
            raise StorageUnavailable("the disk is full")
        await append(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "append_many", failing)
    with pytest.raises(StorageUnavailable):
        await here.desk.apply_many(IDS, Resolve(by=ADA), actor=ADA, via="test")
    monkeypatch.undo()
    assert len(await here.open_incidents()) == MANY
    assert {row.what for row in await here.record(1)} == {"opened"}
