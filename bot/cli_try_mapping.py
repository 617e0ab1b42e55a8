"""`tocsin try-mapping`: what a payload becomes by the mapping of its source, sent to nobody."""

import json
import os
import sys
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storage.errors import BotError, ConfigError

if TYPE_CHECKING:
    from bot.config.config import SourceSection
    from bot.doors.door import Arrived
    from bot.mail.box import Box
    from storage.model.alert import Alert


def try_mapping(
    source: Annotated[str, typer.Argument(help="The source whose mapping is tried.")],
    file: Annotated[
        Path, typer.Argument(help="A payload as JSON, or a mail (.eml); -: the input.")
    ],
    config: Annotated[
        Path,
        typer.Option("--config", "-c", envvar="TOCSIN_CONFIG", help="The configuration file."),
    ] = Path("config.yaml"),
) -> None:
    """Show which alerts a payload becomes; exit code 1 where an entry is refused."""
    from bot.cli_server import clean
    from bot.config.read import read_config
    from bot.doors.door import Caller
    from bot.doors.generic import read
    from storage.clock import SystemClock

    sources = read_config(config, os.environ).sources
    if source not in sources:
        near = get_close_matches(source, sources, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(sources) or 'none'}"
        raise ConfigError(f"{config}: has no source {source!r}{hint}")
    section, now = sources[source], SystemClock().utc_now()
    compiled = section.mapping.compiled() if section.mapping else None
    if section.mail is not None and file.suffix == ".eml":
        arrived = _mailed(file, section.mail.built(source, section.mapping), section, now)
    else:
        arrived = read(_payload(file), Caller(source=source, now=now, mapping=compiled))
    print(clean("\n".join(_told(arrived))))
    if arrived.refused:
        raise typer.Exit(1)


def _mailed(file: Path, box: "Box", section: "SourceSection", now: datetime) -> "Arrived":
    """Read a mail, as its program saved it, as the door would."""
    from bot.mail.box import Ours, told, why_none
    from bot.mail.read import read_mail

    try:
        mail = read_mail(file.read_bytes(), "try-mapping@localhost")
    except OSError as error:
        raise BotError(f"{file}: cannot be read: {error}") from error
    if why := why_none(mail, Ours()):
        raise BotError(f"{file}: makes no alert: {why}")
    assert section.mail is not None
    return told(box, replace(mail, sender=mail.writer), section.mail.address, now)


def _payload(file: Path) -> Any:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        return json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BotError(f"{file}: cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BotError(f"{file}: not JSON: {error}") from error


def _told(arrived: "Arrived") -> list[str]:
    lines = [line for alert in arrived.alerts for line in _alert(alert, "")]
    lines += [line for key, alert in arrived.keyed.items() for line in _alert(alert, key)]
    lines += [f"over: what was told under the key {key!r}" for key in arrived.over]
    lines += [f"REFUSED: entry {it.index}: {it.error}" for it in arrived.refused]
    return lines or ["nothing: the mapping finds an empty list of alerts"]


def _alert(alert: "Alert", key: str) -> list[str]:
    """Return what a person wants to compare: state, labels, annotations."""
    named = f", known by the key {key!r}" if key else ", known by its labels"
    pairs = [*alert.labels, *((f"annotation {name}", text) for name, text in alert.annotations)]
    width = max(len(name) for name, _ in pairs)
    return [
        f"{alert.status} since {alert.starts_at:%Y-%m-%d %H:%M:%S} UTC{named}",
        *(f"  {name:{width}}  {text}" for name, text in pairs),
    ]
