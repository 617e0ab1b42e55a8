"""The wall clock jumps: waits follow elapsed time, nothing is repeated, nothing stands still."""

import asyncio
import time
from pathlib import Path

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, sample
from tests.promises.town import FULL, PHONES, step, texts, town
from tests.vendors.process import Remote, spawned

WAIT = 3.0
"""Seconds between two steps."""
EARLY, LATE = 0.3, 2.5
HOUR = 3600.0
HEAT: Json = {
    "alert": "Hot",
    "expr": "heat > 90",
    "for": "2s",  # nothing arrives meanwhile: only the group's own pace can find that it is over
    "labels": {"severity": "critical"},
}


async def test_the_wall_clock_jumps_in_the_middle_of_an_escalation(
    found: Found, tmp_path: Path
) -> None:
    await asyncio.gather(
        _jumps(found, tmp_path / "ahead", 2 * HOUR), _jumps(found, tmp_path / "back", -2 * HOUR)
    )


async def _jumps(found: Found, wall: Path, jump: float) -> None:
    async with spawned("twilio") as twilio:
        await _escalates(found, twilio, wall, jump)


async def _escalates(found: Found, twilio: Remote, wall: Path, jump: float) -> None:
    rules = {"groups": [*FULL["groups"], {"name": "heat", "interval": "1s", "rules": [HEAT]}]}
    steps = [step("ada", 0), step("ben", WAIT), step("cleo", WAIT)]
    tocsin = found(
        town(twilio, steps=steps),
        rules,
        program=("-m", "tests.promises.tampered"),
        environ={"TAMPER_CLOCK": str(wall)},
    )
    await tocsin.start()
    began = time.monotonic()
    await tocsin.send([sample("level", 95, instance="a")])
    await twilio.ask("wait", method="Messages.create", calls=1, within=10)
    wall.write_text(str(jump))
    await twilio.ask("wait", method="Messages.create", calls=3, within=4 * WAIT)
    pages = texts(await twilio.ask("messages"))
    assert [(number, to) for number, to, _, _ in pages] == [(1, to) for to in PHONES.values()]
    waits = [pages[1][3] - pages[0][3], pages[2][3] - pages[1][3]]
    print("between two steps, seconds:", [round(wait, 2) for wait in waits])
    assert all(wait <= WAIT + LATE for wait in waits)
    # Steps follow each other, not their messages: the first of these brings Twilio's library.
    assert all(at - began >= WAIT * step - EARLY for step, (_, _, _, at) in enumerate(pages))

    # Whoever looks at its own pace goes on looking: a new metric by the new time is judged.
    began = time.monotonic()
    assert await tocsin.send([sample("heat", 95, time.time() + jump, instance="b")]) == 204
    await tocsin.until(lambda: tocsin.count("select count(*) from incidents") == 2, 10)
    pending = time.monotonic() - began
    assert 2.0 - EARLY <= pending <= 2.0 + LATE
    assert await tocsin.get("/-/healthy") == (200, "healthy\n")
    wall.write_text("0")  # and back again: nothing is said twice
    began = time.monotonic()
    await tocsin.until(lambda: time.monotonic() > began + 2.0, 3)
    asked = [number for number, _, _, _ in texts(await twilio.ask("messages"))]
    assert asked.count(1) == 3
    assert await tocsin.stop() == 0


async def test_a_clock_that_jumps_ahead_of_the_senders_ends_no_alert(
    found: Found, tmp_path: Path
) -> None:
    wall = tmp_path / "wall"
    async with spawned("twilio") as twilio:
        tocsin = found(
            town(twilio, steps=[step("ada", 0)]),
            FULL,
            program=("-m", "tests.promises.tampered"),
            environ={"TAMPER_CLOCK": str(wall)},
        )
        await tocsin.start()
        assert await tocsin.send([sample("level", 95, instance="a")]) == 204
        await tocsin.until(lambda: tocsin.count("select count(*) from incidents") == 1, 10)
        wall.write_text(str(HOUR / 3))  # fresh samples look older than any look-back now
        for _ in range(12):
            assert await tocsin.send([sample("level", 95, instance="a")]) == 204
            await asyncio.sleep(0.5)
        resolved = "select count(*) from incidents where status = 'resolved'"
        assert tocsin.count(resolved) == 0
        assert await tocsin.stop() == 0
