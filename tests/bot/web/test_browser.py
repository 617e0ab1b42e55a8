"""The page in a real browser: foreign text stays text, and it comes back by itself."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from playwright.async_api import Page, async_playwright

from bot.channels.console import Console
from bot.web.parts import Keys, Parts
from bot.web.server import Server
from routing.delivery.channel import Action, Line, Message
from routing.flow.current import Current
from storage.clock import SystemClock
from storage.model.alert import Alert, Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from storage.model.labels import Labels
from tests.bot.web.conftest import ADA, Serve, Stage

CHROMIUM = os.environ.get("TOCSIN_CHROMIUM") or shutil.which("chromium")
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """Open an empty page; skip without a browser, but fail where the whole suite must run."""
    if not CHROMIUM:
        reason = "no Chromium found; install it, or name it in TOCSIN_CHROMIUM"
        (pytest.fail if os.environ.get("TOCSIN_CI") == "1" else pytest.skip)(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield await browser.new_page(viewport={"width": 390, "height": 844})
        await browser.close()


def message(title: str = "#12 CheckoutSlow", status: Status = Status.TRIGGERED) -> Message:
    return Message(
        purpose=Purpose.ROOM,
        title=title,
        incident=12,
        status=status,
        severity=Severity.CRITICAL,
        summary=HOSTILE,
        facts=(("State", HOSTILE), ("Runbook", "javascript:window.hacked=1")),
        actions=(Action(verb="ack", label=HOSTILE),),
        lines=(Line(id=1, at=SystemClock().utc_now(), text=HOSTILE),),
        asked=(HOSTILE,),
    )


async def test_foreign_text_stays_text(page: Page, serve: Serve, stage: Stage) -> None:
    client = await serve()
    await stage.console.send(message(f"#12 {HOSTILE}"), HOSTILE, "key", None)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(str(client.base_url))
    await page.get_by_role("button", name=HOSTILE).first.click()
    await page.wait_for_selector(".card")
    assert HOSTILE in await page.inner_text(".card .summary")
    assert HOSTILE in await page.inner_text(".card h3")
    assert await page.locator(".side img, .card img, .card script, .card a").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_a_card_answers_why(page: Page, serve: Serve, stage: Stage) -> None:
    labels = Labels.of(alertname="CheckoutSlow", severity="critical", team=HOSTILE)
    await stage.receiver.receive([Alert(labels=labels, starts_at=SystemClock().utc_now())])
    client = await serve()
    await stage.console.send(replace(message(), incident=1), "#alarms", "key", None)
    await page.goto(str(client.base_url))
    await page.get_by_role("button", name="Why was #1").click()
    await page.wait_for_selector(".answer:not([aria-busy])")
    said = await page.locator(".answer").last.inner_text()
    assert "Nobody was told" in said
    assert "deduplicated" in said
    assert await page.evaluate("window.hacked") is None


async def test_a_broad_silence_is_confirmed_by_a_button(
    page: Page, serve: Serve, stage: Stage
) -> None:
    playbook = stage.desks.playbook()
    limits = replace(playbook.limits, confirm=1)
    stage.desks.playbook.swap(replace(playbook, limits=limits))
    now = SystemClock().utc_now()
    some = [Alert(labels=Labels.of(alertname="Slow", i=i), starts_at=now) for i in "ab"]
    await stage.receiver.receive(some)
    client = await serve()
    await stage.console.send(replace(message(), incident=1), "#alarms", "key", None)
    await page.goto(str(client.base_url))
    for button, last in (("Cancel", "Cancelled"), ("Hide 2 alerts", "Silence 1 on")):
        await page.fill("#sentence", "/silence alertname=Slow 1h")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name=button).click()
        await page.locator(".answer", has_text=last).wait_for()
    assert await page.get_by_role("button", name="Hide 2 alerts").count() == 0
    assert "This hides 2 alerts." in await page.locator(".answer").first.inner_text()


async def test_a_card_says_what_comes_next_and_the_newest_answer_stays_in_sight(
    page: Page, serve: Serve, stage: Stage
) -> None:
    await stage.receiver.receive(
        [Alert(labels=Labels.of(alertname="Slow"), starts_at=SystemClock().utc_now())]
    )
    client = await serve()
    await stage.console.send(replace(message(), incident=1), "#alarms", "key", None)
    await page.goto(str(client.base_url))
    await page.get_by_role("button", name="What will be sent next about #1?").click()
    said = page.locator(".answer", has_text="#1 Slow")
    await said.wait_for()
    grown = replace(message(), incident=1, summary="\n".join(["it hurts"] * 60))
    await stage.console.send(grown, "#alarms", "key", None)
    await page.locator(".summary", has_text="it hurts").wait_for()
    await page.wait_for_function(
        "() => { const feed = document.getElementById('feed');"
        " return feed.scrollHeight - feed.scrollTop - feed.clientHeight < 2; }",
        timeout=5_000,
    )


async def test_it_claims_no_quiet_before_it_knows(page: Page, serve: Serve) -> None:
    client = await serve()
    await page.route("**/console/events", lambda route: route.abort())
    await page.goto(str(client.base_url))
    assert await page.inner_text("#room-state") == "Not known yet."
    assert "not known yet" in await page.inner_text("#empty")
    await page.unroute("**/console/events")
    await page.wait_for_selector(".link.live")
    assert await page.inner_text("#room-state") == "Nothing is open."
    assert (await page.inner_text("#empty")).startswith("All quiet.")


async def test_what_is_most_urgent_stands_first(page: Page, serve: Serve, stage: Stage) -> None:
    client = await serve()
    told = [
        (1, Severity.WARNING, Status.TRIGGERED),
        (2, Severity.CRITICAL, Status.ACKNOWLEDGED),
        (3, Severity.CRITICAL, Status.TRIGGERED),
        (4, Severity.CRITICAL, Status.TRIGGERED),
    ]
    for number, severity, status in told:
        card = replace(message(f"#{number} X", status), incident=number, severity=severity)
        await stage.console.send(card, "#alarms", f"key{number}", None)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(str(client.base_url))
    await page.locator(".card").nth(3).wait_for()
    order = await page.locator("#open-list li").all_inner_texts()
    assert [text.strip() for text in order] == ["#3 X", "#4 X", "#1 X", "#2 X"]
    assert await page.locator("#chips button").first.inner_text() == "/ack 4"


async def test_a_narrow_page_does_not_scroll_sideways(
    page: Page, serve: Serve, stage: Stage
) -> None:
    client = await serve()
    await stage.console.send(message("#12 " + "Long" * 60), "#alarms", "key", None)
    await page.goto(str(client.base_url))
    await page.wait_for_selector(".card")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_it_finds_a_new_engine_by_itself(page: Page, stage: Stage) -> None:
    def engine(console: Console, port: int) -> Server:
        parts = Parts(
            intake=stage.intake,
            desks=stage.desks,
            metrics=bytes,
            console=console,
            keys=Current(Keys(console_person=ADA)),
        )
        return Server(parts, host="127.0.0.1", port=port)

    first = engine(Console(), 0)
    await first.start()
    await page.goto(f"http://127.0.0.1:{first.port}")
    await page.wait_for_selector(".link.live")
    await first.stop()
    await page.wait_for_selector(".link.gone")
    console = Console()
    console.show("#alarms", message())
    second = engine(console, first.port)
    await second.start()
    try:
        await page.wait_for_selector(".link.back")
        await page.wait_for_selector(".card")
        await console.send(message(status=Status.ACKNOWLEDGED), "#alarms", "key", None)
        await page.wait_for_selector('.card[data-status="acknowledged"]')
        await page.fill("#sentence", "help")
        await page.keyboard.press("Enter")
        async with asyncio.timeout(20):
            while "ack" not in await page.locator(".answer").last.inner_text():
                await asyncio.sleep(0.02)
    finally:
        await second.stop()
