"""Stored samples go on: all of them, once taken; what cannot go is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.forward import Forwarder, Forwarding
from bot.forward_wire import encode
from bot.ingest import remote_write
from storage.clock import SystemClock
from storage.metrics.remote import RemoteMetrics, RemoteOptions
from storage.model.labels import Labels
from storage.model.sample import Appended, Batch, Sample
from tests.peers import prometheus

NOW = SystemClock().utc_now().timestamp() // 1


def sample(number: int, job: str = "api") -> Sample:
    return Sample(Labels.of(__name__="up", job=job), NOW - 500 + number, float(number))


@dataclass
class Receiver:
    """Takes remote write; says to each request what stands first in `says` (then 204)."""

    says: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        status, headers = self.says.pop(0) if self.says else (204, {})
        if status == 204:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
        return web.Response(status=status, headers=headers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/write", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/write"
        await runner.cleanup()


@dataclass
class Pauses:
    """Notes how long was waited for, and hardly waits."""

    asked: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0)


async def until_quiet(forwarder: Forwarder, sent: int) -> None:
    async with asyncio.timeout(20):
        while forwarder.sent + forwarder.dropped.total() < sent:
            await asyncio.sleep(0.005)


def decoded(body: bytes) -> list[Sample]:
    return list(remote_write.decode(body, 1 << 24).samples)


numbers = st.floats(width=64, allow_nan=False)
labels = st.dictionaries(st.sampled_from(["job", "path", "zone"]), st.text(min_size=1, max_size=5))


@given(st.lists(st.tuples(labels, st.integers(0, 2**41), numbers), max_size=12))
def test_what_is_written_is_read_again(rows: list[tuple[dict[str, str], int, float]]) -> None:
    clean = [
        ({k: v.encode("utf-8", "replace").decode() for k, v in r.items()}, t, n) for r, t, n in rows
    ]
    samples = [Sample(Labels.of(r, __name__="m"), t / 1000, n) for r, t, n in clean]
    found = decoded(encode(samples))
    assert sorted(found, key=repr) == sorted(samples, key=repr)


async def test_everything_arrives_through_trouble() -> None:
    receiver, pauses = Receiver(says=[(503, {}), (429, {"Retry-After": "7"}), (500, {})]), Pauses()
    async with receiver.serving() as url:
        options = RemoteOptions(url=url, headers={"Authorization": "Bearer t"})
        forwarder = Forwarder(options, 1_000_000, sleep=pauses.sleep)
        forwarder.take([sample(n) for n in range(12_000)])
        forwarder.start()
        await until_quiet(forwarder, 12_000)
        await forwarder.close()
    assert [s.value for body in receiver.bodies for s in decoded(body)] == [*range(12_000)]
    assert pauses.asked == [1.0, 0.5, 7.0, 2.0]
    assert {(h["Authorization"], h["Content-Encoding"]) for h in receiver.headers} == {
        ("Bearer t", "snappy")
    }
    assert (forwarder.sent, forwarder.waiting, forwarder.dropped.total()) == (12_000, 0, 0)


async def test_what_is_refused_for_good_is_dropped_and_counted() -> None:
    receiver, pauses = Receiver(says=[(400, {})]), Pauses()
    async with receiver.serving() as url:
        forwarder = Forwarder(RemoteOptions(url=url), 1_000_000, sleep=pauses.sleep)
        forwarder.take([sample(n) for n in range(6_000)])
        forwarder.start()
        await until_quiet(forwarder, 6_000)
        await forwarder.close()
    assert (forwarder.sent, dict(forwarder.dropped)) == (1_000, {"refused": 5_000})


async def test_what_waits_at_a_stop_is_still_sent() -> None:
    receiver = Receiver()
    async with receiver.serving() as url:
        forwarder = Forwarder(RemoteOptions(url=url), 1_000_000, gather=0.1)
        forwarder.start()
        forwarder.take([sample(n) for n in range(7_000)])
        await forwarder.close()
    assert (forwarder.sent, forwarder.waiting) == (7_000, 0)


async def test_a_stop_does_not_wait_for_who_is_away() -> None:
    receiver, pauses = Receiver(says=[(503, {})] * 1_000), Pauses()
    async with receiver.serving() as url:
        forwarder = Forwarder(RemoteOptions(url=url), 1_000_000, sleep=pauses.sleep)
        forwarder.start()
        forwarder.take([sample(1)])
        while not pauses.asked[1:]:
            await asyncio.sleep(0.005)
        await forwarder.close()
    assert forwarder.sent == 0


def test_a_full_queue_drops_the_oldest() -> None:
    forwarder = Forwarder(RemoteOptions(url="http://nowhere/write"), 1_000)
    forwarder.take([sample(n) for n in range(1_200)])
    assert (forwarder.waiting, dict(forwarder.dropped)) == (1_000, {"queue full": 200})
    told = {
        (s.name, *s.labels.values()): s.value
        for family in forwarder.families()
        for s in family.samples
    }
    assert told == {
        ("tocsin_forward_waiting_samples",): 1_000,
        ("tocsin_forward_sent_samples_total",): 0,
        ("tocsin_forward_dropped_samples_total", "queue full"): 200,
        ("tocsin_forward_dropped_samples_total", "refused"): 0,
    }


async def test_only_what_was_stored_goes_on() -> None:
    forwarder = Forwarder(RemoteOptions(url="http://nowhere/write"), 1_000)

    async def append(_batch: Batch) -> Appended:
        return Appended(stored=1, stored_at=NOW, refused={"duplicate": 1}, fresh=[sample(1)])

    appended = await Forwarding(append, forwarder).append(Batch([sample(1), sample(1)]))
    assert (appended.stored, forwarder.waiting) == (1, 1)


async def test_a_real_prometheus_takes_it(tmp_path: Path) -> None:
    async with prometheus(tmp_path) as address:
        forwarder = Forwarder(RemoteOptions(url=f"{address}/api/v1/write"), 1_000, gather=0.0)
        forwarder.take([sample(n, job) for n in range(100) for job in ("api", 'ma"il')])
        forwarder.start()
        await until_quiet(forwarder, 200)
        await forwarder.close()
        assert (forwarder.sent, forwarder.dropped.total()) == (200, 0)
        metrics = RemoteMetrics(RemoteOptions(url=address))
        found = await metrics.instant("sum_over_time(up[10m])", NOW)
        await metrics.close()
    assert found.values.tolist() == [pytest.approx(4950.0)] * 2
