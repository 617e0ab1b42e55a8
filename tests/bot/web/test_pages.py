"""The console page: for this machine's browser only, and foreign text stays text."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.console import MOST_STREAMS, Console
from bot.chat.verb import Attachment, Reply
from bot.web import pages
from bot.web.standing import restore
from routing.flow.receive import Receiver
from storage.clock import Steady, SystemClock
from storage.model.alert import Alert
from storage.model.delivery import DeliveryStatus
from storage.model.labels import Labels
from storage.sql import outbox
from tests.bot.web.conftest import Serve, Stage

STATIC = Path(pages.__file__).parent / "static"
HOSTILE = '<img src=x onerror="alert(1)">'


async def an_incident(receiver: Receiver, name: str = "CheckoutSlow") -> None:
    labels = Labels.of(alertname=name, severity="critical")
    told = Alert(
        labels=labels,
        annotations=Labels.of(summary=HOSTILE),
        starts_at=SystemClock().utc_now(),
    )
    await receiver.receive([told])


async def opened(client: httpx.AsyncClient) -> dict[str, str]:
    """Open the page as a browser does; return the headers that its script sends."""
    answer = await client.get("/")
    token = re.search(r'name="csrf" content="([^"]+)"', answer.text)
    assert token
    return {"X-Tocsin-Csrf": token[1]}


async def first_event(client: httpx.AsyncClient) -> tuple[str, dict[str, Any]]:
    async with client.stream("GET", "/console/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = aiter(stream.aiter_lines())
        name, data = await anext(lines), await anext(lines)
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_the_page_holds_no_inline_script_or_style(serve: Serve) -> None:
    client = await serve(page_extras=["demo"])
    text = (await client.get("/")).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=|javascript:", text)
    for found in re.findall(r'(?:src|href)="(/[^"#]+)"', text):
        assert (await client.get(found)).status_code == 200


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_the_script_never_builds_markup_from_text(script: Path) -> None:
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(banned, script.read_text())


async def test_a_restart_knows_when_an_incident_was_first_shown(stage: Stage) -> None:
    await an_incident(stage.receiver)
    at = SystemClock().utc_now()
    now = Steady(SystemClock().steady() + 60)
    async with stage.database.transaction() as tx:
        for owed in await outbox.claim_due(tx, owner="us", now=now, lease=30, limit=9):
            sent = DeliveryStatus.SENT
            await outbox.record_sent(tx, owed, status=sent, provider_id="1", sent_at=at)
    console = Console()
    await restore(console, stage.desks)
    assert [card.shown_at for card in console.cards()] == [pytest.approx(at.timestamp())]


async def test_incidents_stand_there_after_a_restart(serve: Serve, stage: Stage) -> None:
    await an_incident(stage.receiver)
    console = Console()
    assert await restore(console, stage.desks) == 1
    client = await serve(console=console)
    name, data = await first_event(client)
    [card] = data["cards"]
    assert name == "hello"
    assert (card["title"], card["status"], card["room"]) == (
        "#1 CheckoutSlow",
        "triggered",
        "#alarms",
    )
    assert card["summary"] == HOSTILE


async def test_saying_a_command_does_it(serve: Serve, stage: Stage) -> None:
    await an_incident(stage.receiver)
    client = await serve()
    headers = await opened(client)
    said = {"text": "/ack 1", "room": "#alarms"}
    answer = await client.post("/console/say", json=said, headers=headers)
    assert (answer.status_code, "1" in answer.json()["text"]) == (200, True)
    story = await client.post("/console/say", json={"text": "/show 1"}, headers=headers)
    assert "console" in story.text or "Ada" in story.text


REQUESTS: dict[str, tuple[dict[str, str], int]] = {
    "no token": ({"X-Tocsin-Csrf": ""}, 403),
    "guessed token": ({"X-Tocsin-Csrf": "guessed"}, 403),
    "rebound name": ({"Host": "rebound.example:80"}, 403),
    "another port": ({"Host": "127.0.0.1:1"}, 403),
    "foreign origin": ({"Origin": "https://evil.example"}, 403),
    "hidden origin": ({"Origin": "null"}, 403),
    "foreign page": ({"Sec-Fetch-Site": "cross-site"}, 403),
    "a form": ({"Content-Type": "text/plain"}, 415),
    "our page": ({}, 200),
}


async def test_only_our_own_page_may_speak(serve: Serve) -> None:
    client = await serve()
    ours = {"Content-Type": "application/json", **await opened(client)}
    for who, (headers, status) in REQUESTS.items():
        sent = {**ours, **headers}
        answer = await client.post("/console/say", content=b'{"text": "help"}', headers=sent)
        assert (who, answer.status_code) == (who, status)


async def test_a_rebound_name_sees_nothing(serve: Serve) -> None:
    client = await serve()
    for path in ("/", "/console/events", "/console/files/x"):
        answer = await client.get(path, headers={"Host": "rebound.example"})
        assert (path, answer.status_code) == (path, 403)


async def test_the_cookie_is_for_this_site_and_no_script(serve: Serve) -> None:
    client = await serve()
    cookie = (await client.get("/")).headers["set-cookie"].lower()
    assert "samesite=strict" in cookie
    assert "httponly" in cookie


async def test_beyond_loopback_there_is_no_console(serve: Serve) -> None:
    client = await serve(listens_on="0.0.0.0")
    for path in ("/", "/console/events", "/static/console.js"):
        assert (await client.get(path)).status_code == 404


async def test_a_page_that_speaks_for_nobody_is_refused(serve: Serve) -> None:
    client = await serve(console_person=None)
    headers = await opened(client)
    answer = await client.post("/console/say", json={"text": "alerts"}, headers=headers)
    assert "do not know you" in answer.json()["text"]


WAYS_OUT = (
    "/static/../pages.py",
    "/static/%2e%2e/pages.py",
    "/static/..%2fpages.py",
    "/static//etc/passwd",
    "/static/%00",
    "/console/files/..%2f..%2fpages.py",
)


async def test_no_way_out_of_the_folder(serve: Serve) -> None:
    client = await serve()
    for path in WAYS_OUT:
        answer = await client.get(path)
        assert answer.status_code in (400, 404), path
        assert "import" not in answer.text


async def test_files_of_an_answer_are_fetched_and_tables_downloaded(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Attachment(name="chart.png", media_type="image/png", content=b"png")
    table = Attachment(name='../a"b.csv', media_type="text/csv", content=b"a,b")
    page = Attachment(name="x.html", media_type="text/html", content=b"<script>")

    async def speaking(text: str, **_: Any) -> Reply:
        return Reply(text, attachments=(picture, table, page))

    monkeypatch.setattr(pages, "speak", speaking)
    client = await serve()
    headers = await opened(client)
    told = (await client.post("/console/say", json={"text": "report"}, headers=headers)).json()
    shown, loaded, foreign = [await client.get(file["address"]) for file in told["files"]]
    assert [file["is_picture"] for file in told["files"]] == [True, False, False]
    assert (shown.content, shown.headers["content-type"]) == (b"png", "image/png")
    assert loaded.headers["content-disposition"] == 'attachment; filename="..ab.csv"'
    assert foreign.headers["content-disposition"].startswith("attachment")


async def test_a_page_that_was_closed_makes_room(serve: Serve, stage: Stage) -> None:
    client = await serve()
    for _ in range(MOST_STREAMS + 5):
        assert (await first_event(client))[0] == "hello"
        async with asyncio.timeout(20):
            while stage.console.readers:
                await asyncio.sleep(0.002)
