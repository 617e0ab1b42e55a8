"""kill -9 at random moments: nothing is lost, hardly anything is said twice, an answer holds."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin, sample, token_of
from tests.promises.town import PHONES, ROOM, number_of, step, texts, town
from tests.vendors.process import Remote

SEED = int(os.environ.get("TOCSIN_SEED", "64"))
KILLS, CROWD, IN_SLACK = 20, 200, 10
LANES = 8
"""Messages that one channel may have on its way at once: what one kill can leave unrecorded."""
LATE = 1.0
"""Seconds after an acknowledgement's answer in which a page may still arrive."""
SCREAMING = "select id from incidents where status = 'triggered'"


@dataclass
class Witness:
    """What was seen from outside: what got a 2xx, and when each acknowledgement was answered."""

    stored: set[str] = field(default_factory=set)
    acked: dict[int, float] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)


async def live(tocsin: Tocsin, witness: Witness, crowd: list[str], chance: random.Random) -> None:
    """Until nobody answers any more: tell samples that have no 2xx yet, acknowledge now and then.

    A batch without an answer is told again in the next life.
    """
    while True:
        missing = [name for name in crowd if name not in witness.stored][:10]
        if missing:
            status = await tocsin.send([sample("level", 95, instance=name) for name in missing])
            if status == 0:
                return
            if status < 300:
                witness.stored |= set(missing)
            else:
                witness.refused.append(status)
        ringing = [row["id"] for row in tocsin.rows(SCREAMING)]
        if ringing and chance.random() < 0.5:
            number = chance.choice(ringing)
            answer = await tocsin.say(f"ack {number}", who="ben")
            if answer is None:
                return
            if not answer["refused"]:
                witness.acked[number] = time.monotonic()
        await asyncio.sleep(0.05)
        if await tocsin.get("/-/healthy") == (0, ""):
            return


