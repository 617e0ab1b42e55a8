"""Something comes and goes: a few pages, one message that counts, and in the end the truth."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin, sample
from tests.promises.town import EDGE, PHONES, ROOM, number_of, step, town
from tests.vendors.process import Remote

FLIPS, KILLED_AFTER = 8, 5
SOON, CALM = 30.0, "5m"
HURRY = 60
"""How fast the product's time runs while it waits for calm."""
TIMES = 3
OURS, THEIRS = 1, 2
"""What a rule of our own opens, and what comes in by a door."""


def flappy(twilio: Remote, slack: Remote) -> Json:
    """Ask Ada by SMS, at once and not again for an hour."""
    config = town(twilio, slack, [step("ada", 0)])
    config["policies"]["default"]["repeat_after"] = "1h"
    config["alerts"] = {"flapping": {"times": TIMES, "within": "15m", "calm": CALM}}
    return config


async def by_door(session: aiohttp.ClientSession, tocsin: Tocsin, fires: bool) -> None:
    """Tell it as Prometheus would."""
    now = datetime.now(UTC).isoformat()
    labels = {"alertname": "QueueStuck", "instance": "mail", "severity": "critical"}
    told: Json = {"labels": labels, "annotations": {"summary": "mail waits"}}
    told["startsAt"] = now if fires else "2026-01-01T00:00:00Z"
    if not fires:
        told["endsAt"] = now
    async with session.post(
        f"{tocsin.url}/api/v2/alerts",
        json=[told],
        headers={"Authorization": f"Bearer {EDGE}"},
    ) as answer:
        assert answer.status == 200, await answer.text()


async def both(session: aiohttp.ClientSession, tocsin: Tocsin, fires: bool) -> None:
    """Let both begin, or end, and wait until that stands in the record."""
    await by_door(session, tocsin, fires)
    assert await tocsin.send([sample("level", 95 if fires else 10, instance="a")]) < 300
    status = "firing" if fires else "resolved"
    stands = "SELECT count(*) FROM standing WHERE status = ?"
    await tocsin.until(lambda: tocsin.count(stands, status) == 2, SOON)


async def pages(twilio: Remote) -> dict[int, int]:
    """How often Ada was asked about each."""
    said = [it["body"] for it in await twilio.ask("messages", to=PHONES["ada"])]
    asked = [number_of(body) for body in said if "Answer: " in body]
    return {number: asked.count(number) for number in (OURS, THEIRS)}


async def tops(slack: Remote) -> dict[int, list[Json]]:
    found: dict[int, list[Json]] = {OURS: [], THEIRS: []}
    for message in await slack.ask("messages", channel=ROOM):
        found[number_of(message["text"])].append(message)
    return found


def words(message: Any) -> str:
    return str(message["blocks"]).replace("*", "")


async def test_what_comes_and_goes_rings_a_few_times_and_is_counted(
    found: Found,
    twilio: Remote,
    slack: Remote,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    """By our own rule and by a door, over a kill -9 in the middle of it."""
    pace = tmp_path / "pace"
    program = ("-m", "tests.promises.tampered")
    tocsin = found(flappy(twilio, slack), program=program, environ={"TAMPER_PACE": str(pace)})
    await tocsin.start()
    await slack.ask("connected")
    for flip in range(FLIPS):
        await both(session, tocsin, True)
        await both(session, tocsin, False)
        if flip + 1 == KILLED_AFTER:
            await tocsin.kill()
            await tocsin.start()

    async def counted() -> bool:
        shown = await tops(slack)
        return all(f"flapping, {FLIPS} times in" in words(it[0]) for it in shown.values() if it)

    await tocsin.until(counted, SOON)
    for number, shown in (await tops(slack)).items():
        assert len(shown) == 1, f"#{number}: one message"
    assert max((await pages(twilio)).values()) <= TIMES + 1, "one extra copy after a kill at most"
    assert min((await pages(twilio)).values()) >= TIMES, "the first pages are never held back"
    said = await tocsin.say("show 1") or {}
    assert f"flapping, {FLIPS} times in" in said["text"]
    assert "if nothing begins or ends before: told that it is resolved" in said["text"]
    assert re.search(r"lapping, 3 times in .* it stays open until it has been calm", said["text"])

    open_ones = "SELECT count(*) FROM incidents WHERE status != 'resolved'"
    assert tocsin.count("SELECT count(*) FROM incidents") == 2
    before = await pages(twilio)
    pace.write_text(str(HURRY))
    await tocsin.until(lambda: tocsin.count(open_ones) == 0, SOON)
    pace.write_text("1")

    async def true() -> bool:
        return all("esolved by itself" in words(it[0]) for it in (await tops(slack)).values())

    await tocsin.until(true, SOON)
    assert await pages(twilio) == before
    over = (
        "SELECT count(*) FROM audit WHERE what = 'resolved' AND because LIKE '%flapping, 8 times%'"
    )
    assert tocsin.count(over) == 2, "told once"
    assert await tocsin.stop() == 0
