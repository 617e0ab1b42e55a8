"""The figures of the performance report: what each is, and which metrics give it unless configured.

A way to a figure is the name of a metric, or PromQL with places to fill in:

    $by      the label that tells services (or machines) apart; may stand for nothing
    $match   matchers that say which service is meant; may stand for nothing
    $window  how much time one point of a chart stands for, such as `900s`
    $failed  a matcher for what failed, by the label that the metric has for it
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.reports.amounts import Unit
from storage.errors import QueryError
from storage.model.labels import NAME, Matcher, MatchOp
from storage.promql.parse import parse
from storage.promql.tree import Selector, walk

SERVICE_LABELS = ("service", "app", "job")
"""Labels that name a service; the first one that a series has counts."""
MACHINE_LABELS = ("instance",)
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

FAILED: Mapping[str, str] = {
    "code": "5..",
    "status": "5..",
    "status_code": "5..",
    "http_status_code": "5..",
    "http_response_status_code": "5..",
    "response_code": "5..",
    "http_status": "5..",
    "grpc_code": "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss",
    "rpc_grpc_status_code": "2|4|12|13|14|15",
    "outcome": "SERVER_ERROR",
}
"""Label of a request's end -> its values where the server is at fault."""


class Kind(StrEnum):
    """How a metric's name becomes a query. BUCKETS: those of a classic histogram."""

    COUNTER = "counter"
    FAILED = "failed"
    GAUGE = "gauge"
    BUCKETS = "buckets"
    PROMQL = "PromQL"


