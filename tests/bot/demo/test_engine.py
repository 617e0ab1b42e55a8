"""The demo's routes: for our own page only, and they tell what the tables and files say."""

import json
import os
import re
import time
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from aiohttp import web

from bot.channels.phone import Phone, PhoneOptions
from bot.demo.counters import Counters
from bot.demo.engine import EXTRA, Demo, DemoPlace, demo_place
from bot.demo.shop import Shop, application
from routing.delivery.channel import Message
from storage.clock import SystemClock
from storage.model.alert import Alert, Severity, Trace
from storage.model.delivery import Purpose
from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from tests.bot.web.conftest import Serve, Stage


def place_in(directory: Path) -> DemoPlace:
    return DemoPlace(directory=directory, token="token", parent=os.getppid())


@pytest.fixture
def demo(stage: Stage, tmp_path: Path) -> Demo:
    return Demo(place_in(tmp_path), stage.desks, stage.console)


async def headers_of(client: httpx.AsyncClient) -> dict[str, str]:
    found = re.search(r'name="csrf" content="([^"]+)"', (await client.get("/")).text)
    assert found
    return {"X-Tocsin-Csrf": found[1]}


async def break_the_shop(stage: Stage, tmp_path: Path) -> None:
    """Leave what an outage leaves: samples, an incident that was shown, an SMS and its copy."""
    now = time.time()
    series = [("200", 10.0), ("500", 5.0)]
    samples = [
        Sample(
            Labels.of(__name__="shop_requests_total", job="shop", code=code),
            round(now - 8 + second, 3),
            second * rate,
        )
        for second in range(8)
        for code, rate in series
    ]
    await stage.series.append(Batch(samples))
    labels = Labels.of(alertname="ShopAnswersWithErrors", severity="critical")
    trace = Trace(sampled=now - 3, stored=now - 2.9, judged=now - 2.8)
    alert = Alert(labels=labels, starts_at=SystemClock().utc_now(), trace=trace)
    await stage.receiver.receive([alert])
    page = Message(
        purpose=Purpose.PAGE, title="#1 X", incident=1, severity=Severity.CRITICAL, summary="s"
    )
    phone = Phone(PhoneOptions(path=tmp_path / "phone.jsonl"))
    for _ in range(2):
        await phone.send(page, "+1", "incident/1/round/0/step/1/you/phone", None)
    (tmp_path / "supervisor.json").write_text(
        json.dumps({"deaths": [{"died_at": now - 2, "back_at": now - 0.5}]})
    )


async def test_only_our_own_page_may_press(serve: Serve, demo: Demo) -> None:
    client = await serve(more_routes=demo.routes(), page_extras=[EXTRA])
    for path in ("/demo/kill", "/demo/shop/errors"):
        assert (await client.post(path)).status_code == 403
        foreign = {**await headers_of(client), "Origin": "https://evil.example"}
        assert (await client.post(path, headers=foreign)).status_code == 403
        assert (await client.get(path)).status_code == 405
    rebound = {"Host": "rebound.example"}
    assert (await client.get("/demo/state", headers=rebound)).status_code == 403


async def test_without_a_shop_it_says_so(serve: Serve, demo: Demo) -> None:
    client = await serve(more_routes=demo.routes())
    headers = await headers_of(client)
    assert (await client.post("/demo/shop/errors", headers=headers)).status_code == 503
    assert (await client.post("/demo/shop/odd", headers=headers)).status_code == 404
    assert (await client.get("/demo/outage.svg")).status_code == 404


async def test_the_switch_reaches_the_shop(serve: Serve, demo: Demo, tmp_path: Path) -> None:
    shop = Shop(Counters(), lambda: 1000.0)
    runner = web.AppRunner(application(shop, "token"), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    (tmp_path / "shop.json").write_text(json.dumps({"address": address}))
    client = await serve(more_routes=demo.routes())
    headers = await headers_of(client)
    told = await client.post("/demo/shop/slow", headers=headers)
    await runner.cleanup()
    assert told.json() == {"mood": "slow", "broke_at": 1000.0, "mended_at": 0.0}


async def test_the_state_is_what_tables_and_files_say(
    serve: Serve, stage: Stage, demo: Demo, tmp_path: Path
) -> None:
    await break_the_shop(stage, tmp_path)
    client = await serve(more_routes=demo.routes())
    state = (await client.get("/demo/state")).json()
    assert (len(state["phone"]), state["copies"]) == (2, 1)
    assert state["engine"] == {"kills": 1, "last_gap": pytest.approx(1.5)}
    assert state["incident"]["title"] == "ShopAnswersWithErrors"
    assert [line["what"] for line in state["receipt"]] == [
        "sample taken",
        "stored",
        "judged",
        "engine killed",
        "engine back",
        "phone rang",
    ]
    assert any(
        value == pytest.approx(1 / 3, abs=1e-3) for value in state["shop"]["history"]["errors"]
    )
    again = Demo(place_in(tmp_path), stage.desks, stage.console)
    other = await serve(more_routes=again.routes())
    assert (await other.get("/demo/state")).json()["receipt"] == state["receipt"]


async def test_the_outage_is_drawn(serve: Serve, stage: Stage, demo: Demo, tmp_path: Path) -> None:
    await break_the_shop(stage, tmp_path)
    client = await serve(more_routes=demo.routes())
    await client.get("/demo/state")
    light = await client.get("/demo/outage.svg")
    dark = await client.get("/demo/outage.svg?theme=dark")
    assert light.headers["content-type"].startswith("image/svg+xml")
    assert light.text != dark.text
    ElementTree.fromstring(light.text)


def test_tocsin_itself_is_no_demo() -> None:
    assert demo_place({}) is None
