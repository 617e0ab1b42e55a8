"""OpenTelemetry's metrics over HTTP (OTLP 1.x): `POST /v1/metrics`, protobuf or JSON, gzip or not.

Names, units and labels follow Prometheus' own OTLP receiver, see `otlp_naming`. An export is what
one process or collector had to say, never known to be a whole scrape.
"""

import json
from collections.abc import Callable, Iterator

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from bot.ingest.format import Answers, BadPayload, Decode, IngestFormat, TooLarge
from bot.ingest.otlp_read import Origin, read_json, read_protobuf
from bot.ingest.otlp_samples import batch_of
from bot.ingest.protos.otlp_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
    Status,
)
from storage.model.sample import Batch

PROTOBUF, JSON = "application/x-protobuf", "application/json"
CODES = {400: 3, 401: 16, 403: 7, 408: 4, 413: 3, 415: 3, 429: 8, 503: 14}
"""HTTP status -> google.rpc.Code."""
INTERNAL = 13


def _decoder(read: Callable[[bytes], Iterator[Origin]]) -> Decode:
    def decode(body: bytes, limit: int) -> Batch:
        """All or nothing: raises BadPayload, TooLarge over `limit` bytes or 100,000 samples."""
        if len(body) > limit:
            raise TooLarge(f"the body has {len(body)} bytes; at most {limit} are taken")
        if not body:
            raise BadPayload("the body is empty; expected an ExportMetricsServiceRequest")
        return batch_of(read(body))

    return decode


def _taken(kind: str, refused: int, why: str) -> bytes:
    if not refused:
        return _written(kind, ExportMetricsServiceResponse())
    part = ExportMetricsPartialSuccess(rejected_data_points=refused, error_message=why)
    return _written(kind, ExportMetricsServiceResponse(partial_success=part))


def _fault(kind: str, status: int, why: str) -> bytes:
    return _written(kind, Status(code=CODES.get(status, INTERNAL), message=why))


def _written(kind: str, message: Message) -> bytes:
    if kind == JSON:
        return json.dumps(MessageToDict(message)).encode()
    return message.SerializeToString()


FORMAT = IngestFormat(
    name="otlp",
    path="/v1/metrics",
    readers={PROTOBUF: _decoder(read_protobuf), JSON: _decoder(read_json)},
    encodings=("", "gzip"),
    answers=Answers(taken=_taken, fault=_fault),
)
