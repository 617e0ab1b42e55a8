"""The section `reports`: what is refused, and the sentence that says what is right."""

from pathlib import Path

import pytest

from bot.config.read import read_config
from storage.errors import ConfigError

TOWN = """\
default_policy: all
people: {ada: {permission: admin, slack: U012ABCDEF, phone: "+14155550101"}}
policies: {all: {steps: [{notify: [{person: ada}]}]}}
channels:
  slack: {bot_token: xoxb-1-secret, app_token: xapp-1-secret}
  sms: {account_sid: AC1, auth_token: very-secret, from_number: "+14155550100"}
  teams: {rooms: {ops: "https://prod-1.westeurope.logic.azure.com/workflows/very-secret"}}
reports:
"""
SCHEDULE = "  schedules: [{report: %s, cron: '%s', timezone: %s, to: [%s]}]\n"


def refusals(folder: Path, text: str) -> str:
    path = folder / "config.yaml"
    path.write_text(TOWN + text)
    with pytest.raises(ConfigError) as refusal:
        read_config(path, {})
    return str(refusal.value)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (("alarms", "0 9 * * *", "UTC", "{slack: C012ABCDEF}"), "did you mean 'alerts'?"),
        (("alerts checkout", "0 9 * * *", "UTC", "{slack: C012ABCDEF}"), "do not understand"),
        (("alerts", "0 9 * *", "UTC", "{slack: C012ABCDEF}"), "expected cron's five fields"),
        (("alerts", "0 25 * * *", "UTC", "{slack: C012ABCDEF}"), "expected cron's five fields"),
        (("alerts", "0 0 30 2 *", "UTC", "{slack: C012ABCDEF}"), "five fields"),
        (("alerts", "0 9 * * *", "Europe/Berln", "{slack: C012ABCDEF}"), "Europe/Berlin?"),
        (("alerts", "0 9 * * *", "UTC", "{slak: C012ABCDEF}"), "did you mean 'slack'?"),
        (("alerts", "0 9 * * *", "UTC", "{sms: '+14155550101'}"),
         "sms shows no reports; expected one of slack, teams"),
        (("alerts", "0 9 * * *", "UTC", "{slack: '#ops'}"), "expected a channel id"),
        (("alerts", "0 9 * * *", "UTC", "{teams: opps}"), "did you mean 'ops'?"),
        (("alerts", "0 9 * * *", "UTC", ""), "expected a list that is not empty"),
    ],
)  # fmt: skip
def test_schedules_that_lead_nowhere(tmp_path: Path, written: tuple[str], sentence: str) -> None:
    assert sentence in refusals(tmp_path, SCHEDULE % written)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("figures: {request: a_total}", "did you mean 'requests'?"),
        ("figures: {cpu: 'sum(rate(x[5m]'}", "is never closed"),
        ("figures: {cpu: 'sum(rate(x_total[$window]))'}", "found a query without $by"),
        ("figures: {cpu: '1 + 1'}", "found no metric"),
        ("services: {till: {figures: {machine_cpu: x}}}", "no figure is called 'machine_cpu'"),
        ("service_labels: ['a-b']", "service_labels"),
    ],
)
def test_figures_that_cannot_be_asked(tmp_path: Path, written: str, sentence: str) -> None:
    assert sentence in refusals(tmp_path, f"  performance: {{{written}}}\n")


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    right = ("performance checkout 24h", "0 9 * * mon-fri", "Europe/Berlin", "{teams: ops}")
    path.write_text(TOWN + SCHEDULE % right)
    (section,) = read_config(path, {}).reports.schedules
    schedule = section.schedule()
    assert (schedule.words, schedule.to) == ("performance checkout 24h", (("teams", "ops"),))
