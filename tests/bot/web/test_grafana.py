"""What Grafana's Prometheus data source sends, as Grafana 12 builds it, replayed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.clock import SystemClock
from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from tests.bot.web.conftest import EVE, Serve, Stage

NOW = int(SystemClock().utc_now().timestamp()) - 30
TOKENS = {EVE: "the-token-of-grafana"}
SENT = {
    "User-Agent": "Grafana/12.1.0",
    "Accept-Encoding": "gzip",
    "Authorization": "Bearer the-token-of-grafana",
    "X-Grafana-Referer": "http://grafana.example/d/shop",
    "X-Datasource-Uid": "tocsin",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Recorded:
    """One request, and what is expected of its answer."""

    line: str
    form: str
    expected: str


def recorded() -> Iterator[Recorded]:
    text = Path(__file__).with_name("grafana.http").read_text()
    text = text.replace("{now}", str(NOW)).replace("{before}", str(NOW - 300))
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        *sent, expected = lines
        yield Recorded(sent[0], sent[1] if len(sent) > 1 else "", expected.removeprefix("=> "))


@pytest.fixture
async def client(stage: Stage, serve: Serve) -> httpx.AsyncClient:
    series = [Labels.of(__name__="up", job=job) for job in ("api", "mail")]
    series += [
        Labels.of({"http.route": "/", "job": job}, __name__="requests_total")
        for job in ("api", "mail")
    ]
    series += [Labels.of(__name__="latency_bucket", le=le) for le in ("0.1", "1.0", "+Inf")]
    samples = [
        Sample(labels, NOW - 300 + 15.0 * step, 1.0 + step)
        for step in range(21)
        for labels in series
    ]
    told = {"up": {"type": "gauge", "help": "Is it there?", "unit": ""}}
    await stage.series.append(Batch(samples, metadata=told))
    return await serve(people_tokens=TOKENS)


def names_of(expected: str) -> list[str]:
    return [name.strip() for name in expected.partition(" ")[2].removeprefix("of ").split(",")]


def assert_as_expected(answer: httpx.Response, one: Recorded) -> None:
    expected, told = one.expected, answer.json()
    if expected[:3].isdigit() and expected[:1] in "45":
        status, _, rest = expected.partition(" ")
        kind, _, reason = rest.partition(" ")
        assert answer.status_code == int(status), (one, told)
        assert told.get("errorType", "") == kind
        assert reason in told["error"]
        return
    assert (answer.status_code, told["status"]) == (200, "success"), (one, told)
    assert_data(told["data"], one)


def assert_data(data: Any, one: Recorded) -> None:
    expected = one.expected
    match expected.split(" ")[0]:
        case "has":
            assert set(names_of(expected)) <= data.keys(), one
        case "matrix" | "vector" as kind:
            assert (data["resultType"], len(data["result"])) == (kind, int(expected[-1])), one
        case "list":
            assert data == names_of(expected), one
        case "series":
            assert len(data) == int(expected.split(" ")[1]), one
        case _:
            assert data == json.loads(expected), one


async def test_every_request_of_grafana_is_answered(client: httpx.AsyncClient) -> None:
    replayed = 0
    for one in recorded():
        method, _, address = one.line.partition(" ")
        headers = {**SENT, **(FORM if method == "POST" else {})}
        answer = await client.request(method, address, headers=headers, content=one.form)
        assert_as_expected(answer, one)
        replayed += 1
    assert replayed >= 20


async def test_without_its_token_grafana_is_told_so(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/query", content="query=1", headers=FORM)
    assert (answer.status_code, answer.json()["errorType"]) == (401, "unauthorized")


async def test_another_lookback_is_refused(client: httpx.AsyncClient) -> None:
    for given, status in (("5m", 200), ("300", 200), ("1m", 400)):
        asked = {"query": "up", "lookback_delta": given}
        answer = await client.get("/api/v1/query", params=asked, headers=SENT)
        assert answer.status_code == status
