"""Patterns that match for years, templates that write for ever, silences that hide all."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin, sample, token_of
from tests.promises.town import EDGE, ROOM, step, town
from tests.vendors.process import Remote

SOON = 20.0
OPEN = "select count(*) from incidents where status <> 'resolved'"


async def post(session: aiohttp.ClientSession, url: str, body: Any, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.text()


# patterns (36)

SLOW = "(a+)+b|((a|aa)+)+c|([a-z]+)*d"
"""Takes a matcher that goes back longer than the world stands, for thirty letters."""
LONG = "a" * 2_000 + "!"


def patterned(config: Json) -> Json:
    """Let such a pattern stand at a route, a silence's like, an inhibition and a window."""
    config["routes"] = [
        {"match": [f'note=~"{SLOW}"'], "policy": "default"},
        {"match": [f'note!~"{SLOW}"'], "policy": "default", "group_by": ["alertname", "instance"]},
    ]
    window = {"match": [f'note=~"{SLOW}"'], "starts": "2020-01-01 00:00", "lasts": "1h"}
    config["alerts"] = {
        "inhibit": [{"source": [f'note=~"{SLOW}"'], "target": [f'note!~"{SLOW}"'], "equal": []}],
        "maintenance": {"w": window | {"rule": "FREQ=DAILY"}},
    }
    return config


async def test_no_pattern_holds_anybody_up(
    found: Found, session: aiohttp.ClientSession, twilio: Remote
) -> None:
    tocsin = found(patterned(town(twilio)))
    await tocsin.start()
    made = await tocsin.say(f'silence note=~"{SLOW}" 1h')
    assert made is not None
    assert "Silence 1 on" in made["text"], made
    process, url = psutil.Process(tocsin.pid), f"{tocsin.url}/api/v2/alerts"
    spent, count = cpu(process), 20
    for n in range(count):
        labels = {"alertname": "Odd", "instance": f"i{n}", "note": LONG, "severity": "warning"}
        assert (await post(session, url, [{"labels": labels}], EDGE))[0] == 200
        assert (await tocsin.get("/-/healthy"))[0] == 200
    await tocsin.until(lambda: tocsin.count(OPEN) == count, SOON)
    each = (cpu(process) - spent) / count
    print(f"{1000 * each:.0f} ms of work for each alert")
    assert each < 0.5, "linear, at a route, an inhibition, a window and a silence together"
    for pattern, why in (
        (r"(a)\1", "invalid escape sequence"),
        ("(?=a)", "invalid perl operator"),
        ("((x{1,1000}){1,1000}){1,1000}", "repetition"),
    ):
        typed = pattern.replace("\\", "\\\\")
        said = await tocsin.say(f'silence note=~"{typed}" 1h')
        assert said is not None
        assert "regular expression" in said["text"], said
        assert why in said["text"], said
        status, text = await post(
            session, f"{tocsin.url}/api/v2/silences", silence("note", pattern, 1), token_of("ada")
        )
        assert (status, "regular expression" in text) == (400, True), text
    assert await tocsin.stop() == 0


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def silence(name: str, pattern: str, hours: float) -> Json:
    now = datetime.now(UTC)
    return {
        "matchers": [{"name": name, "value": pattern, "isRegex": True, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=hours)).isoformat(),
        "createdBy": "x",
        "comment": "x",
    }


# templates (57)

DOUBLING = '{{ $x := "0123456789abcdef" }}' + "{{ $x = print $x $x }}" * 40
EVIL = {
    "Doubling": DOUBLING + "{{ $x }}",
    "Twelve": '{{ $x := "0123456789abcdef" }}' + "{{ $x = print $x $x }}" * 12 + "{{ $x }}",
    "Loops": '{{ range query "many" }}' * 12 + "x" + "{{ end }}" * 12,
    "Itself": '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}',
    "Wide": '{{ printf "%999999999d" 1 }}' * 200,
    "Patterns": '{{ reReplaceAll "(a+)+b|(a|aa)+c" "$1$1$1$1" $labels.said }}' * 500,
    "Missing": "{{ $labels.none.of.it }} {{ nothing }}",
    "Said": "{{ $labels.said }} {{ $value }}",
}
SAID = "{{ 7*7 }}${7*7}<%= 7*7 %>#{7*7}{{ query `up` }}" + "a" * 1_000


def templated() -> Json:
    rules = [
        {"alert": name, "expr": "evil > 90", "labels": {"severity": "critical"},
         "annotations": {"summary": text}}
        for name, text in EVIL.items() if name != "Missing"
    ]  # fmt: skip
    return {"groups": [{"name": "evil", "interval": "1s", "rules": rules}]}


