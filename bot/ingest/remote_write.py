"""Prometheus remote write 1.0: `POST /api/v1/write`, snappy over protobuf.

What reads it takes 2 MiB, so it is loaded with the first request.
"""

from bot.ingest.format import IngestFormat
from storage.model.sample import Batch


def decode(body: bytes, limit: int) -> Batch:
    """Read a request as `bot/ingest/prometheus/write.py` does."""
    from bot.ingest.prometheus import write

    return write.decode(body, limit)


FORMAT = IngestFormat(
    name="remote_write",
    path="/api/v1/write",
    readers={"application/x-protobuf": decode},
    encodings=("snappy",),
)
