"""`tocsin doctor`: proof, before the night, that everybody can be reached."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from storage.errors import unknown_name

CHECKS = typer.Argument(help="These only, such as `slack` or `database`.", show_default=False)


def add_doctor(app: typer.Typer) -> None:
    """Add `doctor` to the commands."""
    app.command("doctor")(doctor)


def doctor(
    checks: Annotated[list[str] | None, CHECKS] = None,
    config: Annotated[
        Path,
        typer.Option("--config", "-c", envvar="TOCSIN_CONFIG", help="The configuration file."),
    ] = Path("config.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
) -> None:
    """Ask channels, database, clock and rota for proof; exit code 1 where something is broken.

    Nobody is sent anything. It can run beside the server.
    """
    from bot.cli_server import clean
    from bot.config.read import read_config
    from bot.doctor import show
    from bot.doctor.check import Patient
    from bot.doctor.examine import all_checks, examine
    from bot.logs import REDACTOR, set_up_logs
    from routing.finding import Verdict, worst
    from storage.clock import SystemClock

    read = read_config(config, os.environ)
    REDACTOR.learn(read.secrets())
    set_up_logs("error")
    known = all_checks()
    for name in checks or ():
        if name not in known:
            raise unknown_name("doctor", "check", name, known)
    patient = Patient(config=read, clock=SystemClock())
    found = asyncio.run(examine(patient, checks or ()))
    if as_json:
        json.dump(show.as_json(found), sys.stdout, indent=2)
        print()
    else:
        print(clean(show.told(found)))
    if worst(found) is Verdict.FAULT:
        raise typer.Exit(1)
