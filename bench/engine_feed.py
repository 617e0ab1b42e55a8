"""Series and remote-write bodies of the engine's benchmark, the same for every side."""

import asyncio
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import aiohttp
import cramjam
import numpy as np
import numpy.typing as npt

from bench.remote_write import HEADERS

LADDER = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf")
JOBS, INSTANCES_OF_A_JOB, PATHS = 20, 50, 10
"""Times ten buckets: 100,000 series, 100 of each instance."""

SAMPLES_A_REQUEST, CONNECTIONS = 2_000, 2
VALUE = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric of the benchmark: classic histograms of a fleet.

    encoded: the labels of each series as remote write frames them.
    """

    name: str
    encoded: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, series: int) -> "Family":
        """Build the first `series` series of the fleet."""
        return cls(name, tuple(map(_framed, islice(_fleet(name), series))))

    def values(self, moment: int) -> npt.NDArray[np.float64]:
        """Return what the counters have reached at the `moment`-th scrape.

        A tenth of all buckets never counted anything, as in life; ten of the series are loud.
        """
        series = len(self.encoded)
        pace = np.random.default_rng(7).poisson(20.0, series // len(LADDER) * len(LADDER))
        pace = np.cumsum(pace.reshape(-1, len(LADDER)), axis=1).astype(np.float64)
        pace[:, 0] = 0.0
        pace[:10, -1] = 1e6
        found: npt.NDArray[np.float64] = (pace * (moment + 1) + (pace > 0) * moment % 7).ravel()
        return found

    def bodies(self, moment: int, at: int) -> Iterator[bytes]:
        """Write one scrape as compressed requests. at: milliseconds since the Unix epoch."""
        stamp = b"\x10" + _varint(at)
        values = self.values(moment).tolist()
        for first in range(0, len(self.encoded), SAMPLES_A_REQUEST):
            last = first + SAMPLES_A_REQUEST
            part = zip(self.encoded[first:last], values[first:last], strict=True)
            series = (_delimited(b"\x0a", labels + _sample(v, stamp)) for labels, v in part)
            yield bytes(cramjam.snappy.compress_raw(b"".join(series)))


def _fleet(name: str) -> Iterator[list[tuple[str, str]]]:
    for number in range(JOBS * INSTANCES_OF_A_JOB):
        for path in range(PATHS):
            for bound in LADDER:
                yield [
                    ("__name__", name),
                    ("instance", f"10.1.{number // 250}.{number % 250}:9100"),
                    ("job", f"service-{number // INSTANCES_OF_A_JOB}"),
                    ("le", bound),
                    ("path", f"/api/v1/things/{path}"),
                ]


def _framed(pairs: Sequence[tuple[str, str]]) -> bytes:
    return b"".join(
        _delimited(
            b"\x0a", _delimited(b"\x0a", name.encode()) + _delimited(b"\x12", value.encode())
        )
        for name, value in pairs
    )


def _sample(value: float, stamp: bytes) -> bytes:
    """Frame a sample as Go does: a value of zero is left out."""
    return _delimited(b"\x12", (b"\x09" + VALUE.pack(value) if value else b"") + stamp)


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    head = bytearray()
    while number > 0x7F:
        head.append(number & 0x7F | 0x80)
        number >>= 7
    head.append(number)
    return bytes(head)


async def send(address: str, *scrapes: Sequence[bytes], token: str = "") -> float:
    """Post all bodies over `CONNECTIONS` kept connections; return the seconds it took.

    A scrape begins when the one before is answered for whole, as with a real sender: of two that
    are under way at once the later may come first, and Prometheus takes nothing out of order.
    Raises RuntimeError with the answer where a body is refused, in whole or in part.
    """

    async def post(session: aiohttp.ClientSession, waiting: Iterator[bytes]) -> None:
        for body in waiting:
            async with session.post(f"{address}/api/v1/write", data=body, headers=HEADERS) as got:
                if got.status != 204:
                    raise RuntimeError(f"{address}: {got.status} {await got.text()}")

    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(headers=bearer) as session:
        began = time.monotonic()
        for scrape in scrapes:
            waiting = iter(scrape)
            await asyncio.gather(*(post(session, waiting) for _ in range(CONNECTIONS)))
        return time.monotonic() - began
