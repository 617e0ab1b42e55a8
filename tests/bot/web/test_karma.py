"""What karma sends to an Alertmanager, replayed: it polls, and proxies people's silences.

Source: internal/alertmanager, internal/verprobe and internal/mapper/v017 of
https://github.com/prymitive/karma; its client is generated from Alertmanager's document.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.observe import Observations
from routing.flow.hear import Hearing
from storage.model.alert import Alert
from storage.model.labels import Labels
from tests.bot.web.conftest import ADA, EVE, Serve, Stage

POLLS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "Go-http-client/1.1",
}
TOKENS = {ADA: "a-token-for-ada-lovelace", EVE: "a-token-for-eve-visitor"}
Open = Callable[[], Awaitable[httpx.AsyncClient]]


@pytest.fixture
def karma(serve: Serve, stage: Stage) -> Open:
    """Open a client that speaks as karma does; Ada's token is the password of its `uri`."""

    async def start() -> httpx.AsyncClient:
        desks = stage.desks
        hearing = Hearing(
            stage.database, desks.clock, desks.playbook, stage.receiver, desks.incidents
        )
        observed = Observations(desks.clock, stage.database, stage.series.stats)
        client = await serve(hearing=hearing, people_tokens=TOKENS, metrics=observed.text)
        client.headers = httpx.Headers(POLLS)
        client.auth = httpx.BasicAuth("karma", TOKENS[ADA])
        return client

    return start


async def test_karma_finds_a_version_that_it_knows(karma: Open) -> None:
    client = await karma()
    metrics = await client.get("/metrics", headers={"Accept": "*/*"})
    assert metrics.status_code == 200
    families = {it.name: it for it in text_string_to_metric_families(metrics.text)}
    [told] = families["alertmanager_build_info"].samples
    status = (await client.get("/api/v2/status")).json()
    assert told.labels["version"] == status["versionInfo"]["version"] == "0.27.0"
    assert status["cluster"] == {"status": "disabled", "peers": []}


async def test_karma_polls_groups_and_silences_and_passes_a_silence_on(
    karma: Open, stage: Stage
) -> None:
    client = await karma()
    labels = Labels.of({"alertname": "Down", "cluster": "eu"})
    now = datetime.now(UTC)
    await stage.receiver.receive([Alert(labels=labels, starts_at=now, source="prometheus")])
    answer = await client.get("/api/v2/alerts/groups")
    assert answer.headers["Content-Type"] == "application/json"
    [group] = answer.json()
    assert group["receiver"] == {"name": "ops"}
    [shown] = group["alerts"]
    assert shown["status"] == {
        "state": "active",
        "silencedBy": [],
        "inhibitedBy": [],
        "mutedBy": [],
    }
    assert "generatorURL" not in shown, "an empty address is none, and its client refuses it"
    assert (await client.get("/api/v2/silences")).json() == []
    # Its form, passed on by `proxy: true`.
    silence = {
        "matchers": [{"name": "cluster", "value": "eu|us", "isRegex": True, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=2)).isoformat(),
        "createdBy": "grace@example.com",
        "comment": "moving",
    }
    made = await client.post("/api/v2/silences", json=silence)
    assert made.status_code == 200
    [kept] = (await client.get("/api/v2/silences")).json()
    assert kept["id"] == made.json()["silenceID"]
    assert kept["comment"] == "moving"
    edited = await client.post("/api/v2/silences", json={**silence, "id": kept["id"]})
    assert edited.json() == {"silenceID": kept["id"]}
    gone = await client.delete(f"/api/v2/silence/{kept['id']}")
    assert gone.status_code == 200
    assert (await client.get("/api/v2/silences")).json()[0]["status"] == {"state": "expired"}


async def test_karma_without_a_token_reads_nothing(karma: Open) -> None:
    client = await karma()
    client.auth = httpx.BasicAuth("karma", "guessed")
    assert (await client.get("/api/v2/alerts/groups")).status_code == 403
