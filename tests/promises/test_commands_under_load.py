"""Slack's three seconds: commands while two hundred incidents are open and are being told."""

import asyncio
import statistics

import pytest

from bot.chat.slack_http import PATH
from tests.promises.conftest import Found
from tests.promises.tocsin import sample
from tests.promises.town import ROOM, SLACK_IDS, over_http, town
from tests.vendors.process import Remote

CROWD, COMMANDS = 200, 50
SENTENCES = ("alerts", "ack {}", "show {}", "oncall", "snooze {} 30m")


@pytest.mark.parametrize("over", ["socket", "http"])
async def test_fifty_commands_while_two_hundred_incidents_are_told(
    found: Found, twilio: Remote, slack: Remote, over: str
) -> None:
    config = town(twilio, slack)
    tocsin = found(over_http(config, slack) if over == "http" else config)
    await tocsin.start()
    if over == "http":
        await slack.ask("listen", url=tocsin.url + PATH)
    await slack.ask("connected")
    crowd = [f"host-{n}" for n in range(CROWD)]
    assert await tocsin.send([sample("level", 95, instance=name) for name in crowd]) == 204
    await tocsin.until(lambda: tocsin.count("select count(*) from incidents") == CROWD, 20)

    async def command(number: int) -> dict[str, object]:
        await asyncio.sleep(number * 0.05)
        text = SENTENCES[number % len(SENTENCES)].format(number + 1)
        typed: dict[str, object] = await slack.ask(
            "command", command="/tocsin", text=text, user=SLACK_IDS["ben"], channel=ROOM, wait=10
        )
        return typed

    typed = await asyncio.gather(*(command(number) for number in range(COMMANDS)))
    acks = [ack for one in typed for ack in one["acks"]]  # type: ignore[attr-defined]
    assert [one["failed"] for one in typed if one["failed"]] == []
    assert len(acks) == COMMANDS
    waits = sorted(ack["seconds"] for ack in acks)
    worst, p95, usual = waits[-1], waits[int(0.95 * COMMANDS)], statistics.median(waits)
    print(f"acknowledged after: median {usual:.3f} s, p95 {p95:.3f} s, worst {worst:.3f} s")
    assert not [ack for ack in acks if ack["late"]], "none later than 3 s"
    taken = "select count(*) from audit where what in ('acknowledged', 'snoozed') and via='slack'"
    asked = sum(sentence.startswith(("ack", "snooze")) for sentence in SENTENCES)
    wanted = COMMANDS * asked // len(SENTENCES)
    await tocsin.until(lambda: tocsin.count(taken) == wanted, 20)

    if over == "socket":
        await slack.ask("cut")
        await slack.ask("connected", within=10)
    said = await slack.ask(
        "command", command="/tocsin", text="oncall", user=SLACK_IDS["ben"], channel=ROOM
    )
    assert said["acks"], "back within ten seconds of a cut wire"
    assert not said["acks"][0]["late"]
    assert await tocsin.stop() == 0
