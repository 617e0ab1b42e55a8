"""Debian's Prometheus, Alertmanager and VictoriaMetrics, where they are installed."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import cramjam
import httpx
import pytest

from bot.ingest.protos.remote_write_pb2 import Label, TimeSeries
from storage.model.labels import Labels
from storage.model.sample import Sample


def program(name: str) -> str:
    """Return where a program is; without it the test is skipped, or fails where TOCSIN_CI=1."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed (Debian: apt install {name})"
        if os.environ.get("TOCSIN_CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@asynccontextmanager
async def prometheus(folder: Path) -> AsyncIterator[str]:
    """Run a Prometheus that takes remote write; gives its address."""
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    arguments = (
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.enable-remote-write-receiver",
        "--log.level=error",
    )
    async with _running("prometheus", "--web.listen-address", arguments, "/-/ready") as address:
        yield address


@asynccontextmanager
async def victoria_metrics(folder: Path) -> AsyncIterator[str]:
    """Run a single VictoriaMetrics; gives its address."""
    arguments = (
        f"-storageDataPath={folder / 'data'}",
        "-loggerLevel=ERROR",
        "-search.disableCache",
    )
    async with _running("victoria-metrics", "-httpListenAddr", arguments, "/health") as address:
        yield address


@asynccontextmanager
async def alertmanager(folder: Path, config: str) -> AsyncIterator[str]:
    """Run an Alertmanager with this configuration; gives its address."""
    written = folder / "alertmanager.yml"
    written.write_text(config)
    arguments = (
        f"--config.file={written}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
        "--log.level=error",
    )
    listen = "--web.listen-address"
    async with _running("prometheus-alertmanager", listen, arguments, "/-/ready") as address:
        yield address


async def show(address: str) -> None:
    """Let a VictoriaMetrics show what it took in, which it does a moment later by itself."""
    async with httpx.AsyncClient() as client:
        await client.get(f"{address}/internal/force_flush")


@asynccontextmanager
async def _running(
    name: str, listen: str, arguments: Sequence[str], ready: str
) -> AsyncIterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        program(name),
        *arguments,
        f"{listen}={host}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _answers(f"http://{host}{ready}", process)
        yield f"http://{host}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(address: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(600):
            assert process.returncode is None, f"ended with {process.returncode}"
            try:
                if (await client.get(address)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError(f"{address} does not answer")


async def remote_write(address: str, samples: Sequence[Sample]) -> None:
    """Send samples to `/api/v1/write`."""
    body = b""
    series: dict[Labels, list[Sample]] = {}
    for sample in samples:
        series.setdefault(sample.labels, []).append(sample)
    for labels, readings in series.items():
        written = TimeSeries()
        for name, value in labels:
            pair = Label(name=name.encode(), value=value.encode())
            written.labels.append(pair.SerializeToString())
        for reading in sorted(readings, key=lambda s: s.time):
            written.samples.add(value=reading.value, timestamp=round(reading.time * 1000))
        one = written.SerializeToString()
        body += b"\x0a" + _varint(len(one)) + one
    packed = bytes(cramjam.snappy.compress_raw(body))
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(f"{address}/api/v1/write", content=packed, headers=headers)
        assert answer.status_code in (200, 204), answer.text


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
