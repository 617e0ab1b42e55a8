"""`tocsin import alertmanager FILE`: an alertmanager.yml as sections of our configuration."""

import sys
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer


def import_alertmanager(
    file: Annotated[Path, typer.Argument(help="An alertmanager.yml.")],
) -> None:
    """Print routes, policies and what mutes in Tocsin's way; what is not carried over is named."""
    from ruamel.yaml import YAML

    from bot.cli_server import clean
    from bot.importing.alertmanager import imported
    from storage.documents import read_document

    done = imported(read_document(file))
    text, yaml = StringIO(), YAML()
    yaml.default_flow_style = False
    yaml.width = 1_000
    yaml.dump(done.config, text)
    print(f"# From {file.name}. Yours to add: people, who is on call, channels.")
    print(clean(text.getvalue()), end="")
    for note in done.notes:
        print(clean(note), file=sys.stderr)
