"""A remote that answers oddly, or not at all: what is concluded, and what is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from storage.errors import ConfigError, MetricsUnavailable, QueryError
from storage.metrics.remote import RemoteMetrics, RemoteOptions
from storage.metrics.remote_read import read_answer
from storage.model.labels import Labels, Matcher, MatchOp

UP = Labels.of(__name__="up", job="api")


def told(kind: str, result: Any, **more: Any) -> str:
    return json.dumps({"status": "success", **more, "data": {"resultType": kind, "result": result}})


@asynccontextmanager
async def remote(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], **options: Any
) -> AsyncIterator[RemoteMetrics]:
    """Serve one answer to every question; gives the metrics that ask there."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    metrics = RemoteMetrics(RemoteOptions(url=f"http://127.0.0.1:{port}/prom", **options))
    try:
        yield metrics
    finally:
        await metrics.close()
        await runner.cleanup()


def always(text: str, status: int = 200, **more: Any) -> Any:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, **more)

    return answer


async def test_what_is_asked_and_by_whom() -> None:
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, dict(await request.post()), request.headers))
        return web.Response(text=told("vector", [{"metric": dict(UP), "value": [7.5, "NaN"]}]))

    async with remote(answer, headers={"Authorization": "Bearer s3cret"}) as metrics:
        found = await metrics.instant("up{job='api'}", 7.5)
    assert found.labels == (UP,)
    assert isnan(found.values[0])
    [(method, path, form, headers)] = seen
    assert (method, path) == ("POST", "/prom/api/v1/query")
    assert (form["query"], form["time"], form["nocache"]) == ("up{job='api'}", "7.500", "1")
    assert form["partial_response"] == "false"
    assert headers["Authorization"] == "Bearer s3cret"


async def test_a_range_with_gaps() -> None:
    rows = [
        {"metric": dict(UP), "values": [[10, "1"], [30, "+Inf"]]},
        {"values": [[20.0, "-0"]], "metric": {}},
    ]
    async with remote(always(told("matrix", rows))) as metrics:
        found = await metrics.range("up", 10, 30, 10)
    assert found.labels == (UP, Labels())
    assert found.times.tolist() == [10.0, 20.0, 30.0]
    assert found.present.tolist() == [[True, False, True], [False, True, False]]
    assert found.filled()[0, 2] == np.inf


ODD = {
    "moments": (200, told("matrix", [{"metric": {}, "values": [[13, "1"]]}]), "other moments"),
    "outside": (200, told("matrix", [{"metric": {}, "values": [[40, "1"]]}]), "other moments"),
    "partial": (200, told("matrix", [], isPartial=True), "partial"),
    "no json": (200, "<html>sign in</html>", "<html>sign in</html>"),
    "cut off": (200, told("matrix", [{"metric": {}, "values": [[10, "1"]]}])[:-3], "status 200"),
    "no number": (200, told("matrix", [{"metric": {}, "values": [[10, "x"]]}]), "status 200"),
    "no status": (200, "{}", "status 200"),
    "a list": (200, "[]", "status 200"),
    "deep": (200, "[" * 100_000, "status 200"),
    "credentials": (401, "who?", "refuses our credentials"),
    "elsewhere": (302, "", "sends us elsewhere"),
    "busy": (503, '{"status":"error","errorType":"timeout","error":"timed out"}', "timed out"),
    "broken": (500, "oh", "status 500"),
}


@pytest.mark.parametrize("case", ODD)
async def test_nothing_is_concluded_from_an_odd_answer(case: str) -> None:
    status, text, reason = ODD[case]
    async with remote(always(text, status)) as metrics:
        with pytest.raises(MetricsUnavailable, match=reason) as error:
            await metrics.range("up", 10, 30, 10)
    assert str(error.value).startswith("127.0.0.1:")


