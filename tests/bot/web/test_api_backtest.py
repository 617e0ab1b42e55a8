"""Backtests over HTTP and from the command line."""

import asyncio
import json
from pathlib import Path

import pytest

from bot.cli import main
from routing.rules.read import parse_rules
from tests.bot.queues import RULES, samples
from tests.bot.web.conftest import ADA, EVE, Serve, Stage

TOKENS = {ADA: "the-token-of-ada", EVE: "the-token-of-eve"}


async def stored(stage: Stage) -> None:
    await stage.series.append(samples(stage.desks.clock.utc_now().timestamp() - 1))
    stage.desks.rules.swap(parse_rules(RULES.format(over=80), "old.yml"))


async def test_the_api_compares_with_what_is_in_force(serve: Serve, stage: Stage) -> None:
    await stored(stage)
    client = await serve(people_tokens=TOKENS)
    asked = {"rules": RULES.format(over=30), "since": "3m", "file": "new.yml"}
    bearer = {"Authorization": f"Bearer {TOKENS[EVE]}"}
    answer = await client.post("/api/v1/backtest", json=asked, headers=bearer)
    assert answer.status_code == 200, answer.text
    (rule,) = answer.json()["rules"]
    assert (rule["rule"], rule["where"], rule["fired"]) == ("QueueDeep", "new.yml:6:5", 3)
    assert rule["in_force"]["fired"] == 2
    assert [page["times"] for page in rule["pages"]] == [3]
    assert "The rule in force: fired 2 times" in answer.json()["text"]
    assert (await client.post("/api/v1/backtest", json=asked)).status_code == 401


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, 'expected {"rules"'),
        ({"rules": "groups: [{name: g, rules: [{alert: A, expr: 'x >'}]}]"}, "rules:1:"),
        ({"rules": RULES.format(over=1), "since": "3"}, "'3' has no unit"),
        ({"rules": RULES.format(over=1), "rule": "Other"}, "No alerting rule is called 'Other'"),
        ({"rules": ""}, "There is no alerting rule to try"),
    ],
)
async def test_the_api_says_what_is_wrong(serve: Serve, asked: dict[str, str], said: str) -> None:
    client = await serve(people_tokens=TOKENS)
    bearer = {"Authorization": f"Bearer {TOKENS[EVE]}"}
    answer = await client.post("/api/v1/backtest", json=asked, headers=bearer)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


async def test_the_command_line(
    serve: Serve,
    stage: Stage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await stored(stage)
    client = await serve(people_tokens=TOKENS)
    file = tmp_path / "new.yml"
    file.write_text(RULES.format(over=30))
    words = [
        *("backtest", str(file), "--since", "3m"),
        *("--url", str(client.base_url), "--token", TOKENS[ADA]),
    ]

    async def run(*more: str) -> int:
        try:
            await asyncio.to_thread(main, [*words, *more])
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    assert await run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "QueueDeep, the last 3 min:"
    assert lines[-1].split()[:3] == ["QueueDeep", '{queue="mail"}', "3"]
    assert await run("--format", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["fired"] == 3
    file.write_text("groups: [{name: g, rules: [{alert: A}]}]")
    assert await run() == 2
    assert f"{file}:1:" in capsys.readouterr().err
    file.unlink()
    assert await run() == 2