@pytest.mark.timeout(240)
async def test_kill_9_at_20_random_moments_of_200_incidents(
    found: Found, twilio: Remote, slack: Remote
) -> None:
    print(f"TOCSIN_SEED={SEED}")
    chance = random.Random(SEED)
    tocsin = found(_town(twilio, slack))
    await twilio.ask("latency", seconds=0.05)
    crowd = [f"slack-{n}" if n < IN_SLACK else f"host-{n}" for n in range(CROWD)]
    chance.shuffle(crowd)
    witness, kills = Witness(), 0
    for _ in range(KILLS):
        await tocsin.start()
        arrived = crowd[: 2 * CROWD * (kills + 1) // KILLS]
        life = asyncio.create_task(live(tocsin, witness, arrived, chance))
        if kills % 2:  # in a second a busy machine may have answered nobody
            await tocsin.until(lambda due=kills // 2: len(witness.acked) > due, 20)
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await tocsin.kill()
        kills += 1
        await life
    await tocsin.start()
    await _tell_the_rest(tocsin, witness, crowd)
    await tocsin.until(lambda: _is_over(tocsin), 90, pause=0.5)
    assert await tocsin.stop() == 0
    assert not witness.refused, "a sample was neither stored nor left unanswered"
    assert len(witness.acked) >= KILLS // 2
    _nothing_is_lost(tocsin, crowd)
    messages = await twilio.ask("messages")
    _each_page_arrived(tocsin, messages)
    _copies_are_few(messages, kills)
    _no_page_after_an_answer(messages, witness)
    _answers_hold(tocsin, witness)
    _the_record_agrees(tocsin, messages)
    await _slack_shows_each_once(tocsin, slack, kills)


def _town(twilio: Remote, slack: Remote) -> Json:
    """Ten incidents have a room in Slack, the others in the console; SMS for all."""
    config = town(twilio, slack, [step("ada", 0), step("ben", 5), step("cleo", 5)])
    policy = config["policies"]["default"]
    config["channels"]["console"] = {}
    config["policies"] = {
        "default": policy | {"rooms": [{"console": "alarms"}]},
        "slack": policy | {"rooms": [{"slack": ROOM}]},
    }
    way = {"group_by": ["alertname", "instance"]}
    config["routes"] = [
        way | {"match": ['instance=~"slack-.*"'], "policy": "slack"},
        way | {"policy": "default"},
    ]
    # Twenty starts are a long silence; here pages wait it out instead of going another way.
    config["delivery"]["failover_after"] = "10m"
    return config


async def _tell_the_rest(tocsin: Tocsin, witness: Witness, crowd: list[str]) -> None:
    missing = [name for name in crowd if name not in witness.stored]
    if missing:
        assert await tocsin.send([sample("level", 95, instance=name) for name in missing]) < 300
        witness.stored |= set(missing)


def _is_over(tocsin: Tocsin) -> bool:
    """Whether each incident has been taken or has gone through all its steps, and all was sent."""
    there = tocsin.count("select count(*) from incidents")
    going = tocsin.count("select count(*) from incidents where status='triggered' and step < 2")
    owed = tocsin.count("select count(*) from outbox where status = 'waiting'")
    return there >= CROWD and going == owed == 0


def _nothing_is_lost(tocsin: Tocsin, crowd: list[str]) -> None:
    rows = tocsin.rows("select labels from alerts")
    assert len(rows) == CROWD, "one alert and one incident for each that was told"
    assert tocsin.count("select count(*) from incidents") == CROWD
    told = " ".join(row["labels"] for row in rows)
    assert [name for name in crowd if f'"{name}"' not in told] == []


def _each_page_arrived(tocsin: Tocsin, messages: list[Json]) -> None:
    """Each step that was taken rang its person, unless the answer came first."""
    arrived = {(number, to) for number, to, asks, _ in texts(messages) if asks}
    steps = {row["id"]: (row["step"], row["status"]) for row in tocsin.rows(
        "select id, step, status from incidents")}  # fmt: skip
    pages = tocsin.rows("select * from outbox where purpose = 'page'")
    owed = {(page["incident"], page["step"]): page for page in pages}
    for number, (last, status) in steps.items():
        assert last == 2 or status == "acknowledged", f"#{number} stopped at step {last}"
        for at, person in enumerate(PHONES):
            page = owed.get((number, at))
            assert (page is not None) == (at <= last), f"#{number}: step {at} of {last}"
            if page is not None and page["status"] != "cancelled":
                assert (number, PHONES[person]) in arrived, f"#{number}: {person} never heard"


def _copies_are_few(messages: list[Json], kills: int) -> None:
    """At most one extra copy of each message; in sum no more than were on their way."""
    copies = Counter((it["to"], it["body"]) for it in messages)
    extra = sum(copies.values()) - len(copies)
    often = {key: count for key, count in copies.items() if count > 2}
    print(f"{len(messages)} SMS, {extra} of them extra copies, after {kills} kills")
    assert not often, "more than one extra copy of a message"
    assert extra <= kills * LANES
    pages = Counter((number, to) for number, to, asks, _ in texts(messages) if asks)
    assert max(pages.values()) <= 2, "a page was worded anew and sent again"


def _no_page_after_an_answer(messages: list[Json], witness: Witness) -> None:
    late = [
        (number, to, at - witness.acked[number])
        for number, to, asks, at in texts(messages)
        if asks and number in witness.acked and at > witness.acked[number] + LATE
    ]
    assert not late, "pages after the answer: (incident, to, seconds)"


def _answers_hold(tocsin: Tocsin, witness: Witness) -> None:
    """What was answered to a person is in the record, and no step was taken after it."""
    for number in witness.acked:
        (incident,) = tocsin.rows("select status, owner from incidents where id = ?", number)
        assert tuple(incident) == ("acknowledged", "ben")
        record = tocsin.rows("select what from audit where incident = ? order by id", number)
        words = [row["what"] for row in record]
        assert words.count("acknowledged") == 1
        assert "step" not in words[words.index("acknowledged") :]


def _the_record_agrees(tocsin: Tocsin, messages: list[Json]) -> None:
    """The timeline says of each page and each notice that it went, once, if and only if it did."""
    said = Counter(
        (row["incident"], row["because"])
        for row in tocsin.rows("select * from audit where what = 'sent' and because like '%sms'")
    )
    assert set(said.values()) == {1}
    people = {phone: name for name, phone in PHONES.items()}
    seen = {
        (number, f"{'asked' if asks else 'told'} {people[to]} by sms")
        for number, to, asks, _ in texts(messages)
    }
    unheard = [fact for fact in said if fact not in seen]
    assert not unheard, "in the record, and nobody received it"
    # Sent a moment before the kill and cancelled by an answer after it: nobody recorded that one.
    cancelled = {
        (row["incident"], f"asked {row['person']} by sms")
        for row in tocsin.rows("select * from outbox where status = 'cancelled'")
    }
    untold = [fact for fact in seen if fact not in said and fact not in cancelled]
    assert not untold, "received, and not in the record"


async def _slack_shows_each_once(tocsin: Tocsin, slack: Remote, kills: int) -> None:
    tops = Counter(number_of(it["text"]) for it in await slack.ask("messages", channel=ROOM))
    rooms = tocsin.rows("select incident from outbox where purpose='room' and channel='slack'")
    assert {row["incident"] for row in rooms} == set(tops)
    assert len(tops) == IN_SLACK
    assert max(tops.values()) <= 2
    assert sum(tops.values()) - len(tops) <= kills


async def test_a_sample_that_got_a_2xx_survives_kill_9(found: Found, twilio: Remote) -> None:
    """Kill it while requests are answered: each 2xx is there, and telling it again changes nothing.

    Some of what had no answer may be there as well.
    """
    chance = random.Random(SEED)
    tocsin = found(town(twilio, steps=[step("ada", 3600)]))
    stored: dict[str, float] = {}
    told: dict[str, float] = {}
    for life in range(3):
        await tocsin.start()
        senders = [
            asyncio.create_task(_tell_until_death(tocsin, f"{life}-{n}", told, stored))
            for n in range(8)
        ]
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        await tocsin.kill()
        await asyncio.gather(*senders)
    await tocsin.start()
    query = urlencode({"query": "last_over_time(level[1h])"})
    who = {"Authorization": f"Bearer {token_of('ada')}"}
    status, text = await tocsin.get(f"/api/v1/query?{query}", **who)
    assert status == 200, text
    found_now = {
        one["metric"]["instance"]: float(one["value"][1])
        for one in json.loads(text)["data"]["result"]
    }
    print(f"{len(stored)} requests had a 2xx, {len(told) - len(stored)} had no answer")
    assert len(stored) > 30
    assert {name for name in stored if found_now.get(name) != 95.0} == set()
    assert set(found_now) <= set(told)

    there = "select count(*) from incidents"
    await tocsin.until(lambda: tocsin.count(there) >= len(found_now), 20)
    again = [sample("level", 95, at, instance=name) for name, at in told.items()]
    assert await tocsin.send(again) in (200, 204)
    await tocsin.until(lambda: tocsin.count(there) == len(told), 20)
    assert tocsin.count("select count(distinct fingerprint) from alerts") == len(told)
    assert await tocsin.stop() == 0


async def _tell_until_death(
    tocsin: Tocsin, name: str, told: dict[str, float], stored: dict[str, float]
) -> None:
    for number in range(10_000):
        host, at = f"{name}-{number}", time.time()
        told[host] = at
        status = await tocsin.send([sample("level", 95, at, instance=host)])
        if status == 204:
            stored[host] = at
        elif status == 0:
            return
