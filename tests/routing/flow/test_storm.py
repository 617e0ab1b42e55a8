"""Very many alerts: one message for a group, with the few that matter and the count of all."""

from dataclasses import replace

from routing.flow.moment import read_moment
from routing.flow.rooms import words_of
from storage.model.alert import Alert
from storage.sql import outbox
from tests.routing.town import PLAYBOOK, ROOM, Town, alert, resolved

MANY = 300


def storm(count: int = MANY, **labels: str) -> list[Alert]:
    return [alert(instance=f"web-{number:03}", **labels) for number in range(count)]


async def test_a_large_group_is_summed_up_and_its_first_are_shown(here: Town) -> None:
    alerts = storm()
    for start in range(0, MANY, 50):
        await here.fire(*alerts[start : start + 50])
    await here.fire(alert("CheckoutSlow", "warning", instance="web-999"))
    await here.fire(resolved(alerts[7]))
    [incident] = await here.open_incidents()
    assert (incident.firing, incident.total) == (MANY, MANY + 1)
    assert incident.title == f"CheckoutSlow ({MANY + 1} alerts)"
    await here.turn()
    message = here.slack.sent[0].message
    facts = dict(message.facts)
    assert facts["Alerts"].startswith(f"{MANY} of {MANY + 1} firing\n")
    assert facts["Alerts"].endswith(f"and {MANY + 1 - 10} more")


async def test_a_program_gets_the_most_urgent_and_the_number_of_the_others(here: Town) -> None:
    here.playbook.swap(replace(PLAYBOOK, wants_alerts=frozenset({ROOM.channel})))
    await here.fire(*storm())
    async with here.database.reading() as tx:
        rooms = await outbox.of_incident(tx, (await here.incident()).id)
        moment = await read_moment(tx, here.clock, here.playbook)
        words = await words_of(tx, rooms, moment)
    [message] = words.values()
    assert message.bundle is not None
    assert len(message.bundle.alerts) + message.bundle.left_out == MANY
    assert dict(message.bundle.by) == {"alertname": "CheckoutSlow"}


async def test_a_room_shows_what_is_so_when_its_turn_comes(here: Town) -> None:
    await here.fire(alert(instance="web-1"))
    await here.fire(alert(instance="web-2"))
    await here.turn()
    first = here.slack.sent[0].message
    assert dict(first.facts)["Alerts"].startswith("2 of 2 firing")
