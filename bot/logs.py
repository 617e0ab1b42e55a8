"""Structured logs on standard error, from which every known secret is struck out."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "<secret>"
SHORTEST_SECRET = 6
"""Shorter texts are not struck out: they would blank half of the log and protect nothing."""


class Redactor:
    """Strikes secrets out of a finished log line, tracebacks included."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def learn(self, secrets: Iterable[str]) -> None:
        """Strike these out from now on; longest first, so that none hides inside another."""
        known = {s for s in (*self._secrets, *secrets) if len(s) >= SHORTEST_SECRET}
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """Return `text` with every known secret replaced."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def __call__(self, _: WrappedLogger, __: str, line: Any) -> str:
        """Work as structlog's last processor, on the rendered line."""
        return self.clean(str(line))


PLAIN = structlog.dev.plain_traceback
"""Python's own tracebacks: structlog's choice where rich is installed shows local variables, cut
short, and half a secret is not recognised as one."""
REDACTOR = Redactor()
"""The one of this process: whoever reads a secret teaches it."""


def set_up_logs(level: str = "info", form: str = "text") -> None:
    """Send the logs of Tocsin and of its libraries to standard error, one line a fact.

    form: `text` for people, `json` for machines. Safe to call again (a reload).
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _plain_message,
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=PLAIN)]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, REDACTOR],
    )
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level.upper())
    for quiet in (
        "alembic",
        "apscheduler",
        "aiosqlite",
        "slack_bolt",
        "slack_sdk",
        "uvicorn",
        "twilio",
        "urllib3",  # names paths, which are secrets of webhooks
    ):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _plain_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keep control characters of untrusted text from forging lines or colours."""
    for key, value in event.items():
        if isinstance(value, str) and key not in ("exception",):
            event[key] = "".join(
                c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in value
            )
    return event
