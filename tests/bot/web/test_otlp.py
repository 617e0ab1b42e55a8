"""OpenTelemetry's own SDK and exporter against the running server."""

import asyncio
import gzip
import json
import time
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import Resource

from bot.ingest.protos.otlp_pb2 import Status
from bot.web.parts import Limits
from storage.model.labels import Matcher, MatchOp
from tests.bot.ingest.otlp_export import as_json, export, gauge, number
from tests.bot.web.conftest import Serve, Stage

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


def stored(stage: Stage) -> dict[str, float]:
    every = Matcher("__name__", MatchOp.REGEX, ".+")
    found = stage.series.select([every], time.time() - 600, time.time() + 600)
    last = found.values[range(len(found.labels)), found.count - 1]
    return {str(labels): float(value) for labels, value in zip(found.labels, last, strict=True)}


def measured() -> Any:
    """Measure with the SDK; return what its exporter is given."""
    reader = InMemoryMetricReader()
    about = Resource({"service.name": "api", "service.instance.id": "a-1", "host.name": "web1"})
    provider = MeterProvider([reader], resource=about)
    meter = provider.get_meter("shop")
    meter.create_counter("http.requests", unit="{request}").add(3, {"http.method": "GET"})
    meter.create_up_down_counter("queue.size").add(-2)
    meter.create_gauge("cpu.utilization", unit="1").set(0.5)
    latency = meter.create_histogram(
        "latency", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0]
    )
    for seconds in (0.05, 0.5, 5.0):
        latency.record(seconds)
    told = reader.get_metrics_data()
    provider.shutdown()
    return told


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.NoCompression])
async def test_what_the_sdk_measures_is_stored(
    serve: Serve, stage: Stage, compression: Compression
) -> None:
    client = await serve()
    exporter = OTLPMetricExporter(
        endpoint=f"{client.base_url}/v1/metrics", compression=compression, timeout=10
    )
    try:
        assert await asyncio.to_thread(exporter.export, measured()) is MetricExportResult.SUCCESS
    finally:
        exporter.shutdown()
    who = 'instance="a-1", job="api"'
    found = stored(stage)
    info = [labels for labels in found if labels.startswith("target_info")]
    assert 'host_name="web1"' in info[0]
    assert {labels: value for labels, value in found.items() if labels not in info} == {
        f'http_requests_total{{http_method="GET", {who}}}': 3.0,
        f"queue_size{{{who}}}": -2.0,
        f"cpu_utilization_ratio{{{who}}}": 0.5,
        'latency_seconds_bucket{instance="a-1", job="api", le="0.1"}': 1.0,
        'latency_seconds_bucket{instance="a-1", job="api", le="1"}': 2.0,
        'latency_seconds_bucket{instance="a-1", job="api", le="+Inf"}': 3.0,
        f"latency_seconds_count{{{who}}}": 3.0,
        f"latency_seconds_sum{{{who}}}": 5.55,
    }
    await stage.intake.drain()
    [(source, _, complete)] = stage.judge.arrivals
    assert (source, complete) == ("local", False)


def loads(*ages: float) -> Any:
    """Build an export of one gauge, measured so many seconds ago."""
    points = [number(1.0, age=str(age)) for age in ages]
    for point, age in zip(points, ages, strict=True):
        point.time_unix_nano = int((time.time() - age) * 1e9)
    return export(gauge("load", *points))


async def send(client: httpx.AsyncClient, request: Any, kind: str) -> httpx.Response:
    body = as_json(request) if kind == JSON["Content-Type"] else request.SerializeToString()
    packed = {"Content-Type": kind, "Content-Encoding": "gzip"}
    return await client.post("/v1/metrics", content=gzip.compress(body), headers=packed)


async def test_protobuf_is_answered_in_protobuf(serve: Serve, stage: Stage) -> None:
    client = await serve()
    good = await send(client, loads(0.0), "application/x-protobuf")
    assert (good.status_code, good.content) == (200, b"")
    assert good.headers["content-type"] == "application/x-protobuf"
    part = await send(client, loads(1.0, 90_000.0), "application/x-protobuf")
    told = ExportMetricsServiceResponse.FromString(part.content).partial_success
    assert (part.status_code, told.rejected_data_points) == (200, 1)
    assert told.error_message.startswith("1 too_old: load{")
    assert len(stored(stage)) == 2


async def test_json_is_answered_in_json(serve: Serve, stage: Stage) -> None:
    client = await serve()
    good = await send(client, loads(0.0), "application/json")
    assert (good.status_code, good.json()) == (200, {})
    part = await send(client, loads(90_000.0), "application/json")
    assert part.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    assert len(stored(stage)) == 1


async def test_faults_are_told_in_the_protocols_own_words(serve: Serve) -> None:
    client = await serve(limits=Limits(body_bytes=65_536, unpacked_bytes=1 << 20))
    bad = await client.post("/v1/metrics", content=b"\xff", headers=PROTOBUF)
    assert (bad.status_code, bad.headers["content-type"]) == (400, "application/x-protobuf")
    status = Status.FromString(bad.content)
    assert (status.code, "cut off" in status.message) == (3, True)
    told = await client.post("/v1/metrics", content=b"{", headers=JSON)
    assert (told.status_code, json.loads(told.content)["code"]) == (400, 3)
    bomb = gzip.compress(bytes(4 << 20))
    packed = {**PROTOBUF, "Content-Encoding": "gzip"}
    assert (await client.post("/v1/metrics", content=bomb, headers=packed)).status_code == 413
    snappy = {**PROTOBUF, "Content-Encoding": "snappy"}
    assert (await client.post("/v1/metrics", content=b"", headers=snappy)).status_code == 415
    text = {"Content-Type": "text/plain"}
    other = await client.post("/v1/metrics", content=b"", headers=text)
    assert (other.status_code, "error" in other.json()) == (415, True)


async def test_a_token_is_needed_where_sources_have_one(serve: Serve, stage: Stage) -> None:
    client = await serve(ingest_tokens={"collector": "a-token-of-some-length"})
    refused = await send(client, loads(0.0), "application/x-protobuf")
    assert (refused.status_code, Status.FromString(refused.content).code) == (401, 16)
    client.headers["Authorization"] = "Bearer a-token-of-some-length"
    assert (await send(client, loads(0.0), "application/x-protobuf")).status_code == 200
    await stage.intake.drain()
    assert [source for source, _, _ in stage.judge.arrivals] == ["collector"]