@pytest.mark.parametrize("status", [400, 422])
async def test_what_the_remote_finds_wrong_with_the_query(status: int) -> None:
    text = '{"status":"error","errorType":"bad_data","error":"1:5: parse error"}'
    async with remote(always(text, status)) as metrics:
        with pytest.raises(QueryError, match="1:5: parse error"):
            await metrics.instant("up +", 1.0)


async def test_native_histograms_are_refused() -> None:
    text = told("vector", [{"metric": {}, "histogram": [1, {"count": "1"}]}])
    async with remote(always(text)) as metrics:
        with pytest.raises(QueryError, match="native histograms"):
            await metrics.instant("h", 1.0)


async def test_an_answer_that_does_not_come() -> None:
    over = asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        await over.wait()
        raise web.HTTPGone

    async with remote(never, timeout=0.05) as metrics:
        with pytest.raises(MetricsUnavailable, match=r"no answer within 0\.05 s"):
            await metrics.instant("up", 1.0)
        over.set()


async def test_a_password_in_the_address_is_not_told() -> None:
    metrics = RemoteMetrics(RemoteOptions(url="http://ada:s3cret@127.0.0.1:1"))
    with pytest.raises(MetricsUnavailable, match=r"^127\.0\.0\.1:1: cannot be reached") as error:
        await metrics.instant("up", 1.0)
    assert "s3cret" not in f"{error.value!r}{RemoteOptions(url='u', headers={'a': 's3cret'})}"
    await metrics.close()


async def test_lists_and_metadata() -> None:
    answers = {
        "labels": ["job", "__name__"],
        "values": ["mail", "api"],
        "series": [dict(UP)],
        "metadata": {"up": [{"type": "gauge", "help": "there?", "unit": ""}], "x": []},
    }
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        fields = {**request.query, **await request.post()}
        asked.append(f"{request.method} {request.path} {fields.get('match[]', '')}")
        name = request.path.rpartition("/")[2]
        return web.json_response({"status": "success", "data": answers[name]})

    chosen = (Matcher("job", MatchOp.EQUAL, 'a"b'), Matcher("__name__", MatchOp.REGEX, "u."))
    async with remote(answer) as metrics:
        assert await metrics.label_names() == ("__name__", "job")
        assert await metrics.label_values("a/b", chosen) == ("api", "mail")
        assert await metrics.series(chosen, -9e10, 5.0) == (UP,)
        told = {"up": {"type": "gauge", "help": "there?", "unit": ""}}
        assert await metrics.metadata() == told
    written = '{job="a\\"b",__name__=~"u."}'
    assert asked == [
        "POST /prom/api/v1/labels ",
        f"GET /prom/api/v1/label/a/b/values {written}",
        f"POST /prom/api/v1/series {written}",
        "GET /prom/api/v1/metadata ",
    ]


def test_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no certificates can be read"):
        RemoteMetrics(RemoteOptions(url="https://x", ca_file=tmp_path / "none.pem"))


def test_the_order_of_keys_and_space_do_not_matter() -> None:
    text = '{ "data" : { "result" : [ 7 , "2" ] , "resultType" : "scalar" } , "status":"success"}'
    answer = read_answer(text.encode())
    assert answer.kind == "scalar"
    assert answer.number().values.tolist() == [2.0]


def test_closely_or_widely_written_points_are_the_same() -> None:
    points = [[1.5, "1e-07"], [2, "NaN"], [3, "+Inf"], [4, "-Inf"], [5, "-0"]]
    rows = [{"metric": dict(UP), "values": points}, {"metric": {}, "values": points[:1]}]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": rows}}
    close = read_answer(json.dumps(answer, separators=(",", ":")).encode()).samples()
    assert close == read_answer(json.dumps(answer, indent=1).encode()).samples()
    assert close.count.tolist() == [5, 1]
    assert [repr(value) for value in close.values[0].tolist()] == [
        "1e-07", "nan", "inf", "-inf", "-0.0"]  # fmt: skip
