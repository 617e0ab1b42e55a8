"""Reload in a running process: all of it or nothing, and what is on its way goes its way."""

import asyncio
import json
import re
import signal
import sys
from typing import Any

import aiohttp

from tests.promises.conftest import Found
from tests.promises.tocsin import ROOT, Json, Tocsin, sample, token_of
from tests.promises.town import EDGE, FULL, number_of, step, texts, town
from tests.vendors.process import Remote

SOON = 15.0
OPEN = "select count(*) from incidents where status <> 'resolved'"


def here(twilio: Remote) -> Json:
    """Return the town with one step: Ada."""
    return town(twilio, steps=[step("ada", 0)])


async def reload(
    tocsin: Tocsin, session: aiohttp.ClientSession, who: str = "", **headers: str
) -> tuple[int, str]:
    """POST /-/reload, with a person's token if one is named; return status and words."""
    if who:
        headers["Authorization"] = f"Bearer {token_of(who)}"
    async with session.post(f"{tocsin.url}/-/reload", headers=headers) as answer:
        said: Json = await answer.json()
        return answer.status, str(said.get("text") or said.get("error"))


def rewrite(tocsin: Tocsin, file: str, content: Json | str) -> None:
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    (tocsin.directory / file).write_text(text)


async def metric(tocsin: Tocsin, name: str) -> float:
    _, text = await tocsin.get("/metrics")
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


def rule(name: str, expr: str, **more: Any) -> Json:
    return {"alert": name, "expr": expr, "labels": {"severity": "warning"}, **more}


def group(*rules: Json) -> Json:
    return {"groups": [{"name": "g", "interval": "1s", "rules": list(rules)}]}


async def incident_of(tocsin: Tocsin, session: aiohttp.ClientSession, name: str) -> Json | None:
    headers = {"Authorization": f"Bearer {token_of('ada')}"}
    async with session.get(f"{tocsin.url}/api/v1/incidents", headers=headers) as answer:
        listed: list[Json] = (await answer.json())["incidents"]
    return next((one for one in listed if name in one["title"]), None)


async def still_works(tocsin: Tocsin, instance: str) -> None:
    """The rule of the start is judged, and Ada's token of the start is heard."""
    before = tocsin.count(OPEN)
    assert await tocsin.send([sample("level", 95, instance=instance)]) < 300
    await tocsin.until(lambda: tocsin.count(OPEN) > before, SOON)
    answer = await tocsin.say("alerts")
    assert answer is not None
    assert answer["status"] == 200


async def test_poison_leaves_the_old_in_force_whole(
    found: Found, session: aiohttp.ClientSession, twilio: Remote
) -> None:
    config = here(twilio)
    tocsin = found(config)
    await tocsin.start()
    successful = await metric(tocsin, "tocsin_config_last_reload_successful")
    at = await metric(tocsin, "prometheus_config_last_reload_success_timestamp_seconds")
    assert successful == 1
    poisons: list[tuple[str, Json | str, str]] = [
        ("config.yaml", "people: {ada: {permission: [", "config.yaml:1:"),
        ("config.yaml", {**config, "default_policy": "nobody"}, "no policy is called 'nobody'"),
        ("config.yaml", {**config, "people": {}}, "no person is called 'ada'"),
        ("config.yaml", "a: &a [x]\nb: !!python/object/apply:os.system ['id']\n", "config.yaml:2:"),
        ("rules.yaml", group(rule("Half", "sum(level")), "rules.yaml:9:18"),
        ("rules.yaml", group(rule("A", "x > 1"), {"alert": "B"}), "'expr' is missing"),
    ]
    for number, (file, content, reason) in enumerate(poisons):
        rewrite(tocsin, "config.yaml", config)
        rewrite(tocsin, "rules.yaml", FULL)
        rewrite(tocsin, file, content)
        status, said = await reload(tocsin, session, "ada")
        assert (status, reason in said) == (400, True), said
        assert said.splitlines()[0] in tocsin.log
        assert await metric(tocsin, "tocsin_config_last_reload_successful") == 0
        assert await metric(tocsin, "prometheus_config_last_reload_successful") == 0
        name = "prometheus_config_last_reload_success_timestamp_seconds"
        assert await metric(tocsin, name) == at
        await still_works(tocsin, f"host-{number}")
    assert tocsin.count("select count(*) from audit where what = 'reload refused'") == len(poisons)
    assert await tocsin.stop() == 0
    # A start with the same poison ends with the same words.
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "serve"),
        *("--config", str(tocsin.directory / "config.yaml")),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )
    _, errors = await asyncio.wait_for(program.communicate(), SOON)
    assert program.returncode == 2
    assert said in errors.decode()


async def test_a_sound_one_is_in_force_at_once(
    found: Found, session: aiohttp.ClientSession, twilio: Remote
) -> None:
    config = here(twilio)
    tocsin = found(config)
    await tocsin.start()
    await still_works(tocsin, "host-1")
    new: Json = json.loads(json.dumps(config))
    new["people"]["dora"] = {"name": "Dora", "permission": "view", "phone": "+14155552609"}
    new["server"]["tokens"][1] = {"person": "dora", "token": token_of("dora")}
    new["server"]["listen"] = "127.0.0.1:1"
    new["storage"]["history"] = "30d"
    new["sources"]["late"] = {"token": "late-token-0123456789"}
    rewrite(tocsin, "config.yaml", new)
    rewrite(tocsin, "rules.yaml", group(*FULL["groups"][0]["rules"], rule("Wide", "width > 5")))
    tocsin.signal(signal.SIGHUP)
    await tocsin.until(lambda: "reloaded" in tocsin.log, SOON)
    status, said = await reload(tocsin, session)
    assert status == 200
    assert "people 4" in said
    assert "only after a restart: server.listen, storage.history." in said
    dora, ben = await tocsin.say("alerts", who="dora"), await tocsin.say("alerts", who="ben")
    assert dora is not None and ben is not None  # noqa: PT018
    assert (dora["status"], "error" in ben) == (200, True)
    assert await tocsin.send([sample("width", 9)], token="late-token-0123456789") < 300
    await tocsin.until(lambda: incident_of(tocsin, session, "Wide"), SOON)
    assert await metric(tocsin, "tocsin_config_last_reload_successful") == 1


