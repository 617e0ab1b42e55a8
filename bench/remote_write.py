"""Samples to a remote-write address, as Prometheus' own sender writes them."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp
import cramjam

from bot.ingest.protos.remote_write_pb2 import Label, Sample, TimeSeries

Reading = tuple[Mapping[str, str], float]
"""Labels (the metric's name among them) and a value."""

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


@dataclass(frozen=True, slots=True)
class Writer:
    """One sender on one kept connection."""

    session: aiohttp.ClientSession
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def write(self, readings: Iterable[Reading]) -> float:
        """Send readings taken now; return the monotonic second at which the 2xx was here.

        Raises RuntimeError with the answer where it is refused.
        """
        body = encoded(readings, round(time.time() * 1000))
        url = f"{self.address}/api/v1/write"
        async with self.session.post(url, data=body, headers={**HEADERS, **self.headers}) as answer:
            arrived = time.monotonic()
            if answer.status // 100 != 2:
                raise RuntimeError(f"{url}: {answer.status} {await answer.text()}")
        return arrived


def encoded(readings: Iterable[Reading], at: int) -> bytes:
    """Write a snappy-compressed WriteRequest. at: milliseconds since the Unix epoch."""
    request = b"".join(_field_one(_series(labels, value, at)) for labels, value in readings)
    return bytes(cramjam.snappy.compress_raw(request))


def _series(labels: Mapping[str, str], value: float, at: int) -> bytes:
    pairs = [
        Label(name=name.encode(), value=text.encode()).SerializeToString()
        for name, text in sorted(labels.items())
    ]
    series = TimeSeries(labels=pairs, samples=[Sample(value=value, timestamp=at)])
    return series.SerializeToString()


def _field_one(message: bytes) -> bytes:
    """Frame a message as field 1: WriteRequest.timeseries."""
    length, head = len(message), bytearray(b"\x0a")
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + message
