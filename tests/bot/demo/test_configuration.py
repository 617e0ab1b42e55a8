"""The demo's three configurations: they load, criticals ring, warnings never do."""

from pathlib import Path
from shutil import copy

import pytest

from bot.config.build import playbook
from bot.config.read import read_config
from bot.demo import main
from bot.demo.scene import ERRORS, LIMITS, SLOWNESS
from routing.rules.read import read_rules
from storage.model.alert import Severity

HERE = Path(main.__file__).parent
ENVIRON = {
    "TOCSIN_DEMO_PORT": "9099",
    "TOCSIN_DEMO_INGEST_TOKEN": "a-token-that-is-long-enough",
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1",
    "TOCSIN_SLACK_API": "https://slack.com/api/",
    "TOCSIN_SLACK_CHANNEL": "C0123456789",
    "TOCSIN_SLACK_USER": "U0123456789",
    "TOCSIN_TWILIO_API": "https://api.twilio.com",
    "TOCSIN_PHONE": "+14155550100",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "secret",
    "TWILIO_FROM": "+14155550101",
}


@pytest.mark.parametrize(
    ("name", "ringing"),
    [("config.yaml", "phone"), ("slack.yaml", "phone"), ("slack_sms.yaml", "sms")],
)
def test_it_loads_and_only_criticals_ring(tmp_path: Path, name: str, ringing: str) -> None:
    copy(HERE / name, tmp_path / "config.yaml")
    copy(HERE / "rules.yaml", tmp_path)
    config = read_config(tmp_path / "config.yaml", ENVIRON)
    book = playbook(config)
    assert ringing in book.by_severity[Severity.CRITICAL]
    assert ringing not in book.chat
    for severity in set(Severity) - {Severity.CRITICAL}:
        assert ringing not in book.by_severity[severity]
    assert all(set(step.by) <= {"chat"} for step in book.policies["shop"].steps)
    assert config.server.listen.is_loopback


def test_the_rules_judge_what_the_page_shows() -> None:
    groups = {group.name: group for group in read_rules([HERE / "rules.yaml"])}
    severities = {
        name: {rule.labels["severity"].text for rule in group.rules}
        for name, group in groups.items()
    }
    assert severities == {"shop": {"critical"}, "own host": {"warning"}}
    written = (HERE / "rules.yaml").read_text().split()
    for query, limit in ((ERRORS, LIMITS["errors"]), (SLOWNESS, LIMITS["slow"])):
        assert "".join(f"{query} > {limit}".split()) in "".join(written)


def test_what_somebody_edited_stays(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("edited")
    main._furnish(tmp_path, "config.yaml")
    assert (tmp_path / "config.yaml").read_text() == "edited"
    assert (tmp_path / "rules.yaml").exists()
