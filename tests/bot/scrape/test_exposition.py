"""What targets expose is read as Prometheus reads it; what is broken is refused as a whole."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from bot.scrape.exposition import Exposed, Reader, Unreadable
from storage.model.labels import NAME, Labels

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def plain(name: str, labels: dict[str, str]) -> Labels:
    return Labels.of({**labels, NAME: name})


def read(text: str, kind: str = TEXT, most: int = 1_000) -> Exposed:
    return Reader(plain, most).read(text.encode(), kind)


def shown(exposed: Exposed) -> dict[str, float]:
    return {str(labels): value for labels, value in exposed.samples}


def test_the_text_format_as_documented() -> None:
    text = r"""# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_access_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="1"} 133988
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.5"} 4773
rpc_duration_seconds{ quantile = "1" , } 5
"""
    exposed = read(text)
    assert shown(exposed) == {
        'http_requests_total{code="200", method="post"}': 1027.0,
        'http_requests_total{code="400", method="post"}': 3.0,
        r'msdos_access_seconds{error="Cannot find file:\n\"FILE.TXT\"", '
        r'path="C:\\DIR\\FILE.TXT"}': 1.458255915e9,
        "metric_without_timestamp_and_labels": 12.47,
        'something_weird{problem="division by zero"}': math.inf,
        'http_request_duration_seconds_bucket{le="0.05"}': 24054.0,
        'http_request_duration_seconds_bucket{le="1.0"}': 133988.0,
        'http_request_duration_seconds_bucket{le="+Inf"}': 144320.0,
        "http_request_duration_seconds_sum": 53423.0,
        "http_request_duration_seconds_count": 144320.0,
        'rpc_duration_seconds{quantile="0.5"}': 4773.0,
        'rpc_duration_seconds{quantile="1.0"}': 5.0,
    }
    assert exposed.times[:3] == [1395066363.0, 1395066363.0, None]
    assert exposed.times[4] == -3982.045
    assert exposed.metadata["http_requests_total"] == {
        "type": "counter",
        "help": "The total number of HTTP requests.",
        "unit": "",
    }


def test_openmetrics() -> None:
    text = """# TYPE jobs counter
# UNIT jobs seconds
# HELP jobs A \\"help\\" with \\\\ and \\n.
jobs_total{a="x # y"} 17 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67
jobs_created{a="x # y"} 1520430000.123
# TYPE h histogram
h_bucket{le="1"} 3 # {} 0.5
# EOF
"""
    exposed = read(text, OPENMETRICS)
    assert shown(exposed) == {
        'jobs_total{a="x # y"}': 17.0,
        'jobs_created{a="x # y"}': 1520430000.123,
        'h_bucket{le="1.0"}': 3.0,
    }
    assert exposed.times == [1520879607.789, None, None]
    assert exposed.metadata["jobs"]["unit"] == "seconds"
    assert exposed.metadata["jobs"]["help"] == 'A "help" with \\ and \n.'
    with pytest.raises(Unreadable, match="# EOF"):
        read(text.removesuffix("# EOF\n"), OPENMETRICS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("up 1\nup one\n", "line 2: 'one': expected a number"),
        ("up 1_000\n", "line 1: '1_000': expected a number"),
        ("up\n", "line 1: 'up': expected a series and its value"),
        ("2up 1\n", "line 1: '2up 1': expected a series"),
        ('up{a="b} 1\n', "expected a series"),
        ('up{a="b",a="c"} 1\n', "line 1: up: the label a comes twice"),
        ("up{a=b} 1\n", "expected a label"),
        ('up{a="b"c="d"} 1\n', "expected a label"),
        ("up 1 soon\n", "line 1: 'soon': expected a number"),
        ("up 1 2 3\n", "expected a series and its value"),
        ("up12\n", "expected a series and its value"),
        ("<html><body>no</body></html>", "line 1: '<html>"),
        ("a 1\nb 1\nc 1\n", "line 3: more than 2 samples; see sample_limit"),
    ],
)
def test_what_is_broken_is_refused_whole(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(text, most=2)


def test_not_utf8() -> None:
    with pytest.raises(Unreadable, match="not UTF-8 at byte 6"):
        Reader(plain, 10).read(b'up{a="\xff"} 1\n', TEXT)


def test_a_series_is_taken_apart_once_and_forgotten_when_it_is_gone() -> None:
    taken: list[str] = []

    def noting(name: str, labels: dict[str, str]) -> Labels:
        taken.append(name)
        return plain(name, labels)

    reader = Reader(noting, 10)
    for body in (b'a{b="c d"} 1\nx 2\n', b'a{b="c d"} 3\nx 4\n', b"x 5\n", b'a{b="c d"} 6\n'):
        reader.read(body, TEXT)
    assert taken == ["a", "x", "a"]


def exposed_by_client(registry: CollectorRegistry) -> dict[str, float]:
    return {
        str(plain(sample.name, sample.labels)): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def measured() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("hits", "Hits.", ["path"], registry=registry).labels('/"a\\b\n').inc(3)
    Gauge("load", "Load.", registry=registry).set(-0.25)
    histogram = Histogram("took_seconds", "Took.", buckets=(0.1, 1, 1e7), registry=registry)
    histogram.observe(0.5)
    Summary("size_bytes", "Size.", registry=registry).observe(3)
    return registry


def test_agrees_with_the_client_that_exposes() -> None:
    registry = measured()
    told = exposed_by_client(registry)
    assert shown(read(generate_latest(registry).decode())) == told
    assert shown(read(generate_openmetrics(registry).decode(), OPENMETRICS)) == told


names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,5}", fullmatch=True)
keys = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True).filter(
    lambda key: not key.startswith("__")
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\x85\x0b\x0c\x1c\x1d\x1e"
                              "\u2028\u2029"), max_size=8)  # fmt: skip
spaces = st.sampled_from(["", " ", "\t"])


@st.composite
def lines(draw: Any) -> str:
    labels = draw(st.dictionaries(keys, texts, max_size=3))
    gap = draw(spaces)
    inner = f"{gap},{gap}".join(
        f'{key}{gap}={gap}"{_escaped(value)}"' for key, value in labels.items()
    )
    shown = f"{{{inner}}}" if labels or draw(st.booleans()) else ""
    value = draw(st.floats(allow_nan=False) | st.integers(-(2**53), 2**53))
    time = draw(st.sampled_from(["", " 1700000000123"]))
    return f"{draw(names)}{shown} {value!r}{time}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@given(st.lists(lines(), max_size=5))
def test_agrees_with_the_clients_own_parser(text: list[str]) -> None:
    body = "".join(f"{line}\n" for line in text)
    twin = [
        (plain(sample.name, sample.labels), sample.value, sample.timestamp)
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    ]
    exposed = read(body)
    found = [(*one, time) for one, time in zip(exposed.samples, exposed.times, strict=True)]
    assert sorted(found, key=str) == sorted(twin, key=str)


@given(st.text(max_size=60))
def test_garbage_is_refused_in_words(text: str) -> None:
    try:
        exposed = read(text)
    except Unreadable:
        return
    assert len(exposed.samples) == len(exposed.times)
