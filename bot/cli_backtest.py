"""`tocsin backtest`: rules that are not in force yet, tried on the running server's history."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.cli_server import HERE, NO_TOKEN, Token, Url, aligned, clean, post
from storage.errors import BotError, ConfigError


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
) -> None:
    """Say how often the rules of a file would have fired, for how long, whom they had paged."""
    if not token:
        raise BotError(NO_TOKEN)
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    asked = {"rules": text, "file": str(file), "since": since, "rule": rule}
    found = post("/api/v1/backtest", asked, url, token)
    if form is Format.JSON:
        json.dump(found.get("rules", []), sys.stdout, indent=2)
        print()
        return
    print(clean(str(found.get("text", ""))))
    if rows := [tuple(map(str, row)) for row in found.get("table", ())]:
        print(f"\n{aligned(rows)}")
