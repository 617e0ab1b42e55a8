"""`tocsin try-mapping`: what a payload becomes, and the exit codes."""

import io
import json
from pathlib import Path

import pytest

from bot.cli import main

CONFIG = """
people: {ada: {permission: admin, email: ada@example.com}}
channels:
  email: {host: 127.0.0.1, tls: "off", from_address: tocsin@example.com}
severities: {critical: [email]}
policies: {all: {steps: [{notify: [{person: ada}]}]}}
default_policy: all
sources:
  pinger:
    token: a-token-that-is-long-enough
    mapping:
      key: id
      labels: {alertname: check, team: "'web'"}
      annotations: {summary: text}
      status: {value: state, firing: [down], resolved: [up]}
"""
DOWN = {"id": 7, "check": "Ping", "state": "down", "text": "no answer"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["try-mapping", *arguments])
    return int(ended.value.code or 0)


def test_a_payload_is_shown_as_it_would_be_taken(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([DOWN, {"id": 8, "state": "up"}])))
    assert run("pinger", "-", "-c", str(config)) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("firing since ")
    assert first.endswith("known by the key '7'")
    assert lines == [
        "  alertname           Ping",
        "  dedup_key           7",
        "  team                web",
        "  annotation summary  no answer",
        "over: what was told under the key '8'",
    ]


def test_what_is_refused_is_said(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps([DOWN | {"state": "sideways"}]))
    assert run("pinger", str(payload), "-c", str(config)) == 1
    said = capsys.readouterr().out
    assert said == "REFUSED: entry 0: status: found 'sideways'; the mapping knows down, up\n"


def test_the_nearest_source_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pingr", "-", "-c", str(config)) == 2
    assert "did you mean pinger?" in capsys.readouterr().err
