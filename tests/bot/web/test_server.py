"""Health, own metrics, headers, and the one table of errors."""

import pytest

from bot.ingest.format import BadPayload, TooLarge
from bot.web.parts import Parts
from bot.web.server import Server, status_of
from storage.errors import (
    BotError,
    ConfigError,
    MetricsUnavailable,
    NotAllowed,
    StaleIncident,
    StorageUnavailable,
    UnknownIncident,
)
from tests.bot.web.conftest import Serve, Stage


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadPayload("x"), 400),
        (TooLarge("x"), 413),
        (NotAllowed("x"), 403),
        (UnknownIncident("x"), 404),
        (StaleIncident("x"), 409),
        (StorageUnavailable("x"), 503),
        (MetricsUnavailable("x"), 503),
        (ConfigError("x"), 500),
        (BotError("x"), 500),
    ],
)
def test_each_error_has_its_status(error: BotError, status: int) -> None:
    assert status_of(error) == status


async def test_who_watches_us_is_told(serve: Serve) -> None:
    well = await serve(metrics=lambda: b"tocsin_up 1\n")
    ill = await serve(
        troubles=lambda: ("the sender stands still",), not_ready=lambda: ("no database",)
    )
    assert (await well.get("/-/healthy")).text == "healthy\n"
    assert (await well.get("/-/ready")).text == "ready\n"
    assert (await well.get("/metrics")).text == "tocsin_up 1\n"
    healthy, ready = await ill.get("/-/healthy"), await ill.get("/-/ready")
    assert (healthy.status_code, healthy.text) == (503, "the sender stands still\n")
    assert (ready.status_code, ready.text) == (503, "no database\n")


async def test_every_answer_tells_browsers_to_trust_our_own_files_only(serve: Serve) -> None:
    client = await serve()
    for path in ("/", "/nowhere", "/-/healthy", "/static/console.js"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_a_bug_is_answered_without_a_trace(serve: Serve) -> None:
    def broken() -> bytes:
        raise RuntimeError("secret detail")

    client = await serve(metrics=broken)
    answer = await client.get("/metrics")
    assert answer.status_code == 500
    assert "secret" not in answer.text


async def test_a_taken_port_is_told(serve: Serve, stage: Stage) -> None:
    port = (await serve()).base_url.port
    assert port
    parts = Parts(intake=stage.intake, desks=stage.desks, metrics=bytes)
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
        await Server(parts, host="127.0.0.1", port=port).start()
