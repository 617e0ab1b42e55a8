"""Who may ask for a reload, and what is answered."""

import asyncio

import httpx
import pytest

from bot.cli import main
from bot.reload import Reloaded
from storage.errors import ConfigError
from tests.bot.web.conftest import ADA, EVE, Serve

TOKENS = {ADA: "the-token-of-ada", EVE: "the-token-of-eve"}


class Reloading:
    """Notes who reloads; `fault` is why it is refused."""

    def __init__(self, fault: str = "") -> None:
        self.asked: list[tuple[str, str]] = []
        self.fault = fault

    async def __call__(self, *, actor: str, via: str) -> Reloaded:
        self.asked.append((actor, via))
        if self.fault:
            raise ConfigError(self.fault)
        return Reloaded(text="Reloaded.", waits=("log.level",))


async def answer(client: httpx.AsyncClient, who: str = "") -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {who}"} if who else {}
    found = await client.post("/-/reload", headers=headers)
    return found.status_code, found.json()


async def test_on_loopback_anybody_here_may_reload(serve: Serve) -> None:
    reloading = Reloading()
    client = await serve(people_tokens=TOKENS, reload=reloading)
    done = {"text": "Reloaded.", "needs_restart": ["log.level"]}
    assert await answer(client) == (200, done)
    assert await answer(client, TOKENS[ADA]) == (200, done)
    assert (await answer(client, TOKENS[EVE]))[0] == 403
    assert reloading.asked == [("local", "http"), ("ada", "http")]


async def test_elsewhere_only_an_administrator_may(serve: Serve) -> None:
    reloading = Reloading()
    client = await serve(people_tokens=TOKENS, reload=reloading, listens_on="0.0.0.0")
    assert (await answer(client))[0] == 401
    assert (await answer(client, TOKENS[EVE]))[0] == 403
    assert (await answer(client, TOKENS[ADA]))[0] == 200
    assert reloading.asked == [("ada", "http")]


async def test_a_refusal_says_every_fault(serve: Serve) -> None:
    faults = "config.yaml:3:1 people: found nothing\nrules.yml:9:1: found nothing"
    client = await serve(reload=Reloading(faults))
    assert await answer(client) == (400, {"error": faults})


async def test_from_the_command_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    async def run(reloading: Reloading, *more: str) -> int:
        client = await serve(people_tokens=TOKENS, reload=reloading)
        try:
            words = ["reload", "--url", str(client.base_url), *more]
            await asyncio.to_thread(main, words)
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    assert await run(Reloading()) == 0
    assert capsys.readouterr().out == "Reloaded.\n"
    assert await run(Reloading("config.yaml:3:1: found nothing")) == 2
    assert capsys.readouterr().err == "config.yaml:3:1: found nothing\n"
    assert await run(Reloading(), "--token", TOKENS[EVE]) == 1
    assert "permission admin" in capsys.readouterr().err
