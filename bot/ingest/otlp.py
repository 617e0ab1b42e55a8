"""OpenTelemetry's metrics over HTTP (OTLP 1.x): `POST /v1/metrics`, protobuf or JSON, gzip or not.

Names, units and labels follow Prometheus' own OTLP receiver, see `opentelemetry/naming.py`. An
export is what one process or collector had to say, never known to be a whole scrape.

What reads and writes its messages takes 2 MiB, so it is loaded with the first export.
"""

import json
from typing import Any

from bot.ingest.format import Answers, BadPayload, Decode, IngestFormat, TooLarge
from storage.model.sample import Batch

PROTOBUF, JSON = "application/x-protobuf", "application/json"
CODES = {400: 3, 401: 16, 403: 7, 408: 4, 413: 3, 415: 3, 429: 8, 503: 14}
"""HTTP status -> google.rpc.Code."""
INTERNAL = 13


def _decoder(kind: str) -> Decode:
    def decode(body: bytes, limit: int) -> Batch:
        """All or nothing: raises BadPayload, TooLarge over `limit` bytes or 100,000 samples."""
        if len(body) > limit:
            raise TooLarge(f"the body has {len(body)} bytes; at most {limit} are taken")
        if not body:
            raise BadPayload("the body is empty; expected an ExportMetricsServiceRequest")
        from bot.ingest.opentelemetry.read import read_json, read_protobuf
        from bot.ingest.opentelemetry.samples import batch_of

        return batch_of(read_json(body) if kind == JSON else read_protobuf(body))

    return decode


def _taken(kind: str, refused: int, why: str) -> bytes:
    from bot.ingest.protos import otlp_pb2 as told

    if not refused:
        return _written(kind, told.ExportMetricsServiceResponse())
    part = told.ExportMetricsPartialSuccess(rejected_data_points=refused, error_message=why)
    return _written(kind, told.ExportMetricsServiceResponse(partial_success=part))


def _fault(kind: str, status: int, why: str) -> bytes:
    from bot.ingest.protos.otlp_pb2 import Status

    return _written(kind, Status(code=CODES.get(status, INTERNAL), message=why))


def _written(kind: str, message: Any) -> bytes:
    if kind == JSON:
        from google.protobuf.json_format import MessageToDict

        return json.dumps(MessageToDict(message)).encode()
    written: bytes = message.SerializeToString()
    return written


FORMAT = IngestFormat(
    name="otlp",
    path="/v1/metrics",
    readers={PROTOBUF: _decoder(PROTOBUF), JSON: _decoder(JSON)},
    encodings=("", "gzip"),
    answers=Answers(taken=_taken, fault=_fault),
)
