"""A patient with the channels that a test gives it, and its findings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.config.read import read_config
from bot.doctor.check import Patient
from bot.doctor.examine import examine
from routing.finding import Finding, Verdict
from storage.clock import Clock, SystemClock
from tests.bot.config.town import ENVIRON
from tests.vendors.slack_wire import Json

WRITTEN: Json = {
    "people": {
        "ada": {"permission": "admin", "slack": "U0ADA0001", "phone": "+14155552601"},
        "ben": {"slack": "U0BEN0001", "phone": "+14155552602"},
    },
    "oncall": {"primary": ["ada", "ben"]},
    "policies": {
        "shop": {
            "rooms": [{"slack": "C0ALARMS1"}],
            "steps": [{"notify": [{"oncall": "primary"}], "by": ["chat", "sms"]}],
        }
    },
    "default_policy": "shop",
    "server": {"listen": "127.0.0.1:1"},
    "channels": {
        "slack": {"bot_token": "${BOT}", "app_token": "${APP}"},
        "sms": {"account_sid": "AC1", "auth_token": "${TWILIO}", "from_number": "+14155550100"},
    },
}


def patient(folder: Path, *, clock: Clock | None = None, **changed: Any) -> Patient:
    """Read a configuration of which sections are replaced; `channels` are added."""
    import json

    written = WRITTEN | changed
    written |= {"channels": WRITTEN["channels"] | changed.get("channels", {})}
    (folder / "config.yaml").write_text(json.dumps(written))
    config = read_config(folder / "config.yaml", ENVIRON)
    return Patient(config=config, clock=clock or SystemClock())


async def found(patient: Patient, check: str) -> tuple[Finding, ...]:
    """Make one check."""
    return await examine(patient, [check])


def amiss(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Return verdict and text of what is not in order."""
    return [(str(it.verdict), it.text) for it in findings if it.verdict is not Verdict.OK]


def texts(findings: Sequence[Finding]) -> list[str]:
    """Return what was found."""
    return [it.text for it in findings]
