"""The schema is laid out by a process that takes alembic with it."""

import subprocess
import sys
from pathlib import Path

from bot.config.read import read_config
from bot.schema import bring_up

CONFIG = """\
people: {ada: {permission: admin, addresses: {phone: "+1 555 0100"}}}
policies: {all: {steps: [{notify: [{person: ada}]}]}}
default_policy: all
severities: {critical: [phone]}
channels: {phone: {path: phone.jsonl}}
"""
LAY_OUT = """\
import sys
from pathlib import Path
from bot.config.read import read_config
from bot.schema import lay_out
lay_out(read_config(Path("config.yaml"), {}))
print("alembic" in sys.modules)
"""


async def test_a_first_start_leaves_alembic_to_a_process_that_ends(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    ran = subprocess.run(
        [sys.executable, "-c", LAY_OUT], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("False\n", "")
    config = read_config(tmp_path / "config.yaml", {})
    assert (await bring_up(config)).endswith("up to date")


async def test_bringing_up_says_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    config = read_config(tmp_path / "config.yaml", {})
    assert (await bring_up(config)).endswith("created")
    assert (await bring_up(config)).endswith("up to date")
