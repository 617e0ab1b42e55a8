"""Ingest over HTTP: who may, what, how much; 2xx means stored, anything else means nothing was."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cramjam
import httpx
import pytest
from structlog.testing import capture_logs

from bot.ingest.protos.remote_write_pb2 import Label, Sample, TimeSeries
from bot.intake import Intake
from bot.web.parts import Limits
from storage.clock import SystemClock
from storage.errors import StorageUnavailable
from storage.model.labels import Matcher, MatchOp
from storage.model.sample import Appended, Batch
from storage.series.local import LocalSeries, SeriesOptions
from storage.series.options import SourceLimits
from tests.bot.web.conftest import Serve, Stage

TOKENS = {"shop": "a-token-for-the-shop", "edge": "another-token-for-edge"}
JSON = {"Content-Type": "application/json"}
WRITE = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}


def entry(value: float = 1.0, *, age: float = 0.0, name: str = "up") -> dict[str, Any]:
    return {"name": name, "time": time.time() - age, "value": value}


def written(value: float = 1.0, *, age: float = 0.0) -> bytes:
    label = Label(name=b"__name__", value=b"up").SerializeToString()
    sample = Sample(timestamp=int((time.time() - age) * 1000), value=value)
    series = TimeSeries(labels=[label], samples=[sample]).SerializeToString()
    body = b"\x0a" + bytes([len(series)]) + series
    return bytes(cramjam.snappy.compress_raw(body))


def stored(stage: Stage, name: str = "up") -> int:
    named = Matcher("__name__", MatchOp.EQUAL, name)
    found = stage.series.select([named], time.time() - 600, time.time() + 600)
    return int(found.count.sum())


async def test_json_is_stored_then_judged(serve: Serve, stage: Stage) -> None:
    client = await serve()
    body = {"complete": True, "samples": [entry()]}
    answer = await client.post("/ingest/json", json=body)
    await stage.intake.drain()
    assert (answer.status_code, answer.content) == (204, b"")
    assert stored(stage) == 1
    [(source, appended, complete)] = stage.judge.arrivals
    assert (source, appended.stored, complete) == ("local", 1, True)


async def test_remote_write_is_stored(serve: Serve, stage: Stage) -> None:
    client = await serve()
    answer = await client.post("/api/v1/write", content=written(0.0), headers=WRITE)
    assert answer.status_code == 204
    assert stored(stage) == 1


async def test_old_samples_are_told_and_the_others_stored(serve: Serve, stage: Stage) -> None:
    client = await serve()
    body = [entry(), entry(age=100_000, name="ancient")]
    with capture_logs() as logs:
        answer = await client.post("/ingest/json", json=body)
        again = await client.post("/ingest/json", json=[entry(age=100_000, name="ancient")])
    told = answer.json()
    assert answer.status_code == again.status_code == 200
    assert (told["stored"], told["refused"]) == (1, {"too_old": 1})
    assert "ancient" in told["examples"]["too_old"]
    assert stored(stage) == 1
    assert [line["event"] for line in logs] == ["samples refused"]


PROTOBUF = {"Content-Type": "application/x-protobuf"}
SECOND = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
BOMB = bytes(cramjam.snappy.compress_raw(bytes(3 << 20)))
WRONG: dict[str, tuple[str, dict[str, str], bytes, int]] = {
    "bad JSON": ("/ingest/json", JSON, b"{", 400),
    "bad snappy": ("/api/v1/write", WRITE, b"hello", 400),
    "no type": ("/ingest/json", {}, b"[]", 415),
    "wrong type": ("/ingest/json", {"Content-Type": "text/csv"}, b"[]", 415),
    "not gzip": ("/ingest/json", {**JSON, "Content-Encoding": "gzip"}, b"[]", 400),
    "br": ("/ingest/json", {**JSON, "Content-Encoding": "br"}, b"[]", 415),
    "no snappy": ("/api/v1/write", PROTOBUF, written(), 415),
    "remote write 2": ("/api/v1/write", {**WRITE, **SECOND}, written(), 415),
    "claims four GiB": ("/api/v1/write", WRITE, b"\xff\xff\xff\xff\x0f\x00\x00", 413),
    "bursts": ("/api/v1/write", WRITE, BOMB, 413),
    "too large": ("/ingest/json", JSON, b" " * 70_000, 413),
}


async def test_what_is_wrong_is_answered_with_a_reason(serve: Serve, stage: Stage) -> None:
    client = await serve(limits=Limits(body_bytes=65_536, unpacked_bytes=1 << 20))
    for what, (path, headers, content, status) in WRONG.items():
        answer = await client.post(path, content=content, headers=headers)
        assert (what, answer.status_code) == (what, status)
        assert answer.json()["error"]
    assert stage.judge.arrivals == []


class Counting:
    """Counts what is turned away."""

    def __init__(self) -> None:
        self.away: Counter[tuple[str, str]] = Counter()

    def heard(self, source: str, appended: Appended, ignored: Mapping[str, int]) -> None:
        pass

    def turned_away(self, source: str, reason: str) -> None:
        self.away[source, reason] += 1


async def test_a_source_may_have_a_narrower_door_and_all_refusals_are_counted(
    serve: Serve, stage: Stage
) -> None:
    counting = Counting()
    intake = Intake(stage.series, stage.judge, counting)
    client = await serve(intake=intake, ingest_tokens=TOKENS, body_bytes={"edge": 1000})

    async def send(source: str, content: bytes) -> httpx.Response:
        headers = {**JSON, "Authorization": f"Bearer {TOKENS[source]}"}
        return await client.post("/ingest/json", content=content, headers=headers)

    padded = json.dumps([entry()]).encode() + b" " * 1000
    assert (await send("shop", padded)).status_code == 204
    refused = await send("edge", padded)
    assert refused.status_code == 413
    said = f"the body has {len(padded)} bytes; at most 1000 are taken from edge"
    assert refused.json() == {"error": said}
    assert (await send("edge", b"{")).status_code == 400
    assert counting.away == {("edge", "too_large"): 1, ("edge", "unreadable"): 1}


async def test_a_body_without_a_length_is_cut_off(serve: Serve) -> None:
    client = await serve(limits=Limits(body_bytes=1000))

    async def endless() -> Any:
        for _ in range(50):
            yield b" " * 100

    answer = await client.post("/ingest/json", content=endless(), headers=JSON)
    assert answer.status_code == 413


async def test_a_slow_body_is_given_up(serve: Serve) -> None:
    client = await serve(limits=Limits(body_seconds=0.05))
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    head = "POST /ingest/json HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n"
    writer.write((head.format(client.base_url.port) + "Content-Length: 10\r\n\r\n[").encode())
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    good = await client.post("/ingest/json", json=[entry()])
    assert good.status_code == 204


BEARERS: dict[bytes | None, int] = {
    None: 401,
    b"Basic c2hvcDp4": 401,
    b"Bearer": 401,
    b"Bearer a-token-for-the-shoq": 403,
    b"Bearer a-token-for-the-sho": 403,
    b"Bearer \xfc": 403,
    b"bearer a-token-for-the-shop": 204,
}


async def test_a_token_is_needed(serve: Serve, stage: Stage) -> None:
    client = await serve(ingest_tokens=TOKENS)
    for bearer, status in BEARERS.items():
        headers = {b"Authorization": bearer} if bearer is not None else {}
        with capture_logs() as logs:
            answer = await client.post("/ingest/json", json=[entry()], headers=headers)
        assert (bearer, answer.status_code) == (bearer, status)
        assert ("www-authenticate" in answer.headers) == (status == 401)
        assert "a-token" not in json.dumps([logs, answer.text])
    await stage.intake.drain()
    assert [source for source, *_ in stage.judge.arrivals] == ["shop"]


async def test_beyond_loopback_nothing_is_taken_without_a_token(serve: Serve) -> None:
    client = await serve(listens_on="0.0.0.0", open_sources=["prometheus"])
    assert (await client.post("/ingest/json", json=[entry()])).status_code == 401


@pytest.mark.parametrize(
    ("open_sources", "said", "status", "source"),
    [
        (["prometheus"], None, 204, "prometheus"),
        (["prometheus", "edge"], "edge", 204, "edge"),
        (["prometheus", "edge"], None, 204, "local"),
        (["prometheus"], "shop", 403, None),
    ],
)
async def test_over_loopback_a_source_may_go_without_a_token(
    serve: Serve,
    stage: Stage,
    open_sources: list[str],
    said: str | None,
    status: int,
    source: str | None,
) -> None:
    client = await serve(ingest_tokens={"shop": TOKENS["shop"]}, open_sources=open_sources)
    headers = {"X-Tocsin-Source": said} if said else {}
    answer = await client.post("/ingest/json", json=[entry()], headers=headers)
    await stage.intake.drain()
    assert answer.status_code == status
    assert [who for who, *_ in stage.judge.arrivals] == ([source] if source else [])


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_a_foreign_page_cannot_send(serve: Serve, headers: dict[str, str]) -> None:
    client = await serve()
    assert (await client.post("/ingest/json", json=[entry()], headers=headers)).status_code == 403


class SlowStore:
    """Takes what comes once the gate is open."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.gate, self.waiting, self.fault = asyncio.Event(), 0, fault

    async def append(self, batch: Batch) -> Appended:
        if self.fault:
            raise self.fault
        self.waiting += 1
        await self.gate.wait()
        return Appended(stored=len(batch.samples), stored_at=time.time())


