"""Slack away: criticals go by SMS in time, retries grow apart, and no backlog when it is back."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.promises.conftest import Found, workspace
from tests.promises.tocsin import Json, Tocsin, sample
from tests.promises.town import FULL, PHONES, ROOM, number_of, step, texts, town
from tests.vendors.process import Remote, spawned

FAILOVER = 3.0
"""Seconds after which these tests send a critical page another way; a minute unless configured."""
OUTAGE = 9.0
HOSTS = 3
CRITICALS, OVER = 100, 10
WAITING, CATCHING_UP = 30.0, 30.0
"""How fast the product's time runs while nothing happens, and while Slack hears the present."""
EACH_ONCE = {1: 1, 2: 1, 3: 1}
LOOK = 1.0
"""Seconds between two looks for overdue pages, and the grace for the test's own."""


def by_chat_first(twilio: Remote, slack: Remote) -> Json:
    """Ask Ada in Slack alone; SMS is the next of her contacts. Ben follows by SMS much later."""
    config = town(twilio, slack, [step("ada", 0, "chat"), step("ben", 60)])
    config["delivery"]["failover_after"] = f"{FAILOVER:g}s"
    return config


async def tell(tocsin: Tocsin) -> float:
    """Let three hosts cross the threshold; return the moment."""
    assert await tocsin.send([sample("level", 95, instance=f"h{n}") for n in range(HOSTS)]) < 300
    return time.monotonic()


async def rung(twilio: Remote) -> dict[int, list[float]]:
    """Wait until Ada was asked about each host by SMS; return the monotonic times by incident."""
    end = time.monotonic() + 3 * FAILOVER
    while True:
        pages = defaultdict[int, list[float]](list)
        for number, to, asks, at in texts(await twilio.ask("messages")):
            if asks and to == PHONES["ada"]:
                pages[number].append(at)
        if len(pages) >= HOSTS or time.monotonic() > end:
            return pages
        await asyncio.sleep(0.1)


async def test_slack_down_then_back(found: Found) -> None:
    """Two towns side by side: Slack refuses connections in one, answers 503 in the other."""

    async def outage(answer: int | None) -> None:
        async with spawned("twilio") as twilio, workspace() as slack:
            await _down_then_back(found, twilio, slack, answer)

    await asyncio.gather(outage(None), outage(503))


async def _down_then_back(found: Found, twilio: Remote, slack: Remote, answer: int | None) -> None:
    tocsin = found(by_chat_first(twilio, slack))
    await tocsin.start()
    await slack.ask("connected")
    await slack.ask("down", status=answer)
    began = await tell(tocsin)
    pages = await rung(twilio)
    assert {number: len(times) for number, times in pages.items()} == EACH_ONCE
    late = {number: times[0] - began for number, times in pages.items()}
    print("SMS after the step, seconds:", late)
    assert max(late.values()) <= FAILOVER + LOOK

    shown = await tocsin.say("show 1")
    assert shown is not None
    assert "not delivered: slack to Ada" in shown["text"].replace("Not", "not")
    acked = await tocsin.say("ack 2", who="ben")
    assert acked is not None
    assert not acked["refused"], "people are answered while Slack is away"
    await tocsin.until(lambda: time.monotonic() > began + OUTAGE, OUTAGE)
    if answer is not None:
        _gaps_grow(await slack.ask("calls"))

    before = len(await slack.ask("calls"))
    await slack.ask("up")
    tops = await tocsin.until(lambda: _tops(slack), 30)
    assert {number: len(found) for number, found in tops.items()} == EACH_ONCE
    assert "cknowledged by Ben" in str(tops[2][0]["blocks"]).replace("*", ""), (
        "its present state, at once"
    )
    assert tops[2][0]["editions"] in ([], None) or len(tops[2][0]["editions"]) <= 2
    calls = (await slack.ask("calls"))[before:]
    said = [call for call in calls if call["method"].startswith("chat.")]
    assert len(said) <= 3 * HOSTS, "no backlog"
    again = await rung(twilio)
    assert {number: len(times) for number, times in again.items()} == EACH_ONCE
    assert await tocsin.stop() == 0