QUERIES: Mapping[Kind, str] = {
    Kind.COUNTER: "sum by ($by) (rate(METRIC{$match}[$window]))",
    Kind.FAILED: "sum by ($by) (rate(METRIC{$failed,$match}[$window]))",
    Kind.GAUGE: "sum by ($by) (avg_over_time(METRIC{$match}[$window]))",
    Kind.BUCKETS: "sum by ($by,le) (rate(METRIC{$match}[$window]))",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure.

    ways:  where it comes from unless configured; of each service the first that has data counts.
    last:  the last value counts, not the mean: of what only fills up.
    """

    title: str
    unit: Unit
    kind: Kind
    ways: tuple[str, ...] = ()
    last: bool = False


_REQUESTS = (
    "http_requests_total",
    "http_request_duration_seconds_count",  # client_golang, prom-client, starlette, ...
    "http_server_requests_seconds_count",  # Micrometer, Spring Boot
    "http_server_request_duration_seconds_count",  # OpenTelemetry
    "http_server_duration_milliseconds_count",  # OpenTelemetry before 1.23
    "grpc_server_handled_total",
    "rpc_server_duration_milliseconds_count",
    "flask_http_request_total",
    "traefik_service_requests_total",
)
_BUCKETS = (
    "http_request_duration_seconds_bucket",
    "http_server_requests_seconds_bucket",
    "http_server_request_duration_seconds_bucket",
    "http_server_duration_milliseconds_bucket",
    "grpc_server_handling_seconds_bucket",
    "rpc_server_duration_milliseconds_bucket",
    "flask_http_request_duration_seconds_bucket",
    "traefik_service_request_duration_seconds_bucket",
)

SERVICE_FIGURES: Mapping[str, Figure] = {
    "requests": Figure(title="Requests", unit=Unit.PER_SECOND, kind=Kind.COUNTER, ways=_REQUESTS),
    "failures": Figure(title="Failed", unit=Unit.PER_SECOND, kind=Kind.FAILED, ways=_REQUESTS),
    "buckets": Figure(title="Latency", unit=Unit.SECONDS, kind=Kind.BUCKETS, ways=_BUCKETS),
    **{name: Figure(title=name, unit=Unit.SECONDS, kind=Kind.GAUGE) for name in QUANTILES},
    "cpu": Figure(
        title="CPU",
        unit=Unit.CORES,
        kind=Kind.COUNTER,
        ways=("process_cpu_seconds_total", "process_cpu_time_seconds_total"),
    ),
    "memory": Figure(
        title="Memory",
        unit=Unit.BYTES,
        kind=Kind.GAUGE,
        ways=(
            "process_resident_memory_bytes",
            "process_memory_usage_bytes",
            "jvm_memory_used_bytes",
        ),
    ),
    "network_in": Figure(
        title="Network in",
        unit=Unit.BYTES_PER_SECOND,
        kind=Kind.COUNTER,
        ways=("process_network_receive_bytes_total",),
    ),
    "network_out": Figure(
        title="Network out",
        unit=Unit.BYTES_PER_SECOND,
        kind=Kind.COUNTER,
        ways=("process_network_transmit_bytes_total",),
    ),
}

_DEVICES = 'device!~"lo|veth.*|docker.*|br-.*|cali.*|flannel.*|cni.*"'
_DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|nsfs|fuse.*"'


def _machines(of_node_exporter: str, also: str = "") -> tuple[str, str]:
    """Return the way by node_exporter's names, and by those of our own sampler."""
    return of_node_exporter, also or of_node_exporter.replace("node_", "host_")


MACHINE_FIGURES: Mapping[str, Figure] = {
    "machine_cpu": Figure(
        title="CPU",
        unit=Unit.RATIO,
        kind=Kind.PROMQL,
        ways=_machines(
            '1 - avg by ($by) (rate(node_cpu_seconds_total{mode="idle",$match}[$window]))'
        ),
    ),
    "machine_memory": Figure(
        title="Memory",
        unit=Unit.RATIO,
        kind=Kind.PROMQL,
        ways=_machines(
            "1 - avg by ($by) (avg_over_time(node_memory_MemAvailable_bytes{$match}[$window]))"
            " / avg by ($by) (node_memory_MemTotal_bytes{$match} > 0)",
            "1 - avg by ($by) (avg_over_time(host_memory_available_bytes{$match}[$window]))"
            " / avg by ($by) (host_memory_total_bytes{$match} > 0)",
        ),
    ),
    "machine_disk": Figure(
        title="Fullest disk",
        unit=Unit.RATIO,
        kind=Kind.PROMQL,
        last=True,
        ways=_machines(
            f"max by ($by) (1 - node_filesystem_avail_bytes{{{_DISKS},$match}}"
            f" / (node_filesystem_size_bytes{{{_DISKS},$match}} > 0))"
        ),
    ),
    "machine_network_in": Figure(
        title="Network in",
        unit=Unit.BYTES_PER_SECOND,
        kind=Kind.PROMQL,
        ways=_machines(
            f"sum by ($by) (rate(node_network_receive_bytes_total{{{_DEVICES},$match}}[$window]))"
        ),
    ),
    "machine_network_out": Figure(
        title="Network out",
        unit=Unit.BYTES_PER_SECOND,
        kind=Kind.PROMQL,
        ways=_machines(
            f"sum by ($by) (rate(node_network_transmit_bytes_total{{{_DEVICES},$match}}[$window]))"
        ),
    ),
}
FIGURES: Mapping[str, Figure] = {**SERVICE_FIGURES, **MACHINE_FIGURES}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWays:
    """How one service is found, where its labels do not say it.

    match:    what its series have; empty: the labels that name services.
    machines: what the series of its machines have; empty: all machines are shown.
    figures:  ways of its own.
    """

    match: tuple[Matcher, ...] = ()
    machines: tuple[Matcher, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What the configuration says about the performance report; every default stands here.

    top: services and machines that are shown; the others are counted.
    """

    service_labels: tuple[str, ...] = SERVICE_LABELS
    top: int = 10
    figures: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, ServiceWays] = field(default_factory=dict)


_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SLOT = re.compile(r"\$(by|match|window|failed)\b(\s*,)?")


def own_way(figures: Mapping[str, str], name: str) -> str:
    """Return the configured way to a figure; empty where there is none.

    What failed is looked for in the metric that counts the requests, if nothing else is said.
    """
    counted = figures.get("requests", "").strip()
    implied = counted if name == "failures" and _NAME.fullmatch(counted) else ""
    return figures.get(name, "") or implied


def template(way: str, kind: Kind) -> str:
    """Return the PromQL of a way, its places still open."""
    written = way.strip()
    if kind in QUERIES and _NAME.fullmatch(written):
        return QUERIES[kind].replace("METRIC", written)
    return written


def filled(
    opened: str, *, by: str = "", match: str = "", window: int = 60, failed: str = ""
) -> str:
    """Fill the places of a template in; what stands for nothing takes its comma along."""
    values = {"by": by, "match": match, "window": f"{window}s", "failed": failed}
    return _SLOT.sub(lambda slot: values[slot[1]] and values[slot[1]] + (slot[2] or ""), opened)


def metrics_of(opened: str) -> tuple[str, ...]:
    """Return the metrics that a template selects, in order; raises QueryError where it is wrong."""
    expr = parse(filled(opened, by="x", match='x=""', failed='x=""'))
    found = dict.fromkeys(
        matcher.value
        for part in walk(expr)
        if isinstance(part, Selector)
        for matcher in part.matchers
        if matcher.name == NAME and matcher.op is MatchOp.EQUAL
    )
    if not found:
        raise QueryError("found no metric by its name in it; expected one at least")
    return tuple(found)


def failed_matcher(labels: Sequence[str]) -> str:
    """Return what tells failed requests of a metric with these labels; empty: nothing does."""
    for label, values in FAILED.items():
        if label in labels:
            return f'{label}=~"{values}"'
    return ""


def scale_of(metrics: Sequence[str]) -> float:
    """Return what makes seconds of the bounds of these buckets."""
    return 0.001 if any("_milliseconds" in name for name in metrics) else 1.0
