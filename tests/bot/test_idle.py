"""An idle pager is small: what is heavy is imported by whoever needs it first."""

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from socket import socket

from tests.vendors.nursery import ROOT

CONFIG = """\
server: {{listen: "127.0.0.1:{port}"}}
people:
  ada: {{permission: admin, slack: U012ABCDEF, phone: "+442071838750"}}
policies:
  all: {{rooms: [{{slack: C012ABCDEF}}], steps: [{{notify: [{{person: ada}}]}}]}}
default_policy: all
channels:
  slack: {{bot_token: xoxb-nobody, app_token: xapp-nobody, api_url: "{nowhere}"}}
  sms:
    account_sid: AC00000000000000000000000000000000
    auth_token: nobody-in-particular
    from_number: "+14155550100"
    api_url: "{nowhere}"
    verify: false  # the first code that is sent brings Twilio's library
  voice:
    account_sid: AC00000000000000000000000000000000
    auth_token: nobody-in-particular
    from_number: "+14155550100"
    api_url: "{nowhere}"
  console: {{}}
console: {{enabled: true, person: ada}}
"""
HEAVY = {
    "pandas",
    "matplotlib",
    "fastapi",
    "jinja2",
    "requests",
    "rich.console",
    "sqlalchemy.orm",
    "twilio",
}


def test_serving_every_channel_imports_nothing_heavy(tmp_path: Path) -> None:
    with socket() as ours, socket() as nobody:
        for probe in (ours, nobody):
            probe.bind(("127.0.0.1", 0))
        port, closed = ours.getsockname()[1], nobody.getsockname()[1]
    config = CONFIG.format(port=port, nowhere=f"http://127.0.0.1:{closed}")
    (tmp_path / "config.yaml").write_text(config)
    told = tmp_path / "imports"
    command = [sys.executable, "-X", "importtime", "-m", "bot", "serve", "-c"]
    with told.open("wb") as errors:
        server = subprocess.Popen(
            [*command, str(tmp_path / "config.yaml")], cwd=ROOT, stderr=errors
        )
        try:
            assert ready(server, f"http://127.0.0.1:{port}/-/ready"), told.read_text()[-2000:]
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
    imported = set(re.findall(r"\|\s+([\w.]+)$", told.read_text(), re.MULTILINE))
    assert "slack_bolt" in imported
    assert not imported & HEAVY


def ready(server: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False
