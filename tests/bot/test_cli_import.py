"""`tocsin import alertmanager`: the same alerts go the same way, and what is lost is named."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.cli import main
from bot.config.build import playbook
from bot.config.read import read_config
from bot.web.alertmanager_config import config_text
from routing.alerts.intervals import active_at
from routing.alerts.mute import by_time_on
from routing.alerts.route import branches_of
from routing.playbook import Playbook
from storage.model.labels import Labels
from tests.peers import program

ALERTMANAGER = r"""
global:
  resolve_timeout: 3m
  slack_api_url: https://hooks.example.com/a-secret
  smtp_smarthost: mail.example.com:587
  smtp_from: am@example.com
templates: [/etc/alertmanager/*.tmpl]
route:
  receiver: default
  group_by: [alertname, cluster]
  group_wait: 10s
  repeat_interval: 4h
  routes:
  - matchers: [severity="critical", team=~"shop|mail"]
    receiver: shop
    continue: true
    group_by: ['...']
    repeat_interval: 12h
  - match: {service: database}
    match_re: {cluster: "eu-.*"}
    receiver: database
    group_interval: 2m
    mute_time_intervals: [nights]
    routes:
    - matchers: ['{severity=info, owner!="a b"}']
      receiver: quiet
  - matchers: [team = web]
receivers:
- name: default
  email_configs: [{to: "ops@example.com, Dev <dev@example.com>", headers: {Subject: x}}]
- name: shop
  slack_configs: [{channel: '#shop'}]
  pagerduty_configs: [{routing_key: another-secret}]
- name: database
  webhook_configs: [{url: "http://127.0.0.1:9/hook"}]
- name: quiet
inhibit_rules:
- source_matchers: [alertname="NodeDown"]
  target_match_re: {severity: warning|info}
  equal: [node]
time_intervals:
- name: nights
  time_intervals:
  - times: [{start_time: '22:00', end_time: '24:00'}]
    weekdays: ['monday:friday']
    days_of_month: ['1:5', '-1']
    location: Europe/Berlin
"""
MORE = """
people: {ada: {permission: admin, email: ada@example.com, slack: U0000001}}
severities: {critical: [email]}
channels:
  email: {host: 127.0.0.1, tls: "off", from_address: tocsin@example.com}
  slack: {bot_token: xoxb-1, app_token: xapp-1}
  webhook: {urls: {database: "https://example.com/hook"}, keys: {database: a-key-of-sixteen-chars}}
"""
CHANNEL = "C012ABCDEF"
S, HOUR = timedelta(seconds=1), timedelta(hours=1)
ALERTS = [
    "alertname=A severity=critical team=shop",
    "alertname=A severity=critical team=shop service=database cluster=eu-1",
    "alertname=A service=database cluster=us-1",
    "alertname=A service=database cluster=eu-1 severity=info",
    "alertname=A service=database cluster=eu-1 severity=info owner=a",
    "alertname=A team=web",
    "alertname=A team=webs",
    "severity=critical",
]


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(ALERTMANAGER)
    return path


def run(path: Path) -> int:
    try:
        main(["import", "alertmanager", str(path)])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def completed(printed: str, folder: Path) -> Playbook:
    """Add what is ours to add, and read it as `tocsin check` does."""
    path = folder / "config.yaml"
    ours = printed.replace("primary: []", "primary: [ada]").replace("'#shop'", CHANNEL)
    path.write_text(ours + MORE)
    return playbook(read_config(path, {}))


def test_it_is_a_sound_configuration_and_says_what_is_lost(
    theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(theirs) == 0
    said = capsys.readouterr()
    found = completed(said.out, tmp_path)
    assert found.resolve_timeout.total_seconds() == 180
    assert len(found.inhibit) == 1
    assert set(found.intervals) == {"nights", "told-to-nobody"}
    assert {room.address for room in found.policies["shop"].rooms} == {CHANNEL}
    mails = {room.address for room in found.policies["default"].rooms}
    assert mails == {"ops@example.com", "dev@example.com"}
    for lost in ("slack_api_url", "templates", "pagerduty_configs", "channel", "headers"):
        assert lost in said.err, lost
    assert "group_interval" not in said.err
    assert "a-secret" not in said.out + said.err
    assert "another-secret" not in said.out + said.err


def test_how_long_things_wait_is_what_alertmanager_would(
    theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the root does not say is Alertmanager's own default; what routes do not, the root's."""
    run(theirs)
    found = completed(capsys.readouterr().out, tmp_path)
    waits = {
        branch.policy.name: (
            branch.policy.group_wait,
            branch.policy.group_interval,
            branch.policy.repeat_interval,
        )
        for words in ALERTS
        for branch in branches_of(Labels.of(dict(w.split("=") for w in words.split())), found)
    }
    assert waits["default"] == (10 * S, 300 * S, 4 * HOUR)
    assert waits["shop"] == (10 * S, 300 * S, 12 * HOUR)
    assert waits["database"] == (10 * S, 120 * S, 4 * HOUR)
    assert waits["quiet"] == (10 * S, 120 * S, 4 * HOUR)


KUBE = """
route:
  receiver: all of it
  routes:
  - {matchers: [alertname = Watchdog], receiver: "null", routes: [{matchers: [a = b]}]}
  - {matchers: ['instance=~"node\\d+"'], receiver: calls, group_by: []}
receivers:
- {name: "null"}
- {name: all of it, email_configs: [{to: ops@example.com}]}
- name: calls
  webhook_configs: [{url: "http://127.0.0.1:9/a"}, {url: "http://127.0.0.1:9/b"}]
inhibit_rules:
- {target_matchers: [alertname = InfoInhibitor]}
tracing: {endpoint: x}
"""


def test_what_went_to_nobody_wakes_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`null` is where every Kubernetes cluster sends its watchdog, which always fires."""
    (tmp_path / "kube.yml").write_text(KUBE)
    run(tmp_path / "kube.yml")
    said = capsys.readouterr()
    calls = '"https://example.com/hook"'
    more = MORE.replace("{database: " + calls, f"{{calls: {calls}, calls-2: {calls}").replace(
        "{database:", "{calls: b-key-of-sixteen-chars, calls-2:"
    )
    path = tmp_path / "config.yaml"
    path.write_text(said.out.replace("primary: []", "primary: [ada]") + more)
    found = playbook(read_config(path, {}))
    now = active_at(found.intervals, datetime(2026, 3, 2, tzinfo=UTC))

    def way(**labels: str) -> tuple[str, bool]:
        (branch,) = branches_of(Labels.of(labels), found)
        return branch.group, by_time_on(branch, now) is None

    assert way(alertname="Watchdog") == ("null{}", False)
    assert way(alertname="Watchdog", a="b") == ("null{}", False)
    assert way(alertname="A", instance="node7") == ("calls{}", True)
    assert way(alertname="A", instance="noded") == ("all-of-it{}", True)
    assert found.inhibit[0].source[0].matches_value("")
    assert [room.address for room in found.policies["calls"].rooms] == ["calls", "calls-2"]
    for lost in ("'null' is muted at all times", "'all-of-it'", "urls.calls-2", "tracing"):
        assert lost in said.err, lost


def test_a_sketch_in_which_nobody_is_told_asks_who_is_on_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'route: {receiver: Default, routes: [{receiver: "null"}]}\n'
    (tmp_path / "kube.yml").write_text(text + 'receivers: [{name: Default}, {name: "null"}]')
    run(tmp_path / "kube.yml")
    [root] = YAML(typ="safe").load(capsys.readouterr().out)["routes"]
    assert "mute_time_intervals" not in root
    assert root["routes"] == [{"policy": "null", "mute_time_intervals": ["told-to-nobody"]}]


MIXED = r"""
route:
  receiver: room
  routes:
  - {match_re: {severity: "(critical|page)"}, receiver: pager, continue: true}
  - {matchers: ['severity="page"', 'who = a b', '"host name"=x', note=], receiver: chat}
  - {matchers: [alertname=~"Watchdog|DeadMansSwitch"], receiver: hook, repeat_interval: 50s}
  - {matchers: [alertname=~"Watchdog|DiskFull"], receiver: hook}
receivers:
- name: room
  email_configs:
  - {to: ops@example.com, send_resolved: true, smarthost: "mail:25", auth_password: a-secret}
  - {to: "{{ .GroupLabels.team }}@example.com"}
- {name: pager, pagerduty_configs: [{routing_key: a-secret}], slack_configs: [{api_url: http://x}]}
- name: chat
  telegram_configs: [{bot_token: "1:a-secret", chat_id: -1, parse_mode: HTML}]
  discord_configs: [{webhook_url: https://example.com/a-secret, send_resolved: false}]
- {name: hook, webhook_configs: [{url: http://x, http_config: {proxy_url: http://a-secret}}]}
inhibit_rules:
- {name: several, sources: [{matchers: [a=b]}], target_matchers: [c=d]}
- {name: one, source_matchers: [a=b], target_matchers: [c=d]}
time_intervals:
- name: here
  time_intervals:
  - {times: [{start_time: 09:00, end_time: 17:00}], location: Local}
  - {location: Asia/Tokyo}
"""


def mixed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, zone: str
) -> tuple[dict[str, Any], str]:
    (folder / "mixed.yml").write_text(MIXED)
    monkeypatch.setenv("TZ", zone)
    assert run(folder / "mixed.yml") == 0
    said = capsys.readouterr()
    assert "a-secret" not in said.out + said.err
    found: dict[str, Any] = YAML(typ="safe").load(said.out)
    return found, said.err


def test_what_is_added_and_what_is_otherwise_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who pages nobody there asks who is on call here: no policy of ours asks nobody."""
    found, said = mixed(tmp_path, capsys, monkeypatch, "Europe/Berlin")
    added = [line for line in said.splitlines() if "added: it asks who is on call as well" in line]
    assert [line.split()[1] for line in added] == [f"receivers[{n}]:" for n in (0, 2, 3)]
    assert found["policies"]["room"]["rooms"] == [{"email": "ops@example.com"}]
    assert found["policies"]["chat"]["rooms"] == [{"push": "chat"}, {"push": "chat-2"}]
    for named in (
        "smarthost, auth_password; how messages get there",
        "parse_mode; messages are worded",
        "send_resolved; that something is over is always told",
        "http_config; how messages",
        "channels.push.urls.chat-2 to its address for apprise, discord://",
        "names no channel",
        "email_configs[1].to: not carried over: a template",
        "inhibit_rules[0].sources: not carried over: this rule",
    ):
        assert named in said, named
    assert said.count("severity 'page' is none of Tocsin's, and counts as a warning") == 1
    assert found["alerts"]["inhibit"] == [{"source": ['a="b"'], "target": ['c="d"']}]
    assert found["routes"][0]["routes"][1]["match"] == [
        'severity="page"', 'who="a b"', '"host name"="x"', 'note=""'
    ]  # fmt: skip


def test_a_dead_mans_switch_asks_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It always fires, every minute, so that its end is noticed elsewhere."""
    found, said = mixed(tmp_path, capsys, monkeypatch, "UTC")
    *_, switch, other = found["routes"][0]["routes"]
    assert switch["mute_time_intervals"] == ["told-to-nobody"]
    assert found["alerts"]["time_intervals"]["told-to-nobody"] == [{}]
    assert "mute_time_intervals" not in other
    assert "routes[2]: a dead man's switch: muted" in said


@pytest.mark.parametrize("zone", ["Europe/Berlin", "nowhere"])
def test_the_clock_of_alertmanagers_machine_is_written_down(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
) -> None:
    found, said = mixed(tmp_path, capsys, monkeypatch, zone)
    here, tokyo = found["alerts"]["time_intervals"]["here"]
    known = zone if zone != "nowhere" else "UTC"
    assert here.get("location", "UTC") == known
    assert tokyo["location"] == "Asia/Tokyo"
    assert f"location: means the clock of Alertmanager's machine; written as {known}" in said


async def test_alerts_go_the_way_that_amtool_says(
    theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their file, and by what `/api/v2/status` makes of ours."""
    run(theirs)
    found = completed(capsys.readouterr().out, tmp_path)
    ours = tmp_path / "ours.yml"
    ours.write_text(config_text(found))
    for alert, path in product(ALERTS, (theirs, ours)):
        words = alert.split()
        process = await asyncio.create_subprocess_exec(
            *(program("amtool"), "config", "routes", "test", f"--config.file={path}", *words),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        labels = Labels.of(dict(word.split("=") for word in words))
        policies = [branch.key.policy for branch in branches_of(labels, found)]
        assert ",".join(policies) == said.decode().strip(), alert


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("receivers: []", "expected a `route`"),
        ("route: [1]", "expected a mapping"),
        ("route: {receiver: a, routes: [{matchers: ['x']}]}", "expected a matcher"),
        ("route: {receiver: a, routes: [{matchers: ['x=~\"(\"']}]}", "RE2"),
        ("route: {receiver: a}\nreceivers: {}", "expected a list"),
    ],
)
def test_what_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(text)
    assert run(path) == 2
    assert why in capsys.readouterr().err


def test_what_is_printed_is_yaml(theirs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(theirs)
    top = YAML(typ="safe").load(capsys.readouterr().out)
    assert list(top) == ["policies", "oncall", "default_policy", "routes", "alerts"]
