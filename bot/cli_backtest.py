"""`tocsin backtest`: rules that are not in force yet, tried on stored history.

The running server is asked; where none runs, the history in the data directory is read here.
"""

import asyncio
import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli_server import HERE, NO_TOKEN, NobodyAnswers, Token, Url, aligned, clean, post
from storage.errors import BotError, ConfigError, QueryError
from storage.units import parse_duration

DEFAULT_CONFIG = Path("config.yaml")


class Format(StrEnum):
    """How the answer is written."""

    TEXT = "text"
    JSON = "json"


def add_backtest(app: typer.Typer) -> None:
    """Add `backtest` to the commands."""
    app.command("backtest")(backtest)


def backtest(
    file: Annotated[Path, typer.Argument(help="A rule file.")],
    since: Annotated[str, typer.Option(help="How far to look back.")] = "30d",
    rule: Annotated[str, typer.Option(help="The rule of this name alone.")] = "",
    form: Annotated[Format, typer.Option("--format", help="How it is printed.")] = Format.TEXT,
    url: Url = HERE,
    token: Token = "",
    config: Annotated[
        Path,
        typer.Option(
            "--config", "-c", envvar="TOCSIN_CONFIG", help="Whose data to read where none runs."
        ),
    ] = DEFAULT_CONFIG,
) -> None:
    """Say how often the rules of a file would have fired, for how long, whom they had paged."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    asked = {"rules": text, "file": str(file), "since": since, "rule": rule}
    found = _ask(asked, url, token, config) or _look_here(file, since, rule, config)
    if form is Format.JSON:
        json.dump(found.get("rules", []), sys.stdout, indent=2)
        print()
        return
    print(clean(str(found.get("text", ""))))
    if rows := [tuple(map(str, row)) for row in found.get("table", ())]:
        print(f"\n{aligned(rows)}")


def _ask(asked: dict[str, Any], url: str, token: str, config: Path) -> dict[str, Any] | None:
    """Ask the running server; None where none runs and the data can be read here."""
    if not token:
        if config.exists():
            return None
        raise BotError(f"{NO_TOKEN} Where no server runs, --config names whose data to read.")
    try:
        return post("/api/v1/backtest", asked, url, token)
    except NobodyAnswers as nobody:
        if not config.exists():
            raise
        print(f"{nobody} Reading the data of {config}.", file=sys.stderr)
        return None


def _look_here(file: Path, since: str, rule: str, config: Path) -> dict[str, Any]:
    """Try the rules on the history in the data directory; answer as the server does."""
    from bot.backtest_here import backtest_here
    from bot.backtested import as_json, table, told
    from bot.logs import set_up_logs

    set_up_logs("warning", "text")
    try:
        span = parse_duration(since)
    except ValueError as error:
        raise QueryError(f"--since: {error}") from error
    try:
        found = asyncio.run(backtest_here(config, os.environ, file, span, rule))
    except ConfigError as error:
        if ": in use by " not in str(error):
            raise
        advice = "Ask the server that runs: TOCSIN_TOKEN or --token, and --url where it is not here"
        raise BotError(f"{error}. {advice}.") from error
    return {"text": told(found, span), "table": table(found), "rules": as_json(found)}
