"""The command line. What is heavy is imported by the command that needs it."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bot.cli_backtest import add_backtest
from bot.cli_doctor import add_doctor
from bot.cli_import import import_alertmanager
from bot.cli_routes import routes_test
from bot.cli_rules import add_rules
from bot.cli_server import add_verbs
from bot.cli_try_mapping import try_mapping
from storage.errors import BotError, ConfigError

ConfigPath = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="TOCSIN_CONFIG", help="The configuration file."),
]
DEFAULT_CONFIG = Path("config.yaml")

app = typer.Typer(
    name="tocsin",
    help="Watches metrics, rings the alarm, takes the answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
rules = typer.Typer(help="Rule files.", no_args_is_help=True)
slack = typer.Typer(help="Slack.", no_args_is_help=True)
app.add_typer(rules, name="rules")
add_rules(rules)
importing = typer.Typer(help="Other programs' configuration.", no_args_is_help=True)
importing.command("alertmanager")(import_alertmanager)
app.add_typer(importing, name="import")
routes = typer.Typer(help="Routes.", no_args_is_help=True)
routes.command("test")(routes_test)
app.add_typer(routes, name="routes")
app.add_typer(slack, name="slack")
add_verbs(app)
add_backtest(app)
app.command("try-mapping")(try_mapping)
add_doctor(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tocsin`; exits with 2 where the configuration is wrong, 1 where a thing is refused."""
    try:
        app(args=None if arguments is None else list(arguments))
    except ConfigError as error:
        print(_clean(error), file=sys.stderr)
        raise SystemExit(2) from None
    except BotError as error:
        print(_clean(error), file=sys.stderr)
        raise SystemExit(1) from None


def _clean(error: BotError) -> str:
    """Strike out what this process knows for secrets; who taught it none has none."""
    logs = sys.modules.get("bot.logs")
    return str(logs.REDACTOR.clean(str(error))) if logs else str(error)


@app.command()
def serve(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Run Tocsin until it is told to stop."""
    from bot import collector
    from bot.lean import leave_out

    collector.rest()  # looking for garbage takes a sixth of the time until all is imported
    leave_out()
    from bot.app import serve as run

    run(config, os.environ)


@app.command()
def demo(
    slack: Annotated[
        bool, typer.Option("--slack", help="In your own Slack workspace (two tokens).")
    ] = False,
    port: Annotated[int, typer.Option(help="Where the page is; 0: 9099 or any free one.")] = 0,
    keep: Annotated[bool, typer.Option(help="Keep the demo's data at the end.")] = False,
    directory: Annotated[Path | None, typer.Option(help="Where the demo's data is.")] = None,
) -> None:
    """Show everything on this machine: a small shop, a console, a phone. Needs nothing."""
    from bot.demo.main import run

    raise typer.Exit(run(port=port, slack=slack, keep=keep, directory=directory))


@app.command()
def check(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Check the configuration and its rules; every fault at once, exit code 2."""
    from bot.config.whole import read_whole

    print(f"{config}: all is well: {read_whole(config, os.environ)}")


@app.command()
def migrate(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Bring the incident database to this version's schema; `serve` does so by itself."""
    from bot.config.read import read_config
    from bot.schema import bring_up

    print(asyncio.run(bring_up(read_config(config, os.environ))))


@rules.command("check")
def rules_check(files: Annotated[list[Path], typer.Argument(help="Rule files.")]) -> None:
    """Check rule files; every fault at once, exit code 2; then advice, which is no fault."""
    from routing.rules.check import findings
    from routing.rules.read import read_rules

    groups = read_rules(files)
    advice = findings(groups)
    for finding in advice:
        print(finding)
    counted = sum(len(group.rules) for group in groups)
    verdict = f"No fault; {len(advice)} to look at" if advice else "All is well"
    print(f"{verdict}: files {len(files)}, groups {len(groups)}, rules {counted}.")


@app.command("send-test")
def send_test(
    channel: Annotated[str, typer.Argument(help="The channel's name, such as sms.")],
    to: Annotated[str | None, typer.Option(help="The address; else the first one known.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Send a test message and say what became of it."""
    from bot.cli_send_test import send_test as send
    from bot.config.read import read_config
    from bot.logs import REDACTOR, set_up_logs

    read = read_config(config, os.environ)
    set_up_logs("error")
    REDACTOR.learn(read.secrets())
    print(REDACTOR.clean(asyncio.run(send(read, channel, to))))


@slack.command("manifest")
def slack_manifest(
    short_forms: Annotated[
        bool,
        typer.Option("--short-forms", help="With /ack, /resolve, /alerts and /report."),
    ] = False,
    http: Annotated[
        str,
        typer.Option(help="Not Socket Mode: our public address, where Slack is to call us."),
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Socket Mode or HTTP, and which commands, as it says."),
    ] = None,
) -> None:
    """Print the Slack app's manifest: paste it at https://api.slack.com/apps, then install."""
    from bot.chat.manifest import manifest, wanted
    from bot.chat.speak import verbs
    from bot.config.read import read_config

    if config is not None:
        known = wanted(read_config(config, os.environ))
        http, short_forms = http or known.http, short_forms or known.short_forms
    print(manifest(verbs().values(), short_forms=short_forms, http=http), end="")
