"""`tocsin routes test`: where labels would lead by a configuration that need not be in force."""

import os
from pathlib import Path
from typing import Annotated

import typer

from storage.errors import ConfigError


def routes_test(
    labels: Annotated[list[str], typer.Argument(help="severity=critical service=checkout ...")],
    config: Annotated[
        Path,
        typer.Option("--config", "-c", envvar="TOCSIN_CONFIG", help="The configuration file."),
    ] = Path("config.yaml"),
) -> None:
    """Say where an alert with these labels would go now, and whom it would page.

    What people made (silences, overrides) and what fires is not known here: `routes` in chat knows.
    """
    from bot.cli_server import clean
    from bot.config.build import playbook
    from bot.config.read import read_config
    from bot.whither import read_labels, told
    from routing.alerts.intervals import active_at
    from routing.alerts.mute import Mutes
    from routing.oncall.expand import Roster
    from routing.whither import ways_of
    from storage.clock import SystemClock

    try:
        asked = read_labels(labels)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    known, now = playbook(read_config(config, os.environ)), SystemClock().utc_now()
    roster = Roster(playbook=known, overrides=(), now=now)
    mutes, times = Mutes.at(known.maintenance, now), active_at(known.intervals, now)
    print(clean("\n".join(told(asked, ways_of(asked, roster, mutes.of(asked), times), known))))
