"""How people are asked, from outside: turns over a kill, dead channels, a storm for one phone."""

import asyncio
import time
from typing import Any

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin, sample
from tests.promises.town import PHONES, number_of, town
from tests.vendors.process import Remote

ADA, BEN, CLEO = PHONES["ada"], PHONES["ben"], PHONES["cleo"]
SOON, QUIET = 20.0, 3.0


def configured(twilio: Remote, *steps: Json, **more: Any) -> Json:
    config = town(twilio, steps=list(steps))
    config["people"]["ada"] |= more.get("ada", {})
    config["delivery"] |= more.get("delivery", {})
    return config


async def bodies(twilio: Remote, to: str) -> list[str]:
    return [it["body"] for it in await twilio.ask("messages", to=to)]


async def at_least(tocsin: Tocsin, twilio: Remote, count: int, to: str) -> list[str]:
    async def enough() -> list[str] | None:
        found = await bodies(twilio, to)
        return found if len(found) >= count else None

    found: list[str] = await tocsin.until(enough, SOON)
    return found


async def test_turns_of_a_rule_over_a_kill_and_none_after_the_answer(
    found: Found, twilio: Remote
) -> None:
    turns = [{"by": ["sms"]}, {"after": "5s", "by": ["sms"]}, {"after": "15s", "by": ["sms"]}]
    step = {"notify": [{"person": "ada"}]}
    tocsin = found(configured(twilio, step, ada={"rules": [{"steps": turns}]}))
    await tocsin.start()
    began = time.monotonic()
    await tocsin.send([sample("level", 95, instance="a")])
    await at_least(tocsin, twilio, 1, ADA)
    await tocsin.kill()
    await tocsin.start()
    assert len(await at_least(tocsin, twilio, 2, ADA)) <= 3, "one extra copy at most"
    assert time.monotonic() - began >= 4.5
    answer = await tocsin.say("ack 1")
    assert answer is not None
    assert not answer["refused"]
    asked = len([it for it in await bodies(twilio, ADA) if "Answer" in it])
    left = tocsin.rows("SELECT status FROM outbox WHERE purpose = 'page' AND status = 'waiting'")
    assert left == [], "cancelled with the answer"
    await tocsin.kill()
    await tocsin.start()
    await asyncio.sleep(max(0.0, began + 15 + QUIET - time.monotonic()))
    assert len([it for it in await bodies(twilio, ADA) if "Answer" in it]) == asked


async def test_all_ways_of_a_person_are_dead_and_the_next_is_asked(
    found: Found, twilio: Remote
) -> None:
    await twilio.ask("fate", to=ADA, end="undelivered", error=30003, pause=0.2)
    step = {"notify": [{"oncall": "primary"}], "by": ["sms"]}
    config = configured(twilio, step)
    config["people"]["ada"]["contacts"] = ["sms"]
    tocsin = found(config)
    await tocsin.start()
    await tocsin.send([sample("level", 95, instance="a")])
    await at_least(tocsin, twilio, 1, BEN)
    shown = (await tocsin.say("show 1") or {})["text"]
    assert "ot delivered: sms to Ada" in shown
    assert "asking Ben by sms" in shown


async def test_nobody_can_be_reached_and_the_incident_says_so(found: Found, twilio: Remote) -> None:
    for dead in (ADA, BEN):
        await twilio.ask("fate", to=dead, end="undelivered", error=30003, pause=0.2)
    first = {"notify": [{"person": "ada"}, {"person": "ben"}], "by": ["sms"]}
    second = {"after": "1h", "notify": [{"person": "cleo"}], "by": ["sms"]}
    config = configured(twilio, first, second)
    for who in ("ada", "ben"):
        config["people"][who]["contacts"] = ["sms"]
    tocsin = found(config)
    await tocsin.start()
    await tocsin.send([sample("level", 95, instance="a")])
    await at_least(tocsin, twilio, 1, CLEO)
    reply = await tocsin.say("show 1") or {}
    assert "not delivered" in reply["text"].lower()
    assert "Step 1 reached nobody; step 2 at once" in reply["text"]
    outcomes = {(row[1], row[3].split(":")[0]) for row in reply["table"][1:]}
    assert ("Ada", "failed for good") in outcomes
    assert ("Ben", "failed for good") in outcomes


async def test_a_storm_rings_a_phone_three_times_and_one_answer_takes_it(
    found: Found, twilio: Remote
) -> None:
    step = {"notify": [{"person": "ada"}], "by": ["sms"]}
    tocsin = found(configured(twilio, step, delivery={"single": 3}))
    await tocsin.start()
    await tocsin.send([sample("level", 95, instance=f"h{n}") for n in range(40)])
    texts = await at_least(tocsin, twilio, 3, ADA)
    await tocsin.until(
        lambda: tocsin.count("SELECT count(*) FROM outbox WHERE purpose = 'page' "
                             "AND status IN ('sent', 'delivered')") == 40, SOON
    )  # fmt: skip
    texts = await bodies(twilio, ADA)
    assert len(texts) <= 4, "the store may take the samples in two batches"
    assert any(" incidents, 1 service" in text for text in texts)
    assert all("Answer: " in text for text in texts)
    alone = {number_of(text) for text in texts if " incidents" not in text}
    assert len(alone) >= 2
    reply = await tocsin.say("ack mine")
    assert reply is not None
    assert not reply["refused"]
    statuses = tocsin.rows("SELECT DISTINCT status FROM incidents")
    assert [row["status"] for row in statuses] == ["acknowledged"]
