"""The verbs on the command line: they speak to the running server and print what it answers."""

import base64
import json
import sys
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from storage.errors import BotError, ConfigError

PATIENCE = 90.0  # seconds; a report takes its time
_LARGEST_ANSWER = 64 * 1024**2

Url = Annotated[str, typer.Option("--url", envvar="TOCSIN_URL", help="Where Tocsin listens.")]
Token = Annotated[
    str, typer.Option("--token", envvar="TOCSIN_TOKEN", help="Your token; server.tokens has it.")
]
Words = Annotated[list[str] | None, typer.Argument(show_default=False)]
NO_TOKEN = "No token: set TOCSIN_TOKEN or --token to one that server.tokens gives to you."
HERE = "http://127.0.0.1:9099"


class Format(StrEnum):
    """How a report is written."""

    MARKDOWN = "markdown"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; `bot.chat.verb.Reply` explains the fields."""

    text: str
    table: tuple[tuple[str, ...], ...]
    attachments: tuple[tuple[str, bytes], ...]
    refused: bool


class NobodyAnswers(BotError):
    """No server listens at the address."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def add_verbs(app: typer.Typer) -> None:
    """Add one command for each verb that people say."""
    told = {"ignore_unknown_options": True}  # a note may hold a word that begins with a dash
    for name, summary in {
        "alerts": "List what is open, the most urgent first; `alerts all`: more of it.",
        "show": "Show one incident: facts, alerts, history, receipts.",
        "why": "Say why it was heard or not: `why 12`, `why CheckoutSlow`; `why`: what is hidden.",
        "next": "Say what will be sent, to whom and when: `next 12`; `next`: of all that is open.",
        "ack": "Take incidents: `ack 12 13 for 2h looking`; escalation stops.",
        "resolve": "Close incidents: `resolve 12 rolled back`.",
        "verdict": "Say what an alarm was worth, once over: `verdict 12 real`, `false` or `none`.",
        "snooze": "Hear of incidents again later: `snooze 12 30m`.",
        "escalate": "Ask the next people at once: `escalate 12 need a hand`.",
        "silence": "Keep alerts from being heard: `silence team=shop 2h`; list, extend, expire.",
        "maintenance": "Plan quiet times: `maintenance team=db 2h at 22:00`; list, extend, expire.",
        "phones": "Show whose number is confirmed, and who texted STOP.",
        "verify": "Text a code to a number that is to be confirmed: `verify ada`.",
        "oncall": "Say who is on call; `oncall take 8h`: be it for a while.",
    }.items():
        app.command(name, help=summary, context_settings=told)(_verb(name))
    app.command("report", help="Make a report: `report alerts 24h`.")(_report)
    app.command("reload", help="Put configuration and rules in force as their files are now.")(
        _reload
    )


def _verb(name: str) -> Callable[..., None]:
    def command(words: Words = None, url: Url = HERE, token: Token = "") -> None:
        _finish(say(" ".join([name, *(words or [])]), url, token))

    return command


def _report(
    words: Words = None,
    url: Url = HERE,
    token: Token = "",
    form: Annotated[Format | None, typer.Option("--format", help="Print all of it so.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the files to this folder.")] = None,
) -> None:
    attach = {Format.MARKDOWN: ["md"], Format.JSON: ["json"], None: []}[form]
    answer = say(" ".join(["report", *(words or []), *attach]), url, token)
    if output is not None and not answer.refused:
        _finish(answer)
        for path in _write(answer, output):
            print(path)
    elif form is not None and answer.attachments:
        print(clean(answer.attachments[0][1].decode()))
    else:
        _finish(answer)


def _reload(url: Url = HERE, token: Token = "") -> None:
    """Ask the running server to reload; it says what is wrong, and then nothing has changed."""
    print(clean(str(post("/-/reload", None, url, token).get("text", ""))))


def _write(answer: Answer, folder: Path) -> list[Path]:
    """Write the attachments; a name is only ever a name, whatever the server says."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in answer.attachments:
        path = folder / (Path(name).name or "attachment")
        path.write_bytes(content)
        written.append(path)
    return written


def _finish(answer: Answer) -> None:
    """Print an answer; a refusal goes to standard error and ends with 1."""
    if answer.refused:
        print(clean(answer.text), file=sys.stderr)
        raise typer.Exit(1)
    print(clean(answer.text))
    if answer.table:
        print(aligned(answer.table))


def say(text: str, url: str, token: str) -> Answer:
    """Say a sentence to the running server; raises BotError where it cannot be reached or heard."""
    if not token:
        raise BotError(NO_TOKEN)
    try:
        return _answer(post("/api/v1/command", {"text": text}, url, token))
    except (ValueError, KeyError, TypeError) as error:
        raise BotError(f"{url} does not answer like Tocsin; --url names another.") from error


def post(path: str, body: dict[str, Any] | None, url: str, token: str) -> dict[str, Any]:
    """Post to the running server and return what it answers.

    Raises BotError where it cannot be reached or refuses, and ConfigError with the server's own
    words where it answers 400: what was sent, or the files it reads, are wrong.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise BotError(f"{url}: expected an http or https address such as {HERE}")
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request(f"{url.rstrip('/')}{path}", data=data, headers=headers)
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=PATIENCE) as response:
            found = json.loads(response.read(_LARGEST_ANSWER))
    except urllib.error.HTTPError as error:
        if error.code == 400:
            raise ConfigError(_reason(error)) from error
        raise BotError(f"{url} answered {error.code}: {_reason(error)}") from error
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise NobodyAnswers(
            f"Nobody answers at {url}: {reason}. Is `tocsin serve` running? --url names another."
        ) from error
    except ValueError as error:
        raise BotError(f"{url} does not answer like Tocsin; --url names another.") from error
    if not isinstance(found, dict):
        raise BotError(f"{url} does not answer like Tocsin; --url names another.")
    return found


def _answer(found: dict[str, Any]) -> Answer:
    return Answer(
        text=str(found["text"]),
        table=tuple(tuple(map(str, row)) for row in found.get("table", ())),
        attachments=tuple(
            (str(file["name"]), base64.b64decode(file["content_base64"]))
            for file in found.get("attachments", ())
        ),
        refused=bool(found.get("refused", False)),
    )


def _reason(error: urllib.error.HTTPError) -> str:
    """Return what the server said, and what to do where it is the token."""
    try:
        found = json.loads(error.read(65_536))
        said = clean(str(found["error"]))
    except (ValueError, KeyError, TypeError, OSError):
        said = str(error.reason)
    is_token = error.code in (401, 403)
    return f"{said}; TOCSIN_TOKEN or --token must be one of server.tokens" if is_token else said


def clean(text: str) -> str:
    """Take control characters out: text from alerts must not steer the terminal."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "\ufffd" for c in text
    )


def aligned(table: Sequence[Sequence[str]]) -> str:
    """Write rows as columns, two spaces between them; the first row is the head."""
    rows = [[clean(cell).replace("\n", " ") for cell in row] for row in table]
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=False)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