async def test_a_full_house_says_come_later(serve: Serve, stage: Stage) -> None:
    store = SlowStore()
    intake = Intake(store, stage.judge)
    client = await serve(
        intake=intake, ingest_tokens=TOKENS, limits=Limits(requests=3, requests_a_source=2)
    )

    async def send(source: str) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {TOKENS[source]}"}
        return await client.post("/ingest/json", json=[entry()], headers=bearer)

    async def sending(source: str) -> asyncio.Task[httpx.Response]:
        before, task = store.waiting, asyncio.create_task(send(source))
        while store.waiting == before:
            await asyncio.sleep(0.005)
        return task

    tasks = [await sending("shop"), await sending("shop")]
    greedy = await send("shop")
    tasks.append(await sending("edge"))
    full = await send("edge")
    store.gate.set()
    assert [answer.status_code for answer in await asyncio.gather(*tasks)] == [204] * 3
    assert (greedy.status_code, full.status_code) == (429, 503)
    assert greedy.headers["retry-after"] == full.headers["retry-after"] == "1"
    await intake.drain()
    assert (await send("shop")).status_code == 204


async def test_a_large_body_takes_several_places_and_gets_in_alone(
    serve: Serve, stage: Stage
) -> None:
    store = SlowStore()
    limits = Limits(requests=3, requests_a_source=3)
    client = await serve(intake=Intake(store, stage.judge), limits=limits)
    large, kind = json.dumps([entry()]) + " " * (1 << 20), {"Content-Type": "application/json"}
    first = asyncio.create_task(client.post("/ingest/json", content=large, headers=kind))
    while not store.waiting:
        await asyncio.sleep(0.005)
    answer = await client.post("/ingest/json", json=[entry()])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    store.gate.set()
    assert (await first).status_code == 204