async def test_who_may_reload(found: Found, session: aiohttp.ClientSession, twilio: Remote) -> None:
    tocsin = found(here(twilio))
    await tocsin.start()
    assert (await reload(tocsin, session))[0] == 200
    assert (await reload(tocsin, session, "ada"))[0] == 200
    assert (await reload(tocsin, session, "ben"))[0] == 403
    assert (await reload(tocsin, session, Authorization="Bearer wrong"))[0] == 403
    assert (await reload(tocsin, session, Authorization=f"Bearer {EDGE}"))[0] == 403
    assert (await reload(tocsin, session, Host="evil.example.com"))[0] == 403
    assert (await reload(tocsin, session, Origin="https://evil.example.com"))[0] == 403
    assert (await tocsin.get("/-/reload"))[0] == 405


async def test_a_channel_that_is_not_open_is_refused(
    found: Found, session: aiohttp.ClientSession, twilio: Remote
) -> None:
    config = here(twilio)
    tocsin = found(config)
    await tocsin.start()
    slack = {"bot_token": "xoxb-0123456789", "app_token": "xapp-0123456789"}
    rewrite(tocsin, "config.yaml", {**config, "channels": {**config["channels"], "slack": slack}})
    status, said = await reload(tocsin, session)
    assert (status, "slack was not there at the start" in said) == (400, True)
    await still_works(tocsin, "host-1")


async def test_a_rule_file_that_is_gone_ends_its_alerts_and_no_others(
    found: Found, session: aiohttp.ClientSession, twilio: Remote
) -> None:
    config = {**here(twilio), "rules": ["rules/*.yaml"]}
    tocsin = found(config)
    (tocsin.directory / "rules").mkdir()
    rewrite(tocsin, "rules/kept.yaml", group(rule("Kept", "level > 90")))
    later = group(rule("Later", "level > 90", **{"for": "6s"}))
    rewrite(tocsin, "rules/later.yaml", later)
    rewrite(tocsin, "rules/lost.yaml", group(rule("Lost", "level > 90")))
    await tocsin.start()
    await tocsin.send([sample("level", 95, instance="a")])
    await tocsin.until(lambda: tocsin.count(OPEN) == 2, SOON)
    held = await incident_of(tocsin, session, "Kept")
    assert held is not None
    await asyncio.sleep(3)
    (tocsin.directory / "rules" / "lost.yaml").unlink()
    status, said = await reload(tocsin, session)
    assert (status, "0 new, 1 gone, 2 as before" in said) == (200, True), said
    since = asyncio.get_running_loop().time()

    async def is_over() -> bool:
        lost = await incident_of(tocsin, session, "Lost")
        return lost is not None and lost["status"] == "resolved"

    await tocsin.until(is_over, SOON)
    lost = await incident_of(tocsin, session, "Lost")
    assert lost is not None
    answer = await tocsin.say(f"show {lost['number']}")
    assert answer is not None
    assert "no longer in the configuration" in answer["text"]
    # What waited went on waiting: `for` did not begin anew.
    await tocsin.until(lambda: incident_of(tocsin, session, "Later"), SOON)
    assert asyncio.get_running_loop().time() - since < 5.5
    kept = await incident_of(tocsin, session, "Kept")
    assert kept is not None
    assert (kept["status"], kept["number"]) == ("triggered", held["number"])
    assert tocsin.count("select count(*) from incidents") == 3


async def test_an_escalation_on_its_way_keeps_its_policy_and_never_stands_still(
    found: Found, session: aiohttp.ClientSession, twilio: Remote
) -> None:
    config = town(twilio, steps=[step("ada", 0), step("ben", 3), step("cleo", 3)])
    tocsin = found(config)
    await tocsin.start()
    await tocsin.send([sample("level", 95, instance="old")])
    await twilio.ask("wait", method="Messages.create", calls=1, within=SOON)
    new: Json = json.loads(json.dumps(config))
    new["policies"]["default"]["steps"] = [step("cleo", 0)]
    del new["people"]["ben"]  # whom the escalation on its way would ask next
    new["oncall"]["primary"] = ["ada", "cleo"]
    new["server"]["tokens"] = [one for one in new["server"]["tokens"] if one["person"] != "ben"]
    rewrite(tocsin, "config.yaml", new)
    assert (await reload(tocsin, session, "ada"))[0] == 200
    await tocsin.send([sample("level", 95, instance="new")])

    async def asked() -> list[tuple[int, str]]:
        told = texts(await twilio.ask("messages"))
        return [(number, to[-1]) for number, to, asks, _ in told if asks]

    async def both() -> bool:
        return {(1, "3"), (2, "3")} <= set(await asked())

    await tocsin.until(both, SOON)
    assert sorted(await asked()) == [(1, "1"), (1, "3"), (2, "3")]
    answer = await tocsin.say("show 1", who="cleo")
    assert answer is not None
    assert number_of(answer["text"]) == 1
