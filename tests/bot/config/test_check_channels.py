"""What channels are told: faults of their own options, and uses that they do not serve."""

from pathlib import Path

import pytest

from bot.config.build import playbook
from bot.config.channels import Opened, kind
from bot.config.secret import Secret
from tests.bot.config.town import ENVIRON, SOUND, faults, read

MORE = """\
  teams: {rooms: {ops: "${TEAMS}"}}
  webhook: {urls: {log: "${HOOK}"}, keys: {log: "${KEY}"}}
  push: {urls: {phone: "${PUSH}"}}
"""
WORLD = {
    **ENVIRON,
    "TEAMS": "https://prod-1.logic.azure.com/workflows/very-secret",
    "HOOK": "https://93.184.216.34/very-secret",
    "KEY": "very-secret-indeed",
    "PUSH": "ntfys://ntfy.sh/very-secret",
    "RETIRED": "https://acme.webhook.office.com/webhookb2/very-secret",
    "INSIDE": "http://169.254.169.254/very-secret",
    "NOTHING": "very-secret://x",
}
WHOLE = SOUND + MORE


def changed(old: str, new: str) -> str:
    assert old in WHOLE, old
    return WHOLE.replace(old, new, 1)


def test_all_of_them_open(tmp_path: Path) -> None:
    text = changed("[{slack: C012ABCDEF}]", "[{teams: ops}, {webhook: log}, {push: phone}]")
    text = text.replace("bob: {slack", "bob: {addresses: {push: phone}, slack")
    config = read(tmp_path, text, WORLD)
    assert playbook(config).wants_alerts == {"webhook"}
    assert config.contacts("bob") == {"slack": "U023ABCDEF", "push": "phone"}


def test_every_secret_is_known_with_what_of_it_could_be_logged(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE, WORLD).secrets()
    for name in ("TEAMS", "HOOK", "KEY", "PUSH"):
        assert WORLD[name] in found
    assert "/workflows/very-secret" in found


# fmt: off
ROWS = [
    pytest.param('"${TEAMS}"', '"${RETIRED}"',
        "config.yaml:15:24 channels.teams.rooms.ops: found the address of an Office 365 connector, "
        "which Microsoft has retired; expected that of a Workflow: in Teams open",
        id="a-retired-connector"),
    pytest.param('"${HOOK}"', '"${INSIDE}"',
        "config.yaml:16:25 channels.webhook.urls.log: 169.254.169.254, which is link-local, where "
        "clouds keep their secrets: it would not be called; add its network to "
        "channels.webhook.allow",
        id="metadata"),
    pytest.param('keys: {log: "${KEY}"}', "keys: {log: short}",
        "config.yaml:16:49 channels.webhook.keys.log: the key is too short", id="a-short-key"),
    pytest.param('keys: {log: "${KEY}"}', "keys: {}",
        "config.yaml:16:25 channels.webhook.urls.log: nothing signs its calls; expected a key in "
        "`keys.log`", id="no-key"),
    pytest.param('keys: {log: "${KEY}"}', 'keys: {log: "${KEY}"}, allow: [10.0.0.0/40]',
        "config.yaml:16:12 channels.webhook: found '10.0.0.0/40'; expected a network such as",
        id="no-network"),
    pytest.param('"${PUSH}"', '"${NOTHING}"',
        "config.yaml:17:24 channels.push.urls.phone: found an address that no service takes; "
        "expected one that apprise knows", id="no-service"),
    pytest.param("{slack: C012ABCDEF}", "{teams: opps}",
        "config.yaml:8:21 policies.shop.rooms[0].teams: no address of channels.teams is called "
        "'opps'; did you mean 'ops'?", id="an-unknown-room"),
    pytest.param("bob: {slack", "bob: {addresses: {push: fone}, slack",
        "config.yaml:3:27 people.bob.addresses.push: no address of channels.push is called 'fone'; "
        "did you mean 'phone'?", id="an-unknown-address"),
    pytest.param("bob: {slack", "bob: {addresses: {sms: '+14155'}, slack",
        "config.yaml:3:26 people.bob.addresses.sms: found '+14155', which is too short",
        id="half-a-number"),
    pytest.param("bob: {slack", "bob: {addresses: {voice: '+1 415 555 2671'}, slack",
        "config.yaml:3:28 people.bob.addresses.voice: found '+1 415 555 2671'; expected it "
        "without gaps: +14155552671", id="a-number-with-gaps"),
    pytest.param("bob: {slack", "bob: {addresses: {teams: ops}, slack",
        "config.yaml:3:28 people.bob.addresses.teams: teams reaches no person; "
        "expected it among the rooms of a policy only", id="a-person-in-teams"),
    pytest.param("[{oncall: primary}]\n", "[{oncall: primary}]\n        by: [webhook]\n",
        "config.yaml:11:14 policies.shop.steps[0].by[0]: webhook reaches no person; "
        "expected it among the rooms of a policy only", id="a-step-by-webhook"),
    pytest.param("default_policy: shop\n", "default_policy: shop\nseverities: {warning: [teams]}\n",
        "config.yaml:12:24 severities.warning[0]: teams reaches no person; "
        "expected it among the rooms of a policy only", id="a-severity-by-teams"),
    pytest.param("{slack: C012ABCDEF}", "{sms: ops}",
        "config.yaml:8:13 policies.shop.rooms[0]: sms has no rooms; expected one of push, slack, "
        "teams, webhook", id="a-room-of-sms"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "said"), ROWS)
def test_one_row_one_way_to_be_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    (told,) = faults(tmp_path, changed(old, new), WORLD)
    assert told.startswith(said)


def test_a_room_of_teams_rings_nobody(tmp_path: Path) -> None:
    lines = [line for line in WHOLE.splitlines() if "sms" not in line and "push" not in line]
    (told,) = faults(tmp_path, "\n".join(lines).replace("phone: +49 30 901820", ""), WORLD)
    assert "expected a channel that rings, such as channels.sms" in told


def test_an_address_without_a_path_has_nothing_more_to_hide() -> None:
    teams = kind("teams")
    opened = Opened(teams, teams.options(rooms={"ops": Secret("https://a.example")}))
    assert opened.secrets() == ["https://a.example"]


SILENCES = [
    ("daily: 9 o'clock", "alerts.silences.daily: found \"9 o'clock\"; expected cron's five fields"),
    ("timezone: Mars", "alerts.silences.timezone: no time zone is called 'Mars'"),
    ("to: [{slak: C012ABCDEF}]", "no channel is called 'slak'; did you mean 'slack'?"),
    (
        "to: [{teams: opps}]",
        "alerts.silences.to[0].teams: no address of channels.teams is called 'opps'",
    ),
]


@pytest.mark.parametrize(("line", "why"), SILENCES)
def test_the_daily_word_on_silences_has_a_time_and_a_room(
    tmp_path: Path, line: str, why: str
) -> None:
    found = faults(tmp_path, f"{WHOLE}alerts: {{silences: {{{line}}}}}\n", WORLD)
    assert any(why in fault for fault in found), found
    never = read(tmp_path, f'{WHOLE}alerts: {{silences: {{daily: ""}}}}\n', WORLD)
    assert playbook(never).reminder is None
