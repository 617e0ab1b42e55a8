"""Samples -> the bytes of one remote-write request (Prometheus remote write 1.0)."""

import struct
from collections.abc import Iterable
from functools import lru_cache

import cramjam

from bot.ingest.protos.remote_write_pb2 import Label
from storage.model.labels import Labels
from storage.model.sample import Sample

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def encode(samples: Iterable[Sample]) -> bytes:
    """Write a request; of each series the samples are told by time."""
    series: dict[Labels, list[Sample]] = {}
    for sample in samples:
        series.setdefault(sample.labels, []).append(sample)
    written = bytearray()
    for labels, readings in series.items():
        one = bytearray(_labels(labels))
        for reading in sorted(readings, key=lambda sample: sample.time):
            one += _field(2, _reading(reading))
        written += _field(1, one)
    return bytes(cramjam.snappy.compress_raw(bytes(written)))


@lru_cache(maxsize=100_000)
def _labels(labels: Labels) -> bytes:
    pairs = (Label(name=name.encode(), value=value.encode()) for name, value in labels)
    return b"".join(_field(1, pair.SerializeToString()) for pair in pairs)


def _reading(sample: Sample) -> bytes:
    """Write one sample; the value always, as a field that is left out means 0."""
    milliseconds = round(sample.time * 1000) & (1 << 64) - 1
    return b"\x09" + struct.pack("<d", sample.value) + b"\x10" + _varint(milliseconds)


def _field(number: int, content: bytes | bytearray) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
