"""Logs: secrets are struck out everywhere, hostile text forges no line."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.logs import REDACTOR, set_up_logs


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process with JSON logs writes to standard error."""
    err = io.StringIO()
    monkeypatch.setattr("sys.stderr", err)
    before = logging.getLogger().handlers[:], logging.getLogger().level
    set_up_logs("info", "json")
    yield err
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_a_secret_is_struck_out_of_text_fields_and_tracebacks(lines: io.StringIO) -> None:
    REDACTOR.learn(["xoxb-very-secret"])
    log = structlog.get_logger("t")
    log.info("token xoxb-very-secret", url="https://h/xoxb-very-secret?x")
    try:
        int("xoxb-very-secret")
    except ValueError:
        log.exception("failed")
    logging.getLogger("slack").warning("got %s", "xoxb-very-secret")
    text = lines.getvalue()
    assert "very-secret" not in text
    assert text.count("<secret>") >= 4


def test_each_fact_is_one_line_of_json(lines: io.StringIO) -> None:
    structlog.get_logger("t").info("alert", title='evil\n{"event": "forged"}\x1b[31m', incident=4)
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["incident"] == 4
    assert "\x1b" not in line
