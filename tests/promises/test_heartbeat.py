"""The monitor of the monitor: silence is noticed, ours by the heartbeat, theirs by an incident."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from aiohttp import web

import bot.roles
from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin, sample
from tests.promises.town import step, town
from tests.vendors.loopback import Loopback
from tests.vendors.process import Remote

PATH = "/ping/heartbeat-secret-4711"
STUCK = 7.0
"""Seconds in place of the minute after which a loop counts as stuck; the laziest turns each 5 s."""
TAMPERED = ("-m", "tests.promises.tampered")


class Watchman:
    """Whoever waits for our heartbeat. beats: monotonic times."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        app = web.Application()
        app.router.add_get(PATH, self._beat)
        self.door = Loopback(app)

    async def _beat(self, _request: web.Request) -> web.Response:
        self.beats.append(time.monotonic())
        return web.Response(text="ok")

    async def hears(self, count: int, within: float) -> bool:
        """Say whether so many more beats come within so many seconds."""
        wanted, end = len(self.beats) + count, time.monotonic() + within
        while len(self.beats) < wanted and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return len(self.beats) >= wanted


@asynccontextmanager
async def watchman() -> AsyncIterator[Watchman]:
    who = Watchman()
    await who.door.open()
    try:
        yield who
    finally:
        await who.door.close()


def watched(config: Json, who: Watchman) -> Json:
    """Let the configuration call the watchman each second."""
    return config | {"heartbeat": {"url": who.door.url + PATH, "interval": "1s"}}


async def is_unwell(tocsin: Tocsin, path: str = "/-/healthy") -> str:
    """Return what the answer says, once it is 503."""
    status, text = await tocsin.get(path)
    return text if status == 503 else ""


def test_what_stands_still_is_told_within_two_minutes() -> None:
    """The other tests here shorten these figures."""
    assert bot.roles.STUCK + 60 <= 120, "and an interval of a minute"
    assert bot.roles.SILENT <= 120


async def test_a_stuck_loop_stops_the_heartbeat_though_http_answers(
    found: Found, twilio: Remote, tmp_path: Path
) -> None:
    async def stand_still(place: str) -> None:
        when = tmp_path / place
        environ = {"TAMPER_STUCK": str(STUCK), "TAMPER_HANG": place, "TAMPER_WHEN": str(when)}
        async with watchman() as who:
            tocsin = found(watched(town(twilio), who), program=TAMPERED, environ=environ)
            await tocsin.start()
            await tocsin.send([sample("level", 5, instance="a")])
            assert await who.hears(2, within=10)
            assert await tocsin.get("/-/healthy") == (200, "healthy\n")
            when.touch()
            said = await tocsin.until(lambda: is_unwell(tocsin), STUCK + 5)
            assert said == f"{place} stands still\n"
            await who.hears(1, within=1.0)  # one may have been on its way
            assert not await who.hears(1, within=2.5)
            assert (await tocsin.get("/metrics"))[0] == 200
            assert await tocsin.send([sample("level", 6, instance="a")]) == 204

    await asyncio.gather(*map(stand_still, ("judging", "sender", "timers")))


async def test_a_locked_database_stops_the_heartbeat_and_readiness_until_it_is_free(
    found: Found, twilio: Remote
) -> None:
    environ = {"TAMPER_STUCK": str(STUCK)}
    async with watchman() as who:
        tocsin = found(watched(town(twilio), who), program=TAMPERED, environ=environ)
        await tocsin.start()
        await tocsin.send([sample("level", 5, instance="a")])
        assert await who.hears(2, within=10)
        with closing(sqlite3.connect(tocsin.database, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout = 10000")
            other.execute("BEGIN EXCLUSIVE")
            assert await tocsin.send([sample("level", 95, instance="a")]) == 204
            said = await tocsin.until(lambda: is_unwell(tocsin, "/-/ready"), STUCK + 10)
            assert "failing" in said
            await who.hears(1, within=1.0)
            assert not await who.hears(1, within=2.5)
            status, _ = await tocsin.get("/-/healthy")
            assert status == 200, "a restart would not help"
            assert await twilio.ask("messages") == []
        await twilio.ask("wait", method="Messages.create", calls=1, within=30)
        assert await who.hears(1, within=10), "it recovers by itself"
        await tocsin.until(tocsin.is_ready, 10)
        assert tocsin.log.count("locked") < 20, "a line now and then, no flood"


async def test_no_samples_at_all_stop_the_heartbeat(found: Found, twilio: Remote) -> None:
    environ = {"TAMPER_SILENT": "2"}
    async with watchman() as who:
        tocsin = found(watched(town(twilio), who), program=TAMPERED, environ=environ)
        await tocsin.start()
        assert await who.hears(2, within=10), "nobody ever sent anything"
        await tocsin.send([sample("level", 5, instance="a")])
        await asyncio.sleep(3.0)
        assert not await who.hears(1, within=2.0)
        await tocsin.send([sample("level", 5, instance="a")])
        assert await who.hears(1, within=5)


async def test_a_silent_source_is_an_incident_of_its_own_and_resolves_nothing(
    found: Found, twilio: Remote
) -> None:
    config = town(twilio, steps=[step("ada", 0), step("ben", 2)])
    config["sources"]["edge"] |= {"expect": "2s", "severity": "critical"}
    tocsin = found(config)
    await tocsin.start()
    assert await tocsin.send([sample("level", 95, instance="a")]) == 204
    began = time.monotonic()
    silent = "select * from incidents where title like '%SourceSilent%'"
    await tocsin.until(lambda: tocsin.rows(silent), 2 + 60)
    print(f"silence noticed after {time.monotonic() - began:.1f} s; 2 s are expected")
    (full,) = tocsin.rows("select * from incidents where title like '%DiskFull%'")
    assert full["status"] == "triggered"
    await tocsin.until(lambda: _says(tocsin, full["id"], "No data since"), 10)
    await tocsin.until(lambda: _says(tocsin, full["id"], "step 2 of 2"), 10)
    (alarm,) = tocsin.rows(silent)
    await tocsin.until(lambda: _rang(twilio, alarm["id"]), 10)
    assert await tocsin.send([sample("level", 96, instance="a")]) == 204
    over = silent + " and status = 'resolved'"
    await tocsin.until(lambda: tocsin.rows(over), 15)
    assert tocsin.rows("select status from incidents where id = ?", full["id"])[0][0] == "triggered"


async def _says(tocsin: Tocsin, incident: int, words: str) -> bool:
    answer = await tocsin.say(f"show {incident}")
    return answer is not None and words.lower() in answer["text"].lower()


async def _rang(twilio: Remote, incident: int) -> bool:
    return any(it["body"].startswith(f"#{incident} ") for it in await twilio.ask("messages"))
