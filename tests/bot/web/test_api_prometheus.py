"""Prometheus' HTTP API, asked as Grafana and others ask it."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest

from storage.clock import SystemClock
from storage.errors import MetricsUnavailable
from storage.metrics.local import LocalMetrics
from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from storage.promql.values import Matrix
from tests.bot.web.conftest import ADA, EVE, Serve, Stage

NOW = round(SystemClock().utc_now().timestamp() - 600, 0)
TOKENS = {ADA: "the-token-of-ada", EVE: "the-token-of-eve"}


@pytest.fixture
async def client(stage: Stage, serve: Serve) -> httpx.AsyncClient:
    """A server with ten minutes of two metrics, five minutes ago and older."""
    samples = [
        Sample(Labels.of(__name__=name, job=job), NOW - 15 * step, float(step))
        for name in ("up", "queue")
        for job in ("api", "mail")
        for step in range(20)
    ]
    metadata = {"up": {"type": "gauge", "help": "Is it there?", "unit": ""}}
    await stage.series.append(Batch(sorted(samples, key=lambda s: s.time), metadata=metadata))
    return await serve()


async def data(answer: httpx.Response) -> Any:
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "success"), told
    return told["data"]


async def test_grafana_tries_the_connection(client: httpx.AsyncClient) -> None:
    form = {"query": "1+1", "time": str(NOW)}
    answer = await client.post("/api/v1/query", data=form)
    assert answer.headers["content-type"] == "application/json"
    assert await data(answer) == {"resultType": "scalar", "result": [NOW, "2"]}
    told = await data(await client.get("/api/v1/status/buildinfo"))
    assert told["version"].startswith("3.")
    assert told["revision"].startswith("tocsin-")


async def test_grafana_draws_a_panel(client: httpx.AsyncClient) -> None:
    form = {
        "query": 'sum by (job) (up{job=~"api|mail"})',
        "start": str(NOW - 60),
        "end": str(NOW),
        "step": "15",
    }
    found = await data(await client.post("/api/v1/query_range", data=form))
    values = [[NOW - 60 + 15 * step, str(4 - step)] for step in range(5)]
    assert found == {
        "resultType": "matrix",
        "result": [
            {"metric": {"job": "api"}, "values": values},
            {"metric": {"job": "mail"}, "values": values},
        ],
    }


async def test_grafana_fills_its_menus(client: httpx.AsyncClient) -> None:
    window = {"start": str(NOW - 3600), "end": str(NOW)}
    names = await data(await client.get("/api/v1/labels", params=window))
    assert names == ["__name__", "job"]
    some = {**window, "match[]": 'up{job="api"}'}
    assert await data(await client.post("/api/v1/labels", data=some)) == ["__name__", "job"]
    jobs = await data(await client.get("/api/v1/label/job/values", params={"match[]": "up"}))
    assert jobs == ["api", "mail"]
    metrics = await client.get("/api/v1/label/__name__/values", params={"limit": "1"})
    assert metrics.json() == {
        "status": "success",
        "data": ["queue"],
        "warnings": ["results truncated due to limit"],
    }
    none = await client.get("/api/v1/label/job/values", params={"match[]": "nothing"})
    assert await data(none) == []
    both = await client.get("/api/v1/labels?match[]=nothing&match[]=queue")
    assert await data(both) == ["__name__", "job"]


async def test_grafana_explores(client: httpx.AsyncClient) -> None:
    told = await data(await client.get("/api/v1/metadata?limit_per_metric=1"))
    assert told == {"up": [{"type": "gauge", "help": "Is it there?", "unit": ""}]}
    assert await data(await client.get("/api/v1/metadata?metric=queue")) == {}
    form = {"match[]": "up", "start": str(NOW - 3600), "end": str(NOW)}
    found = await data(await client.post("/api/v1/series", data=form))
    assert found == [{"__name__": "up", "job": "api"}, {"__name__": "up", "job": "mail"}]
    old = {"match[]": "up", "start": "0", "end": str(NOW - 3600)}
    assert await data(await client.post("/api/v1/series", data=old)) == []
    assert await data(await client.get("/api/v1/query_exemplars?query=up")) == []
    assert await data(await client.get("/api/v1/rules")) == {"groups": []}
    assert await data(await client.get("/api/v1/alerts")) == {"alerts": []}


KINDS = {
    "query=up{job='api'}": "vector",
    "query=time()": "scalar",
    'query="text"': "string",
    "query=up[1m]": "matrix",
}
MOMENTS = (
    "1700000000",
    "1.7e9",
    "2023-11-14T22:13:20Z",
    "2023-11-14T23:13:20.000000000+01:00",
    "1700000000.0004",
)


async def test_types_of_answers(client: httpx.AsyncClient) -> None:
    for query, kind in KINDS.items():
        found = await data(await client.get(f"/api/v1/query?{query}&time={NOW}"))
        assert (query, found["resultType"]) == (query, kind)
        if kind == "matrix":
            assert [len(row["values"]) for row in found["result"]] == [4, 4]


async def test_forms_of_a_moment(client: httpx.AsyncClient) -> None:
    for time in MOMENTS:
        asked = {"query": "time()", "time": time}
        found = await data(await client.get("/api/v1/query", params=asked))
        assert (time, found["result"]) == (time, [1_700_000_000, "1700000000"])


async def test_forms_of_a_step(client: httpx.AsyncClient) -> None:
    for step in ("60", "60.0", "1m", "60s"):
        asked = {"query": "vector(1)", "start": "0", "end": "120", "step": step}
        found = await data(await client.get("/api/v1/query_range", params=asked))
        values = [[0, "1"], [60, "1"], [120, "1"]]
        assert (step, found["result"]) == (step, [{"metric": {}, "values": values}])


RANGE = "/api/v1/query_range?query=up&start=0&end=100&step=1"
BAD: dict[str, tuple[int, str, str]] = {
    "/api/v1/query?query=up%20%2B": (400, "bad_data", 'invalid parameter "query": '),
    "/api/v1/query": (400, "bad_data", 'invalid parameter "query": '),
    "/api/v1/query?query=up&time=noon": (
        400, "bad_data",
        'invalid parameter "time": cannot parse "noon" to a valid timestamp'),
    "/api/v1/query?query=up&time=NaN": (
        400, "bad_data",
        'invalid parameter "time": cannot parse "NaN" to a valid timestamp'),
    "/api/v1/query?query=up&timeout=soon": (
        400, "bad_data",
        'invalid parameter "timeout": cannot parse "soon" to a valid duration'),
    "/api/v1/query?query=up&limit=-1": (
        400, "bad_data",
        'invalid parameter "limit": limit must be non-negative'),
    f"/api/v1/query?query=up%2Bon(nope)up&time={NOW}": (422, "execution", ""),
    RANGE.replace("step=1", "step=0"): (
        400, "bad_data",
        'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
        "Try a positive integer"),
    RANGE.replace("start=0", "start=200"): (
        400, "bad_data",
        'invalid parameter "end": end timestamp must not be before start time'),
    RANGE.replace("start=0&", ""): (
        400, "bad_data",
        'invalid parameter "start": cannot parse "" to a valid timestamp'),
    RANGE.replace("end=100", "end=11001"): (
        400, "bad_data",
        "exceeded maximum resolution of 11,000 points per timeseries. "
        "Try decreasing the query resolution (?step=XX)"),
    RANGE.replace("=up", "=up[1m]"): (
        400, "bad_data",
        'invalid parameter "query": invalid expression type "range vector" for range query, '
        "must be Scalar or instant Vector"),
    "/api/v1/series": (400, "bad_data", "no match[] parameter provided"),
    "/api/v1/series?match[]=up{": (400, "bad_data", 'invalid parameter "match[]": '),
    "/api/v1/series?match[]=rate(up[1m])": (400, "bad_data", 'invalid parameter "match[]": '),
    "/api/v1/rules?type=other": (
        400, "bad_data",
        'invalid parameter "type": not supported value "other"'),
    "/api/v1/status/config": (404, "not_found", "/api/v1/status/config is not answered here"),
}  # fmt: skip


async def test_errors_have_prometheus_shapes(client: httpx.AsyncClient) -> None:
    for address, (status, kind, text) in BAD.items():
        answer = await client.get(address)
        told = answer.json()
        got = (answer.status_code, told["status"], told["errorType"])
        assert (address, *got) == (address, status, "error", kind)
        assert told["error"].startswith(text), address


async def test_the_longest_range_is_answered(client: httpx.AsyncClient) -> None:
    asked = RANGE.replace("=up", "=vector(1)").replace("end=100", "end=11000")
    found = await data(await client.get(asked))
    assert len(found["result"][0]["values"]) == 11_001


@dataclass
class Numbers:
    """Answers what a function says; everything else as the store does."""

    store: LocalMetrics
    answer: Callable[[], Awaitable[Any]]

    async def raw(self, _query: str, _at: float) -> Any:
        return await self.answer()

    async def range(self, _query: str, _start: float, _end: float, _step: float) -> Any:
        return await self.answer()


async def test_a_slow_query_is_given_up(stage: Stage, serve: Serve) -> None:
    client = await serve(numbers=Numbers(LocalMetrics(stage.series), lambda: asyncio.sleep(60)))
    answer = await client.get("/api/v1/query?query=up&timeout=20ms")
    assert (answer.status_code, answer.json()["errorType"]) == (503, "timeout")


async def test_numbers_that_cannot_be_had(stage: Stage, serve: Serve) -> None:
    async def away() -> None:
        raise MetricsUnavailable("the remote is away")

    client = await serve(numbers=Numbers(LocalMetrics(stage.series), away))
    answer = await client.get("/api/v1/query?query=up")
    told = {"status": "error", "errorType": "unavailable", "error": "the remote is away"}
    assert (answer.status_code, answer.json()) == (503, told)


async def test_a_large_answer_leaves_the_loop_free(stage: Stage, serve: Serve) -> None:
    rows, steps = 100, 10_080
    values = np.random.default_rng(7).normal(size=(rows, steps))
    labels = tuple(Labels.of(__name__="m", row=str(row)) for row in range(rows))
    matrix = Matrix(labels, np.arange(steps) * 60.0, values, np.ones((rows, steps), dtype=np.bool_))

    async def ready() -> Matrix:
        return matrix

    client = await serve(numbers=Numbers(LocalMetrics(stage.series), ready))
    answer = await client.get("/api/v1/query_range?query=m&start=0&end=604740&step=60")
    found = json.loads(answer.content)["data"]["result"]
    assert {len(row["values"]) for row in found} == {steps}
    by_row = {row["metric"]["row"]: row["values"] for row in found}
    assert [float(text) for _, text in by_row["42"]] == values[42].tolist()


def _basic(password: str) -> str:
    return "Basic " + b64encode(f"grafana:{password}".encode()).decode()


async def test_who_may_read(serve: Serve) -> None:
    client = await serve(people_tokens=TOKENS)
    heads = {
        "": 401,
        "Bearer the-token-of-eve": 200,
        "Bearer nobody's": 403,
        _basic("the-token-of-ada"): 200,
        _basic("guess"): 403,
        "Basic %%%": 401,
    }
    for head, status in heads.items():
        headers = {"Authorization": head} if head else {}
        answer = await client.get("/api/v1/query?query=1", headers=headers)
        assert (head, answer.status_code) == (head, status)
        assert answer.json()["status"] == ("success" if status == 200 else "error")


async def test_beyond_loopback_a_token_is_needed(serve: Serve) -> None:
    client = await serve(listens_on="0.0.0.0", console=None)
    answer = await client.get("/api/v1/query?query=1")
    assert (answer.status_code, answer.json()["errorType"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Basic realm="tocsin"'


async def test_a_foreign_page_reads_nothing(client: httpx.AsyncClient) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        answer = await client.get("/api/v1/query?query=1", headers=headers)
        assert (answer.status_code, answer.json()["errorType"]) == (403, "forbidden")


async def test_a_form_may_not_be_endless(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/query", data={"query": "1" * (1 << 20)})
    assert (answer.status_code, answer.json()["errorType"]) == (413, "bad_data")


async def test_our_own_api_is_there_beside_it(serve: Serve) -> None:
    client = await serve(people_tokens=TOKENS)
    headers = {"Authorization": "Bearer the-token-of-eve"}
    assert (await client.get("/api/v1/incidents", headers=headers)).status_code == 200
