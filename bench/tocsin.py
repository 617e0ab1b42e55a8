"""Tocsin under measurement: the installed command with its defaults, real channels, real files.

Set are only what has no default (people, policies, tokens) and where the vendors are.
"""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version as version_of
from pathlib import Path

from bench.processes import Program, free_port, running
from bench.scene import ADA, ROOMS, RULES
from tests.vendors.process import Remote

TOKEN = "a-token-of-the-benchmark"
PEOPLE_TOKEN = "a-token-of-a-person-of-the-benchmark"
HEADERS: Mapping[str, str] = {"Authorization": f"Bearer {TOKEN}"}
PEOPLE: Mapping[str, str] = {"Authorization": f"Bearer {PEOPLE_TOKEN}"}

CONFIG = """\
server: {{listen: "127.0.0.1:{port}"}}
delivery: {{single: 0}}
rules: [rules.yaml]
sources:
  prometheus: {{token: {token}}}
people:
  ada: {{permission: admin, slack: {ada}, phone: "+442071838750"}}
oncall:
  primary: [ada]
policies:
{policies}default_policy: room-{first}
routes:
{routes}channels:
  slack: {{bot_token: {bot_token}, app_token: {app_token}, api_url: "{slack_url}"}}
  sms:
    account_sid: {account}
    auth_token: {auth_token}
    from_number: "+14155550100"
    verify: false
    api_url: "{sms_url}"
{more}"""
POLICY = """\
  room-{room}:
    rooms: [{{slack: {room}}}]
    steps:
      - {{notify: [{{oncall: primary}}]}}
      - {{after: 5m, notify: [{{oncall: primary}}]}}
"""
ROUTE = """\
  - {{match: ['room="{room}"'], policy: room-{room}, group_by: [alertname, trial]}}
"""
CONSOLE = """\
  console: {}
console: {enabled: true, person: ada}
"""


@asynccontextmanager
async def tocsin(
    folder: Path, *, slack: Remote, sms: Remote, console: bool = False
) -> AsyncIterator[Program]:
    """Run `tocsin serve` while the block lasts.

    Alerts labelled `room` go to that channel, one incident for each `trial`.
    """
    port = free_port()
    config = CONFIG.format(
        port=port,
        token=TOKEN,
        ada=ADA,
        first=ROOMS[0],
        policies="".join(POLICY.format(room=room) for room in ROOMS),
        routes="".join(ROUTE.format(room=room) for room in ROOMS),
        bot_token=slack.facts["bot_token"],
        app_token=slack.facts["app_token"],
        slack_url=slack.facts["api_url"],
        account=sms.facts["account_sid"],
        auth_token=sms.facts["auth_token"],
        sms_url=sms.url,
        more=CONSOLE if console else "",
    )
    folder.mkdir()
    (folder / "config.yaml").write_text(config)
    (folder / "rules.yaml").write_text(RULES)
    command = Path(sys.executable).with_name("tocsin")
    arguments = [str(command), "serve", "--config", "config.yaml"]
    async with running("tocsin", arguments, folder, port) as program:
        yield program


def version() -> str:
    """Return the version that is installed, and of what it runs on."""
    return f"{version_of('tocsin')} (Python {sys.version.split()[0]})"