async def _tops(slack: Remote, incidents: int = HOSTS) -> dict[int, list[Json]] | None:
    """Return the top messages by incident, once there is one for each."""
    tops = defaultdict(list)
    for message in await slack.ask("messages", channel=ROOM):
        if ", critical: #" in message["text"]:  # not the word on what is over
            tops[number_of(message["text"])].append(message)
    return tops if len(tops) >= incidents else None


def _gaps_grow(calls: list[Json]) -> None:
    """The room is tried less and less often: no gap is shorter than the one before."""
    tries = [call["at"] for call in calls if call["channel"] == ROOM]
    gaps = [after - before for before, after in pairwise(tries)]
    print("gaps between two tries, seconds:", [round(gap, 2) for gap in gaps])
    assert len(gaps) >= 2
    assert all(after >= before - 0.2 for before, after in pairwise(gaps))


async def test_slack_down_for_ten_minutes_with_a_hundred_criticals(
    found: Found, tmp_path: Path
) -> None:
    """At the usual minute before failover: the product's own time runs faster where it only waits.

    Around the minute itself it runs as ours does.
    """
    async with spawned("twilio") as twilio, workspace() as slack:
        await _ten_minutes(found, twilio, slack, Watch(tmp_path / "pace"))


@dataclass
class Watch:
    """Sets the product's pace, and waits by its time."""

    file: Path

    def pace(self, pace: float) -> None:
        self.file.write_text(str(pace))

    async def until(self, tocsin: Tocsin, at: float) -> None:
        """Wait until the product's clock shows `at`."""
        while await tocsin.clock() < at:
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def reporting(self, tocsin: Tocsin, levels: Json) -> AsyncIterator[None]:
        """Let every level come in while the block lasts, by the product's clock."""
        task = asyncio.create_task(self._report(tocsin, levels))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _report(self, tocsin: Tocsin, levels: Json) -> None:
        while True:
            now = await tocsin.clock()
            samples = [sample("level", level, now, instance=name) for name, level in levels.items()]
            assert await tocsin.send(samples) < 300
            await asyncio.sleep(0.5)


async def _ten_minutes(found: Found, twilio: Remote, slack: Remote, watch: Watch) -> None:
    watch.pace(1)
    tocsin = found(
        town(twilio, slack, [step("ada", 0, "chat"), step("ben", 3600)]),
        {"groups": [FULL["groups"][0] | {"interval": "5s"}]},
        program=("-m", "tests.promises.tampered"),
        environ={"TAMPER_PACE": str(watch.file)},
    )
    await tocsin.start()
    await slack.ask("connected")
    await slack.ask("down")
    levels = {f"h{n}": 95 for n in range(CRITICALS)}
    async with watch.reporting(tocsin, levels):
        began = await tocsin.clock()
        opened = "select count(*) from incidents"
        await tocsin.until(lambda: tocsin.count(opened) == CRITICALS, 30)
        watch.pace(8)
        await watch.until(tocsin, began + 40)
        watch.pace(1)
        await _all_rung_within_a_minute(tocsin, twilio)
        for number in range(1, 21):
            said = await tocsin.say(f"ack {number}", who="ben")
            assert said is not None
            assert not said["refused"]
        for number in range(OVER):
            levels[f"h{number}"] = 10  # these ten are well again before Slack is
        watch.pace(WAITING)
        await watch.until(tocsin, began + 600)
        watch.pace(CATCHING_UP)
        rings = [it for it in texts(await twilio.ask("messages")) if it[2]]
        assert len(rings) == CRITICALS, "no second ring"

        await slack.ask("limits", a_minute=60.0 * CATCHING_UP, burst=4 * CATCHING_UP)
        await slack.ask("up")
        await tocsin.until(lambda: _tops(slack, CRITICALS - OVER), 80)
        await watch.until(tocsin, await tocsin.clock() + 20)
        await _each_stands_once_as_it_is(tocsin, slack)
    assert await tocsin.stop() == 0


