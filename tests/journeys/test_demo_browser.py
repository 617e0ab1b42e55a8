"""The demo as a newcomer sees it: break, kill, phone, answer, mend, receipt, in a real browser."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(240)
CHROMIUM = (
    os.environ.get("TOCSIN_CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)
SOON, LATER = 20_000, 60_000
"""Milliseconds; bounds on waiting, generous on a busy machine."""


def _need_a_browser() -> str:
    """Return where Chromium is; without one skip, but fail where the whole suite must run."""
    if CHROMIUM:
        return CHROMIUM
    reason = "no Chromium found; install it, or name it in TOCSIN_CHROMIUM"
    if os.environ.get("TOCSIN_CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _quicker(place: Path) -> None:
    """Put a configuration there whose phone rings after 6 s instead of 15."""
    from bot.demo import main

    place.mkdir()
    written = (Path(main.__file__).parent / "config.yaml").read_text()
    assert "after: 15s" in written
    (place / "config.yaml").write_text(written.replace("after: 15s", "after: 6s"))


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """Start the demo; return the address that it prints."""
    _need_a_browser()
    place = tmp_path / "demo"
    _quicker(place)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "--port", str(port), "--directory", str(place)),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        yield line.split()[-1]
    finally:
        process.terminate()
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def test_the_story(address: str, tmp_path: Path) -> None:
    from playwright.async_api import async_playwright

    faults: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_need_a_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page()
        page.set_default_timeout(LATER)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security" in said.text else None,
        )
        await page.goto(address)
        await page.wait_for_selector(".link.live")

        async def press(name: str) -> None:
            await page.get_by_role("button", name=name, exact=True).click()

        await press("Break the shop")
        await page.wait_for_selector('.card.critical[data-status="triggered"]', timeout=SOON)
        number = await page.get_attribute(".card.critical", "data-incident")
        assert await page.locator(".sms").count() == 0

        await press("Kill Tocsin")
        await page.wait_for_selector(".note.gone", timeout=SOON)
        await page.wait_for_selector(".note.back")
        assert await page.locator(".card.critical").count() == 1

        await page.wait_for_selector(".sms")
        assert f"#{number} CRITICAL" in await page.locator(".sms").first.inner_text()
        assert "Extra copies: 0" in await page.locator(".copies").inner_text()

        await page.keyboard.press("/")
        await page.keyboard.type(f"ack {number}")
        await page.keyboard.press("Enter")
        await page.wait_for_selector('.card.critical[data-status="acknowledged"]', timeout=SOON)

        await press("Mend the shop")
        await page.wait_for_selector('.card.critical[data-status="resolved"]')
        await page.wait_for_selector(".receipt img[src]")
        moments = await page.locator(".receipt tbody td:first-child").all_inner_texts()
        assert [text.strip().lstrip("0123456789") for text in moments] == [
            "shop broken",
            "sample taken",
            "stored",
            "judged",
            "shown in channel",
            "engine killed",
            "engine back",
            "phone rang",
            "acknowledged",
            "shop mended",
            "resolved",
        ]
        assert await page.locator(".clock .value:not(.idle)").count() == 2

        await page.fill("#sentence", "/report alerts")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".answer table")
        await page.wait_for_selector(".answer img")
        await page.wait_for_selector('.answer a[download$=".csv"]')
        await browser.close()
    assert faults == []
    assert "Traceback" not in (tmp_path / "demo" / "engine.log").read_text()