async def test_templates_are_bounded_and_every_alert_goes(
    found: Found, twilio: Remote, session: aiohttp.ClientSession
) -> None:
    tocsin = found(town(twilio, steps=[step("ada", 0)]), templated())
    await tocsin.start()
    process = psutil.Process(tocsin.pid)
    before, spent = process.memory_info().rss, cpu(process)
    many = [sample("many", 1, instance=f"i{n}") for n in range(5)]
    await tocsin.send([*many, sample("evil", 95, instance="a", said=SAID)])
    rules = len(EVIL) - 1
    await tocsin.until(lambda: tocsin.count(OPEN) == rules, SOON)
    await twilio.ask("wait", method="Messages.create", calls=rules, within=SOON)
    print(f"{cpu(process) - spent:.1f} s of work for {rules} templates")
    assert cpu(process) - spent < rules, "less than a second each, with all that follows"
    assert process.memory_info().rss - before < 50 << 20
    for one in await twilio.ask("messages"):
        assert "49" not in one["body"]
    headers = {"Authorization": f"Bearer {token_of('ada')}"}
    async with session.get(f"{tocsin.url}/api/v2/alerts", headers=headers) as answer:
        alerts: list[Json] = await answer.json()
    texts = {it["labels"]["alertname"]: it["annotations"]["summary"] for it in alerts}
    assert texts.keys() == EVIL.keys() - {"Missing"}
    assert texts["Said"] == f"{SAID} 95", "what an alert says is never a template"
    assert len(texts["Twelve"]) == 65_536
    for name in ("Doubling", "Loops", "Itself"):
        assert texts[name].startswith(EVIL[name][:40]), "its plain text"
        assert "(this template failed: " in texts[name]
    for name, text in texts.items():
        assert len(text) <= 65_536 + 2_000, name
    assert "Traceback" not in tocsin.log
    assert await tocsin.stop() == 0


async def test_a_template_that_is_none_is_refused_before_it_is_in_force(
    found: Found, twilio: Remote
) -> None:
    rules = templated()
    rules["groups"][0]["rules"][0]["annotations"]["summary"] = EVIL["Missing"]
    tocsin = found(town(twilio), rules)
    with pytest.raises(AssertionError, match="it ended with 2"):
        await tocsin.start()
    assert "rules.yaml:" in tocsin.log
    assert "nothing" in tocsin.log
    assert "Traceback" not in tocsin.log


# silences (63)


async def test_a_silence_that_would_hide_all(
    found: Found, session: aiohttp.ClientSession, twilio: Remote
) -> None:
    config = town(twilio)
    config["heartbeats"] = {"backup": {"every": "2s", "grace": "1s"}}
    config["alerts"] = {"silences": {"confirm": 2, "widest": 4, "longest": "2d"}}
    config["people"]["cleo"]["permission"] = "view"
    tocsin = found(config)
    await tocsin.start()
    await tocsin.send([sample("level", 95, instance=f"h{n}") for n in range(6)])
    await tocsin.until(lambda: tocsin.count(OPEN) >= 6, SOON)
    url = f"{tocsin.url}/api/v2/silences"
    wide = 'silence alertname=~".*" 1h'
    for who, sentence, why in (
        ("cleo", wide, "Not allowed"),
        ("ben", f"{wide} --yes", "needs the permission `admin`"),
        ("ada", wide, "This hides everything that will ever fire"),
        ("ada", 'silence alertname=~".*" 30d --yes', "lasts 2d at most"),
        ("ada", 'silence alertname=~".*" 1000d until resolved --yes', "at most"),
    ):
        said = await tocsin.say(sentence, who)
        assert said is not None
        assert why in said["text"], said
    assert (await post(session, url, silence("alertname", ".+", 1), token_of("ben")))[0] == 403
    assert (await post(session, url, silence("alertname", ".+", 72), token_of("ada")))[0] == 400
    assert tocsin.count("select count(*) from silences") == 0
    refused = tocsin.count("select count(*) from audit where what = 'refused'")
    assert refused >= 2, "each try is on record"
    done = await tocsin.say(f"{wide} --yes", "ada")
    assert done is not None
    assert "Silence 1 on" in done["text"], done
    muted = "select count(*) from incidents where status = 'muted'"
    await tocsin.until(lambda: tocsin.count(muted) == 6, SOON)
    rings = "select count(*) from incidents where status = 'triggered' and title like 'Heartbeat%'"
    await tocsin.until(lambda: tocsin.count(rings) == 1, SOON)
    assert await tocsin.stop() == 0


async def test_it_is_told_each_day_over_kill_9(
    found: Found, tmp_path: Path, twilio: Remote, slack: Remote
) -> None:
    """A day is a minute here, and a minute three seconds: each comes once."""
    config = town(twilio, slack)
    config["alerts"] = {"silences": {"daily": "* * * * *", "to": [{"slack": ROOM}]}}
    (tmp_path / "pace").write_text("20")
    tocsin = found(
        config,
        program=("-m", "tests.promises.tampered"),
        environ={"TAMPER_PACE": str(tmp_path / "pace")},
    )
    await slack.ask("limits", enforced=False)
    await tocsin.start()
    said = await tocsin.say("silence team=shop 2d deploy")
    assert said is not None
    assert "Silence 1 on" in said["text"]
    await tocsin.until(lambda: _told(tocsin) >= 1, SOON)
    await tocsin.kill()
    await tocsin.start()
    await tocsin.until(lambda: _told(tocsin) >= 3, SOON)
    await tocsin.kill()
    keys = [row["key"] for row in tocsin.rows("select key from outbox where key like 'silences/%'")]
    assert len(keys) == len(set(keys)), keys
    messages = await slack.ask("messages", channel=ROOM)
    heard = [json.dumps(it["blocks"]) for it in messages if "1 silence hides" in it["text"]]
    assert 3 <= len(heard) <= len(keys) + 2, "one extra copy at most for each kill"
    assert "hides 0, by Ada" in heard[0]


def _told(tocsin: Tocsin) -> int:
    return tocsin.count(
        "select count(*) from outbox where key like 'silences/%' and status <> 'waiting'"
    )
