"""`tocsin demo --slack`: two tokens, and the story is told in that workspace."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.vendors.process import spawned

pytestmark = pytest.mark.timeout(180)


@asynccontextmanager
async def running(place: Path, environ: dict[str, str]) -> AsyncIterator[str]:
    """Run the demo; give its page's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "--slack"),
        *("--port", str(port), "--directory", str(place)),
        cwd=place.parent,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        yield line.split()[-1] if "http" in line else line
    finally:
        process.terminate()
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def test_the_incident_stands_in_slack_and_names_the_newcomer(tmp_path: Path) -> None:
    async with spawned("slack") as slack:
        await slack.ask("user", id="U012ABCDEF", name="newcomer")
        await slack.ask("channel", id="C012ABCDEF", name="shop")
        environ = {
            "TOCSIN_SLACK_CHANNEL": "C012ABCDEF",
            "TOCSIN_SLACK_USER": "U012ABCDEF",
            "SLACK_BOT_TOKEN": slack.facts["bot_token"],
            "SLACK_APP_TOKEN": slack.facts["app_token"],
            "TOCSIN_SLACK_API": slack.facts["api_url"],
        }
        demo = running(tmp_path / "demo", environ)
        async with demo as address, httpx.AsyncClient(base_url=address) as client:
            found = re.search(r'name="csrf" content="([^"]+)"', (await client.get("/")).text)
            assert found
            headers = {"X-Tocsin-Csrf": found[1]}
            assert (await client.post("/demo/shop/errors", headers=headers)).status_code == 200
            told: list[str] = []
            async with asyncio.timeout(60):
                while not told:
                    messages = map(str, await slack.ask("messages", channel="C012ABCDEF"))
                    told = [text for text in messages if "ShopAnswersWithErrors" in text]
                    await asyncio.sleep(0.05)
            assert len(told) == 1
            assert "<@U012ABCDEF>" in told[0]
            state = (await client.get("/demo/state")).json()
            assert state["incident"]["title"] == "ShopAnswersWithErrors"
