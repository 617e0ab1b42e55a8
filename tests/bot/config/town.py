"""A small, sound configuration, and ways to spoil it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.config.config import Config
from bot.config.read import read_config
from storage.errors import ConfigError

SOUND = """\
people:
  ada: {permission: admin, slack: U012ABCDEF, phone: +49 30 901820}
  bob: {slack: U023ABCDEF}
oncall:
  primary: [ada, bob]
policies:
  shop:
    rooms: [{slack: C012ABCDEF}]
    steps:
      - notify: [{oncall: primary}]
default_policy: shop
channels:
  slack: {bot_token: "${BOT}", app_token: "${APP}"}
  sms: {account_sid: AC1, auth_token: "${TWILIO}", from_number: "+14155550100"}
"""
ENVIRON = {"BOT": "xoxb-very-secret", "APP": "xapp-very-secret", "TWILIO": "also-very-secret"}


def read(folder: Path, text: str = SOUND, environ: Mapping[str, str] = ENVIRON) -> Config:
    """Read `text` as `folder`/config.yaml."""
    (folder / "config.yaml").write_text(text)
    return read_config(folder / "config.yaml", environ)


def faults(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """Return the faults of `text`, with the file called plainly `config.yaml`."""
    with pytest.raises(ConfigError) as refused:
        read(folder, text, environ)
    assert "very-secret" not in str(refused.value)
    return str(refused.value).replace(f"{folder}/", "").splitlines()


def spoilt(old: str, new: str) -> str:
    """Return the sound configuration with `old` replaced."""
    assert old in SOUND, old
    return SOUND.replace(old, new, 1)
