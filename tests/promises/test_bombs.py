"""Bodies that are small on the wire and huge inside, at every door, while others are served."""

import asyncio
import gzip
import hmac
import io
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256

import aiohttp
import cramjam
import psutil
import pytest

import bot.doors
import bot.ingest
from bot.doors.door import Door
from bot.ingest.format import IngestFormat
from routing.plugins import collect
from tests.promises.conftest import Found
from tests.promises.tocsin import Tocsin, sample
from tests.promises.town import EDGE, town
from tests.vendors.process import Remote

MIB = 1 << 20
ZEROS, SPACES = bytes(64 * MIB), b" " * (64 * MIB)
WITHIN = {
    "lists": b"[" + b"[]," * (15 * MIB // 3) + b"[]]",
    "objects": b"[" + b"{}," * (15 * MIB // 3) + b"{}]",
    "few objects": b"[" + b"{}," * 99_000 + b"{}]",
    "few numbers": b"[" + b"1," * 199_000 + b"1]",
}
"""Within the limit of what a body may unpack to, but up to five million objects once read."""


@pytest.fixture
async def tocsin(found: Found, twilio: Remote) -> Tocsin:
    there = found(town(twilio))
    await there.start()
    return there


def packed(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def bombs() -> Iterator[tuple[str, str, dict[str, str], bytes]]:
    """Yield (what, path, headers, body) for every ingest format and every door there is."""
    flat, nested = packed(SPACES), packed(packed(SPACES))
    inside = [(what, packed(many)) for what, many in WITHIN.items()] + [("nested", nested)]
    for name, known in collect(bot.ingest, IngestFormat).items():
        for kind in known.readers:
            for encoding in filter(None, known.encodings):
                headers = {"Content-Type": kind, "Content-Encoding": encoding}
                body = flat if encoding == "gzip" else bytes(cramjam.snappy.compress_raw(ZEROS))
                yield f"{name} {kind} {encoding}", known.path, headers, body
                if "json" in kind:
                    for what, small in inside:
                        yield f"{name} {what}", known.path, headers, small
    for name, door in collect(bot.doors, Door).items():
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        for what, small in [("flat", flat), *inside]:
            yield f"{name} {what}", door.path.replace("{source}", "edge"), headers, small


async def test_bombs_at_every_door_cost_next_to_nothing(
    tocsin: Tocsin, session: aiohttp.ClientSession
) -> None:
    process, peaks = psutil.Process(tocsin.pid), list[int]()

    async def watch() -> None:
        while True:
            peaks.append(process.memory_info().rss)
            await asyncio.sleep(0.005)

    assert await tocsin.send([sample("level", 5, instance="a")]) == 204
    for _, path, headers, _ in bombs():  # what is loaded when it is first used
        await post(session, tocsin.url + path, headers, packed(b"[]"))
    before = process.memory_info().rss
    watching = asyncio.create_task(watch())
    tried = 0
    try:
        for what, path, headers, body in bombs():
            status, text = await post(session, tocsin.url + path, headers, body)
            now = max(peaks) - before
            print(f"{what}: {status}, {now / MIB:.0f} MiB")
            assert status in (400, 413), (what, status, text)
            assert status == 413 or not what.endswith(("flat", "gzip", "snappy")), (what, text)
            tried += 1
            assert (await tocsin.get("/-/healthy"))[0] == 200
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    print(f"{tried} bombs: at most {(max(peaks) - before) / MIB:.0f} MiB more")
    assert max(peaks) - before < 50 * MIB
    assert await tocsin.send([sample("level", 6, instance="a")]) == 204
    assert "Traceback" not in tocsin.log


async def post(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes
) -> tuple[int, str]:
    """Send a body with every proof that a door asks for."""
    proofs = {
        "Authorization": f"Bearer {EDGE}",
        "X-Hub-Signature-256": f"sha256={hmac.new(EDGE.encode(), body, sha256).hexdigest()}",
        "X-GitHub-Event": "deployment_status",
        "X-Gitlab-Token": EDGE,
        "X-Gitlab-Event": "Deployment Hook",
    }
    async with session.post(url, data=io.BytesIO(body), headers=proofs | headers) as answer:
        return answer.status, (await answer.text())[:300]