async def test_a_disk_that_refuses_is_told(serve: Serve, stage: Stage) -> None:
    store = SlowStore(StorageUnavailable("the disk is full"))
    client = await serve(intake=Intake(store, stage.judge))
    with capture_logs():
        answer = await client.post("/ingest/json", json=[entry()])
    assert (answer.status_code, answer.json()) == (503, {"error": "the disk is full"})
    assert "retry-after" in answer.headers


async def test_nothing_is_taken_while_shutting_down(serve: Serve, stage: Stage) -> None:
    client = await serve(is_accepting=lambda: False)
    answer = await client.post("/ingest/json", json=[entry()])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert stored(stage) == 0


@asynccontextmanager
async def opened_store(folder: Path, options: SeriesOptions) -> AsyncIterator[LocalSeries]:
    series = await LocalSeries.open(folder / "few", options, SystemClock())
    yield series
    await series.close()


async def test_a_label_bomb_is_told_and_leaves_room_for_the_others(
    serve: Serve, stage: Stage, tmp_path: Path
) -> None:
    options = SeriesOptions(limits_of=lambda name: SourceLimits(series={"wild": 5}.get(name)))
    async with opened_store(tmp_path, options) as series:
        client = await serve(
            intake=Intake(series, stage.judge),
            open_sources=("wild", "tame"),
        )
        bomb = [{**entry(), "labels": {"user": str(n)}} for n in range(500)]
        wild, tame = {"X-Tocsin-Source": "wild"}, {"X-Tocsin-Source": "tame"}
        told = (await client.post("/ingest/json", json=bomb, headers=wild)).json()
        assert (told["stored"], told["refused"]) == (5, {"source_limit": 495})
        assert "wild has its 5 already; known ones go on" in told["examples"]["source_limit"]
        known = [{**entry(2.0), "labels": {"user": "0"}}]
        assert (await client.post("/ingest/json", json=known, headers=wild)).status_code == 204
        other = [{**entry(), "labels": {"host": str(n)}} for n in range(50)]
        assert (await client.post("/ingest/json", json=other, headers=tame)).status_code == 204
        assert series.stats().by_source == {"wild": 5, "tame": 50}
