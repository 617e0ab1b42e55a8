"""A service's trouble hides that of those that depend on it; what is hidden is told at the end."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from routing.catalogue import Catalogue
from routing.dependencies import Dependencies
from routing.flow.moment import read_moment
from routing.flow.mutes import note_sides
from storage.model.alert import Alert
from storage.model.incident import Status
from storage.model.services import Service
from storage.model.silence import MuteKind
from storage.model.standing import Standing
from storage.sql import standing
from tests.fakes import NOON
from tests.routing.town import Town, alert, resolved

SERVICES = (
    Service(name="web", depends_on=("shop",)),
    Service(name="shop", depends_on=("database",)),
    Service(name="database"),
)
DOWN = alert("DiskFull", service="database")
SHOP, WEB = alert("ShopSlow", service="shop"), alert("WebDown", "warning", service="web")


def knowing(here: Town, services: Sequence[Service] = SERVICES, *, hides: bool = True) -> None:
    changed = {
        "catalogue": Catalogue.of(services),
        "dependencies": Dependencies.of(services, hides=hides),
    }
    here.playbook.swap(replace(here.playbook(), **changed))


async def rings(here: Town) -> set[str]:
    return {
        it.title.split()[0] for it in await here.open_incidents() if it.status is not Status.MUTED
    }


async def hider(here: Town, given: Alert) -> tuple[str, str]:
    async with here.database.reading() as tx:
        found = await standing.by_fingerprints(tx, [given.fingerprint])
    [mute] = found[given.fingerprint].mutes
    assert mute.kind is MuteKind.INHIBITED
    return mute.by, mute.id


@pytest.mark.parametrize("order", [*permutations((DOWN, SHOP, WEB))])
async def test_in_any_order_the_cause_alone_rings(here: Town, order: tuple[Alert, ...]) -> None:
    knowing(here)
    await here.turn()
    for it in order:
        await here.fire(it)
    assert await hider(here, SHOP) == ("hidden by DiskFull of database", DOWN.fingerprint)
    assert await hider(here, WEB) == ("hidden by ShopSlow of shop", SHOP.fingerprint)
    await here.turn()
    assert await rings(here) == {"DiskFull"}
    await here.fire(resolved(DOWN))
    await here.turn()
    assert await rings(here) == {"ShopSlow"}
    await here.fire(resolved(SHOP))
    await here.turn()
    assert await rings(here) == {"WebDown"}


async def test_in_one_batch_and_over_a_restart(here: Town) -> None:
    knowing(here)
    await here.fire(WEB, SHOP, DOWN)
    await here.turn()
    here.restart()
    await here.turn()
    assert await rings(here) == {"DiskFull"}
    await here.fire(resolved(SHOP), resolved(DOWN))
    await here.turn()
    assert await rings(here) == {"WebDown"}


async def test_of_many_causes_the_last_one_lets_go(here: Town) -> None:
    knowing(here)
    many = [alert("DiskFull", service="database", disk=str(n)) for n in range(5)]
    await here.fire(SHOP)
    for it in many:
        await here.fire(it)
    await here.turn()
    assert await rings(here) == {"DiskFull"}
    for it in many[:4]:
        await here.fire(resolved(it))
        await here.turn()
        assert await rings(here) == {"DiskFull"}
        _, by = await hider(here, SHOP)
        assert by not in {gone.fingerprint for gone in many[: many.index(it) + 1]}
    await here.fire(resolved(many[4]))
    await here.turn()
    assert await rings(here) == {"ShopSlow"}


async def test_the_message_of_the_cause_says_what_it_hits(here: Town) -> None:
    knowing(here)
    await here.fire(WEB, alert("WebSlow", "warning", service="web"))
    await here.fire(DOWN)
    await here.turn()
    told = {it.message.title: dict(it.message.facts) for it in here.slack.rooms}
    [cause] = [facts for title, facts in told.items() if "DiskFull" in title]
    assert cause["Also hit"] == "web (2 alerts) and shop"
    assert "Perhaps due to" not in cause


async def test_unless_it_is_switched_on_all_are_heard_and_the_cause_is_named(here: Town) -> None:
    knowing(here, hides=False)
    await here.fire(DOWN)
    await here.fire(SHOP)
    await here.turn()
    assert await rings(here) == {"DiskFull", "ShopSlow"}
    facts = [dict(it.message.facts) for it in here.slack.rooms if "Shop" in it.message.title]
    assert facts[-1]["Perhaps due to"] == "DiskFull of database"
    knowing(here, hides=True)
    await here.turn()
    assert await rings(here) == {"DiskFull"}
    knowing(here, hides=False)
    await here.turn()
    assert await rings(here) == {"DiskFull", "ShopSlow"}


async def test_one_more_of_a_storm_looks_at_no_other(here: Town) -> None:
    knowing(here)
    await here.fire(WEB, *(alert("ShopSlow", service="shop", n=str(n)) for n in range(5)))
    one_more = Standing(alert=alert("ShopSlow", service="shop", n="more"), updated_at=NOON)
    async with here.database.transaction() as tx:
        moment = await read_moment(tx, here.clock, here.playbook)
        assert await note_sides(tx, [one_more], moment) == []
