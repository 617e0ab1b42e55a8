"""Who sends ever new series, holds every place, or guesses at keys: the others are served."""

import asyncio
import re
from urllib.parse import urlsplit

import aiohttp
import psutil

from tests.promises.conftest import Found
from tests.promises.tocsin import Tocsin, sample
from tests.promises.town import EDGE, town
from tests.vendors.process import Remote

SOON = 20.0
OTHER = "other-token-0123456789"
OPEN = "select count(*) from incidents where status <> 'resolved'"
SERIES = 300
LABEL = "<!channel> <script>alert(1)</script> {{ 7*7 }} \x1b[31m"


async def metric(tocsin: Tocsin, name: str) -> float:
    _, text = await tocsin.get("/metrics")
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


async def test_a_cardinality_bomb_of_one_source_harms_no_other(
    found: Found, twilio: Remote
) -> None:
    config = town(twilio)
    config["sources"] = {
        "edge": {"token": EDGE, "limits": {"series": SERIES}},
        "other": {"token": OTHER},
    }
    tocsin = found(config)
    await tocsin.start()
    assert await tocsin.send([sample("level", 50, instance="known")]) == 204
    assert await tocsin.send([sample("level", 50, instance="fine")], OTHER) == 204
    process = psutil.Process(tocsin.pid)
    before = process.memory_info().rss
    for wave in range(10):
        bomb = [sample("bomb", 1, user=f"{LABEL}{wave}-{n}") for n in range(2_000)]
        assert await tocsin.send(bomb) < 500
    grown = process.memory_info().rss - before
    print(f"{grown / (1 << 20):.0f} MiB more for 20,000 series that nobody asked for")
    assert grown < 50 << 20
    refused = 'tocsin_samples_refused_total{reason="source_limit",source="edge"}'
    assert await metric(tocsin, refused) >= 20_000 - SERIES
    # What was known goes on: its alert begins and ends, and so does that of another source.
    for value, count in ((95, 2), (50, 0)):
        assert await tocsin.send([sample("level", value, instance="known")]) == 204
        assert await tocsin.send([sample("level", value, instance="fine")], OTHER) == 204
        await tocsin.until(lambda count=count: tocsin.count(OPEN) == count, SOON)
    assert "\x1b" not in tocsin.log
    assert await tocsin.stop() == 0


async def test_a_source_that_holds_its_places_leaves_those_of_others(
    found: Found, twilio: Remote, session: aiohttp.ClientSession
) -> None:
    config = town(twilio)
    config["sources"] = {"edge": {"token": EDGE}, "other": {"token": OTHER}}
    tocsin = found(config)
    await tocsin.start()
    place = urlsplit(tocsin.url)
    head = (
        f"POST /ingest/json HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 1000\r\n"
        f"Authorization: Bearer {EDGE}\r\nContent-Type: application/json\r\n\r\n[ "
    )
    wires = [await asyncio.open_connection(place.hostname, place.port) for _ in range(40)]
    try:
        for _, writer in wires:
            writer.write(head.encode())

        async def is_full() -> bool:
            return await tocsin.send([sample("level", 1, instance="a")]) == 429

        await tocsin.until(is_full, SOON)
        headers = {"Authorization": f"Bearer {EDGE}"}
        async with session.post(f"{tocsin.url}/ingest/json", json=[], headers=headers) as answer:
            assert answer.status == 429
            assert int(answer.headers["Retry-After"]) > 0
        assert await tocsin.send([sample("level", 1, instance="b")], OTHER) == 204
    finally:
        for _, writer in wires:
            writer.close()
    await tocsin.until(lambda: _is_served(tocsin), SOON)
    assert await tocsin.stop() == 0


async def _is_served(tocsin: Tocsin) -> bool:
    return await tocsin.send([sample("level", 1, instance="a")]) == 204


async def test_guessing_at_keys_changes_nothing_and_leaves_no_trace_of_them(
    found: Found, twilio: Remote, session: aiohttp.ClientSession
) -> None:
    tocsin = found(town(twilio))
    await tocsin.start()
    guesses = [EDGE[:-1], EDGE + "x", EDGE.swapcase(), EDGE[::-1], "é" * 30, "x" * 4_000]
    doors = ("/ingest/json", "/api/v1/write", "/v1/metrics", "/webhooks/edge", "/api/v2/alerts",
             "/webhooks/grafana", "/webhooks/alertmanager", "/changes", "/v2/enqueue",
             "/webhooks/github", "/webhooks/gitlab")  # fmt: skip
    for path in doors:
        for guess in guesses:
            for name, value in (
                ("Authorization", f"Bearer {guess}"),
                ("X-Gitlab-Token", guess),
                ("X-Hub-Signature-256", f"sha256={guess}"),
            ):
                headers = {name: value.encode().decode("latin-1")}
                async with session.post(tocsin.url + path, json=[], headers=headers) as answer:
                    assert answer.status in (400, 401, 403), (path, name, guess)
                    text = await answer.text()
                    assert guess not in text
                    assert EDGE not in text
    assert tocsin.count("select count(*) from incidents") == 0
    _, shown = await tocsin.get("/metrics")
    assert not [guess for guess in (EDGE, *guesses) if guess in tocsin.log + shown]
    assert await tocsin.stop() == 0
