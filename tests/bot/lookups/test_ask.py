"""A table behind an address, asked over a socket: whatever it does, alerts go on, and in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from bot.config.lookups import LookupSection
from bot.lookups.ask import MOST_KEPT, REST, Asker
from routing.catalogue import Catalogue
from routing.flow.current import Current
from routing.lookups import Lookup
from storage.model.alert import Alert
from tests.fakes import ManualClock
from tests.routing.town import PLAYBOOK, alert
from tests.vendors.loopback import Loopback

ANSWER = {"owner": {"team": "shop"}, "rack": 7, "phone": "+49 30 1234"}


@dataclass
class Table:
    """A server that knows hosts, as long as `answer` says nothing else."""

    asked: list[str] = field(default_factory=list)
    answer: Callable[[web.Request], Any] = lambda _: web.json_response(ANSWER)
    url: str = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        answer: Any = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    known, app = Table(), web.Application()
    app.router.add_route("*", "/{rest:.*}", known.serve)
    there = Loopback(app)
    await there.open()
    known.url = there.url
    yield known
    await there.close()


@dataclass
class Place:
    """An asker with a hand-turned clock."""

    asker: Asker
    clock: ManualClock
    playbook: Current[Any]

    def looks_into(self, table: Table, **more: Any) -> Lookup:
        told = {
            "label": "instance",
            "url": table.url + "/hosts/{value}?v=1",
            "labels": {"owner": "owner.team"},
            "annotations": {"rack": "rack", "phone": "phone", "none": "nothing.here"},
            "allow": ["127.0.0.1"],
            "timeout": "5s",  # generous: nothing waits for it where the table answers
        }
        found = LookupSection.model_validate(told | more).built("hosts")
        self.playbook.swap(replace(PLAYBOOK, catalogue=Catalogue.of([], [found])))
        return found

    async def told(self, **labels: str) -> Alert:
        [found] = await self.asker.enrich([alert(**labels)])
        return found

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with AsyncExitStack() as opened:
        clock, playbook = ManualClock(), Current(PLAYBOOK)
        asker = Asker(playbook, clock)
        opened.push_async_callback(asker.close)
        yield Place(asker, clock, playbook)


async def test_the_first_alert_waits_for_the_answer_and_the_next_knows_it(
    place: Place, table: Table
) -> None:
    lookup = place.looks_into(table)
    told = await place.told(instance="web-1")
    assert dict(told.annotations) == {
        "phone": "+49 30 1234",
        "rack": "7",
        "summary": "CheckoutSlow hurts",
    }
    assert dict(lookup.rows["web-1"].labels) == {"owner": "shop"}
    assert (await place.told(instance="web-1")).annotations.get("rack") == "7"
    assert table.asked == ["/hosts/web-1?v=1"]
    assert await place.told(job="x") == alert(job="x")


async def test_an_old_answer_serves_while_a_new_one_is_asked_for(
    place: Place, table: Table
) -> None:
    lookup = place.looks_into(table, keep="10m")
    await place.told(instance="web-1")
    table.answer = lambda _: web.json_response({"rack": 8})
    place.clock.advance(601)
    assert (await place.told(instance="web-1")).annotations.get("rack") == "7"
    await place.until(lambda: lookup.rows["web-1"].annotations.get("rack") == "8")
    assert (await place.told(instance="web-1")).annotations.get("rack") == "8"
    assert len(table.asked) == 2


async def never(_: web.Request) -> web.Response:
    await asyncio.sleep(3_600)
    raise AssertionError


def falls(_: web.Request) -> web.Response:
    raise ConnectionResetError


def leads(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": f"http://{request.host}/else"})


@pytest.mark.parametrize("answer", [
    pytest.param(never, id="hangs"),
    pytest.param(falls, id="falls"),
    pytest.param(leads, id="leads-elsewhere"),
    pytest.param(lambda _: web.Response(status=500), id="500"),
    pytest.param(lambda _: web.Response(status=401), id="401"),
    pytest.param(lambda _: web.Response(text="<html>"), id="no-json"),
    pytest.param(lambda _: web.Response(text="[" * 50_000), id="deep"),
    pytest.param(lambda _: web.Response(text='{"rack": "' + "x" * 100_000 + '"}'), id="large"),
    pytest.param(lambda _: web.json_response({"rack": ["r"]}), id="no-text"),
    pytest.param(lambda _: web.Response(text='{"rack": "\\ud800"}'), id="half-a-character"),
])  # fmt: skip
async def test_while_it_fails_alerts_go_without_and_wait_no_more(
    place: Place, table: Table, answer: Any
) -> None:
    place.looks_into(table, timeout="2s")
    table.answer = answer
    given = alert(instance="web-1")
    assert await place.told(instance="web-1") == given
    await place.until(lambda: not place.asker._tasks)
    assert len(table.asked) == 1
    table.answer = lambda _: web.json_response(ANSWER)
    place.clock.advance(REST - 1)
    assert await place.told(instance="web-1") == given
    assert len(table.asked) == 1, "it is left alone for a while"
    place.clock.advance(2)
    assert (await place.told(instance="web-1")).annotations.get("rack") == "7"


async def test_of_a_storm_few_are_asked_at_once_and_no_alert_is_lost(
    place: Place, table: Table
) -> None:
    place.looks_into(table, timeout="100ms")
    table.answer = never
    many = [alert(instance=f"web-{n}") for n in range(3_000)]
    assert await place.asker.enrich(many) == many
    await place.until(lambda: not place.asker._tasks)
    assert len(table.asked) <= 8
    assert len(many) < MOST_KEPT


@pytest.mark.parametrize("status", [400, 404])
async def test_what_nobody_knows_is_an_answer(place: Place, table: Table, status: int) -> None:
    place.looks_into(table)
    table.answer = lambda _: web.Response(status=status)
    for _ in range(2):
        assert await place.told(instance="web-1") == alert(instance="web-1")
    assert len(table.asked) == 1


@pytest.mark.parametrize(("value", "path"), [
    pytest.param("a/../../admin", "/hosts/a%2F..%2F..%2Fadmin?v=1", id="a-path"),
    pytest.param("a?b=c#d", "/hosts/a%3Fb%3Dc%23d?v=1", id="a-query"),
    pytest.param("a b", "/hosts/a%20b?v=1", id="a-space"),
    pytest.param("a\r\nX: y", "", id="a-header"),
    pytest.param("ü{value}", "/hosts/%C3%BC%7Bvalue%7D?v=1", id="the-place-itself"),
    pytest.param("..", "", id="the-folder-above"),
    pytest.param("x" * 501, "", id="very-long"),
])  # fmt: skip
async def test_no_value_leads_elsewhere(place: Place, table: Table, value: str, path: str) -> None:
    place.looks_into(table)
    await place.told(instance=value)
    assert table.asked == ([path] if path else [])


async def test_what_leads_inside_is_not_called(place: Place, table: Table) -> None:
    place.looks_into(table, allow=[])
    assert await place.told(instance="web-1") == alert(instance="web-1")
    assert table.asked == []


async def test_it_shows_what_it_was_given(place: Place, table: Table) -> None:
    place.looks_into(table, bearer="a-token-of-ours", headers={"X-Scope": "shop"})
    seen: list[web.Request] = []
    table.answer = lambda request: [seen.append(request), web.json_response(ANSWER)][1]
    await place.told(instance="web-1")
    assert seen[0].headers["Authorization"] == "Bearer a-token-of-ours"
    assert seen[0].headers["X-Scope"] == "shop"
