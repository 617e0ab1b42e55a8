"""One target against a real server: up, down, slow, broken; what vanishes is marked stale."""

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from prometheus_client import Counter, Gauge
from structlog.testing import capture_logs

from bot.config.remote import BasicSection
from bot.config.scrape import ScrapeSection
from bot.config.secret import Secret
from bot.intake import Intake
from bot.scrape.cycle import REPORTS, Cycle, scrape_on_time
from bot.scrape.fetch import Fetcher
from bot.scrape.target import target
from storage.clock import SystemClock
from storage.model.sample import is_stale
from tests.bot.scrape.conftest import Kept
from tests.bot.scrape.exposer import Exposer, exposing

AT = 1_700_000_000.0
Begin = Callable[..., Awaitable[Cycle]]


@pytest.fixture
async def begin(intake: Intake, exposer: Exposer) -> AsyncIterator[Begin]:
    async with AsyncExitStack() as opened:

        async def make(**more: Any) -> Cycle:
            section = ScrapeSection(**{"job": "shop", "targets": (exposer.address,), **more})
            fetcher = Fetcher(section)
            opened.push_async_callback(fetcher.close)
            one = target(section, exposer.address)
            return Cycle(section, one, fetcher, intake, SystemClock())

        yield make


def stale(kept: Kept) -> set[str]:
    samples = kept.batches[-1].samples
    marks = is_stale(np.array([it.value for it in samples]))
    names = [str(it.labels.without("job", "instance")) for it in samples]
    return {name for name, mark in zip(names, marks, strict=True) if mark}


async def test_a_scrape_is_stored_whole_with_its_report(
    begin: Begin, exposer: Exposer, kept: Kept, intake: Intake
) -> None:
    Counter("hits", "Hits.", registry=exposer.registry).inc(3)
    Gauge("job", "Odd.", ["job"], registry=exposer.registry).labels("x").set(1)
    cycle = await begin(labels={"cluster": "a"})
    await cycle.scrape(AT)
    found = kept.last()
    assert found['hits_total{cluster="a"}'] == 3.0
    assert found['job{cluster="a", exported_job="x"}'] == 1.0
    assert found['up{cluster="a"}'] == 1.0
    assert found['scrape_samples_scraped{cluster="a"}'] == 3.0
    assert found['scrape_samples_post_metric_relabeling{cluster="a"}'] == 3.0
    assert 0 < found['scrape_duration_seconds{cluster="a"}'] < 10
    assert {it.time for it in kept.batches[-1].samples} == {AT}
    assert {(labels.get("job"), labels.get("instance")) for labels in kept.labels()} == {
        ("shop", exposer.address)
    }
    assert kept.batches[-1].metadata["hits"]["type"] == "counter"
    await intake.drain()
    assert kept.told == [("shop", 7, True)]
    await cycle.scrape(AT + 15)
    assert kept.batches[-1].metadata == {}


async def test_what_vanishes_is_marked_stale_once(
    begin: Begin, exposer: Exposer, kept: Kept
) -> None:
    cycle = await begin()
    exposer.says('a 1\nb{c="d"} 2\n')
    await cycle.scrape(AT)
    exposer.says("a 1\n", packed=True)
    await cycle.scrape(AT + 15)
    assert stale(kept) == {'b{c="d"}'}
    await cycle.scrape(AT + 30)
    assert stale(kept) == set()
    assert kept.last()["up"] == 1.0


async def test_series_with_times_of_their_own_are_left_alone(
    begin: Begin, exposer: Exposer, kept: Kept
) -> None:
    cycle = await begin()
    exposer.says(f"a 1 {int(AT * 1000) - 5000}\n")
    await cycle.scrape(AT)
    assert kept.batches[-1].samples[0].time == AT - 5
    assert not kept.batches[-1].complete
    exposer.says("")
    await cycle.scrape(AT + 15)
    assert stale(kept) == set()


async def moved(request: web.Request) -> web.Response:
    if request.path == "/metrics":
        return web.Response(status=308, headers={"Location": "/metrics/"})
    return web.Response(text="a 1\n")


async def test_a_redirect_within_the_target_is_followed(
    begin: Begin, exposer: Exposer, kept: Kept
) -> None:
    exposer.handler = moved
    await (await begin()).scrape(AT)
    assert (kept.last()["up"], kept.last()["a"]) == (1.0, 1.0)


async def test_a_redirect_elsewhere_is_not(begin: Begin, exposer: Exposer, kept: Kept) -> None:
    async with exposing() as other:
        exposer.fails(302, Location=f"http://{other.address}/metrics")
        cycle = await begin(bearer=Secret("a-token"))
        await cycle.scrape(AT)
        assert (kept.last()["up"], other.asked) == (0.0, [])
        assert "not followed" in cycle.fault


