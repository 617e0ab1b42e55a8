"""`tocsin import alertmanager FILE`: an alertmanager.yml as sections of our configuration."""

import os
import sys
from io import StringIO
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

import typer


def import_alertmanager(
    file: Annotated[Path, typer.Argument(help="An alertmanager.yml.")],
) -> None:
    """Print routes, policies and what mutes in Tocsin's way; what is not carried over is named."""
    from ruamel.yaml import YAML

    from bot.cli_server import clean
    from bot.importing.alertmanager import imported
    from storage.documents import read_document

    done = imported(read_document(file), _clock())
    text, yaml = StringIO(), YAML()
    yaml.default_flow_style = False
    yaml.width = 1_000
    yaml.dump(done.config, text)
    print(f"# From {file.name}. Yours to add: people, who is on call, channels.")
    print(clean(text.getvalue()), end="")
    for note in done.notes:
        print(clean(note), file=sys.stderr)


def _clock() -> str:
    """Return the time zone of this machine; empty: it has none that has a name."""
    _, _, found = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")
    name = os.environ.get("TZ", "").removeprefix(":") or found
    return name if name in available_timezones() else ""