async def _all_rung_within_a_minute(tocsin: Tocsin, twilio: Remote) -> None:
    ahead = await tocsin.clock() - time.monotonic()  # from the vendor's clock to the product's
    await twilio.ask("wait", method="Messages.create", calls=CRITICALS, within=60)
    pages = [it for it in texts(await twilio.ask("messages")) if it[2]]
    assert sorted(page[0] for page in pages) == list(range(1, CRITICALS + 1)), "by SMS, once"
    steps = _steps(tocsin)
    late = [at + ahead - steps[number] for number, _, _, at in pages]
    print(f"SMS after the step, seconds: first {min(late):.1f}, last {max(late):.1f}")
    assert max(late) <= 60


async def _each_stands_once_as_it_is(tocsin: Tocsin, slack: Remote) -> None:
    tops = await _tops(slack, CRITICALS - OVER) or {}
    assert {len(found) for found in tops.values()} == {1}, "one message an incident"
    states = {row["id"]: row["status"] for row in tocsin.rows("select * from incidents")}
    assert sorted(set(states.values())) == ["acknowledged", "resolved", "triggered"]
    assert set(tops) == {number for number, state in states.items() if state != "resolved"}
    for number, (top,) in tops.items():
        assert f"*{states[number].capitalize()}*" in str(top["editions"][0]["blocks"]), "at once"
        assert f"*{states[number].capitalize()}*" in str(top["blocks"])
    posted = [it for it in await slack.ask("calls", method="chat.postMessage") if it["done"]]
    assert len(posted) == len(tops) + 1, "nothing stale, and one word on all that is over"


def _steps(tocsin: Tocsin) -> dict[int, float]:
    """Return when each incident's step asked Ada in Slack, Unix seconds of the product."""
    rows = tocsin.rows("select * from outbox where channel = 'slack' and purpose = 'page'")
    return {row["incident"]: datetime.fromisoformat(row["created_at"]).timestamp() for row in rows}


@pytest.mark.parametrize("error", ["channel_not_found", "invalid_auth"])
async def test_a_permanent_error_is_not_hammered(
    found: Found, twilio: Remote, slack: Remote, error: str
) -> None:
    config = by_chat_first(twilio, slack)
    if error == "invalid_auth":  # it meets every room, and is one fault
        await slack.ask("channel", id="C0ALARMS2", name="more-alarms")
        config["policies"]["default"]["rooms"].append({"slack": "C0ALARMS2"})
    tocsin = found(config)
    await slack.ask("fault", failure="error", error=error, method="chat.postMessage")
    await tocsin.start()
    began = await tell(tocsin)
    pages = await rung(twilio)
    assert {number: len(times) for number, times in pages.items()} == EACH_ONCE
    assert max(times[0] for times in pages.values()) <= began + FAILOVER + LOOK
    await tocsin.until(lambda: _is_told(twilio), 10)
    await tocsin.until(lambda: time.monotonic() > began + FAILOVER + 2, 10)
    tries = defaultdict[str, int](int)
    for call in await slack.ask("calls", method="chat.postMessage"):
        tries[_key(call["args"])] += 1
    assert tries
    assert max(tries.values()) <= 2, "no retry loop"
    told = [it for it in await twilio.ask("messages") if "slack refuses" in it["body"].lower()]
    assert [it["to"] for it in told] == [PHONES["ada"]], "the administrator, once, by another way"
    assert await tocsin.stop() == 0


async def _is_told(twilio: Remote) -> bool:
    return any("refuses" in it["body"] for it in await twilio.ask("messages"))


def _key(args: Json) -> str:
    """Return the outbox key that a call carries in its metadata."""
    metadata: Any = args.get("metadata") or {}
    return str(metadata.get("event_payload", {}).get("key", args.get("text")))