BOMB = bytes(100_000)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda it: it.fails(503), "it answers 503"),
        (lambda it: it.says("a 1\nb one\n"), "line 2: 'one': expected a number"),
        (lambda it: it.says(b"\xff"), "not UTF-8"),
        (lambda it: it.says("a 1\nb 1\nc 1\nd 1\n"), "more than 3 samples"),
        (lambda it: it.says(b"# " + b"x" * 3000), "over 2000 bytes"),
        (lambda it: it.says(BOMB, packed=True), "unpacks to more than 2000"),
        (lambda it: it.says(b"a 1\n", **{"Content-Encoding": "br"}), "packed as 'br'"),
        (lambda it: it.says(b"a 1\n", **{"Content-Encoding": "gzip"}), "not gzip"),
        (lambda it: it.hangs(), "no answer within 0.3 s"),
        (lambda it: it.fails(301, Location="/metrics"), "on and on"),
    ],
)
async def test_a_target_in_trouble_is_down_and_its_series_end(
    begin: Begin, exposer: Exposer, kept: Kept, spoil: Callable[[Exposer], None], why: str
) -> None:
    exposer.says("a 1\n")
    cycle = await begin(timeout=timedelta(seconds=0.3), sample_limit=3, body_limit=2000)
    await cycle.scrape(AT)
    spoil(exposer)
    with capture_logs() as logs:
        await cycle.scrape(AT + 15)
        await cycle.scrape(AT + 30)
    assert why in cycle.fault
    assert [line["event"] for line in logs] == ["target down"]
    assert kept.last()["up"] == 0.0
    assert stale(Kept(kept.batches[1:2])) == {"a"}
    assert set(kept.last()) == set(REPORTS)
    exposer.says("a 1\n")
    await cycle.scrape(AT + 45)
    assert (kept.last()["up"], cycle.fault) == (1.0, "")


async def test_a_target_that_is_not_there_is_down(intake: Intake, kept: Kept) -> None:
    async with exposing() as gone:
        pass
    section = ScrapeSection(job="shop", targets=(gone.address,))
    fetcher = Fetcher(section)
    await Cycle(section, target(section, gone.address), fetcher, intake, SystemClock()).scrape(AT)
    await fetcher.close()
    assert kept.last()["up"] == 0.0


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"bearer": Secret("t0ken")}, "Bearer t0ken"),
        ({"basic": BasicSection(user="ada", password=Secret("pass"))}, "Basic YWRhOnBhc3M="),
        ({}, None),
    ],
)
async def test_who_asks(
    begin: Begin, exposer: Exposer, more: dict[str, Any], expected: str | None
) -> None:
    cycle = await begin(params={"m": ("x",)}, **more)
    await cycle.scrape(AT)
    [request] = exposer.asked
    assert request.headers.get("Authorization") == expected
    assert request.headers["X-Prometheus-Scrape-Timeout-Seconds"] == "10"
    assert request.query["m"] == "x"


async def test_the_end_of_a_target_ends_all_its_series(
    begin: Begin, exposer: Exposer, kept: Kept
) -> None:
    exposer.says("a 1\n")
    cycle = await begin()
    await cycle.scrape(AT)
    await cycle.end(AT + 1)
    assert stale(kept) == {"a", *REPORTS}


async def test_scrapes_are_stamped_at_the_targets_place_in_the_interval(
    begin: Begin, exposer: Exposer, kept: Kept
) -> None:
    exposer.says("a 1\n")
    cycle = await begin()
    task = asyncio.create_task(scrape_on_time(cycle, SystemClock(), 0.2))
    while len(kept.batches) < 3:
        await asyncio.sleep(0.01)
    task.cancel()
    offset = cycle.target.offset(0.2)
    for batch in kept.batches:
        place = (batch.samples[0].time - offset) % 0.2
        # On time, or told as late as it was.
        assert math.isclose(place, 0, abs_tol=1e-6) or place <= 0.2
    times = [batch.samples[0].time for batch in kept.batches]
    assert times == sorted(set(times))


def certified(folder: Path) -> ssl.SSLContext:
    """Return a server's context for 127.0.0.1, which `folder`/cert.pem vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "target")])
    now = SystemClock().utc_now()
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_https_is_trusted_by_the_named_certificates_alone(
    tmp_path: Path, kept: Kept, intake: Intake
) -> None:
    async with exposing(context=certified(tmp_path)) as exposer:
        exposer.says("a 1\n")
        for more, up in (({}, 0.0), ({"ca_file": tmp_path / "cert.pem"}, 1.0)):
            address = exposer.address
            section = ScrapeSection(job="s", targets=(address,), scheme="https", **more)
            fetcher = Fetcher(section)
            cycle = Cycle(section, target(section, address), fetcher, intake, SystemClock())
            await cycle.scrape(AT)
            await fetcher.close()
            assert kept.last()["up"] == up
