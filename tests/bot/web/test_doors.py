"""Alerts and changes over HTTP: who may tell, what is answered, and what stands in the database."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import pytest

import bot.doors
from bot.config.check_sources import TAKEN
from bot.config.mapping import MappingSection
from bot.doors.door import Door
from bot.web.parts import Limits
from routing.flow.hear import Hearing
from routing.flow.moment import read_moment
from routing.flow.rooms import words_of
from routing.plugins import collect
from storage.model.delivery import Purpose
from storage.model.incident import Incident, IncidentId, Status
from storage.sql import alerts, changes, incidents, outbox
from tests.bot.web.conftest import Serve, Stage

TOKENS = {"alerts": "a-token-for-the-alerts", "ci": "another-token-for-ci"}
BY_ALERTS = {"Authorization": f"Bearer {TOKENS['alerts']}"}
EVENT = {
    "routing_key": TOKENS["alerts"],
    "event_action": "trigger",
    "dedup_key": "disk",
    "payload": {"summary": "Disk is full", "source": "srv01", "severity": "critical"},
}


def webhook(*names: str, status: str = "firing") -> dict[str, Any]:
    told = [{"status": status, "labels": {"alertname": name, "severity": "page"}} for name in names]
    return {"version": "4", "alerts": told}


def hearing(stage: Stage) -> Hearing:
    desks = stage.desks
    return Hearing(stage.database, desks.clock, desks.playbook, stage.receiver, desks.incidents)


async def standing(stage: Stage) -> list[Incident]:
    async with stage.database.reading() as tx:
        return await incidents.search(tx, limit=50)


async def states(stage: Stage) -> list[tuple[str, Status]]:
    return sorted((it.title, it.status) for it in await standing(stage))


async def test_alertmanagers_alerts_open_and_end_incidents(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS)
    answer = await client.post(
        "/webhooks/alertmanager", json=webhook("DiskFull", "Slow"), headers=BY_ALERTS
    )
    assert (answer.status_code, answer.json()) == (200, {"taken": 2})
    assert await states(stage) == [("DiskFull", Status.TRIGGERED), ("Slow", Status.TRIGGERED)]
    over = webhook("DiskFull", status="resolved")
    await client.post("/webhooks/alertmanager", json=over, headers=BY_ALERTS)
    assert await states(stage) == [("DiskFull", Status.RESOLVED), ("Slow", Status.TRIGGERED)]


async def test_what_the_sender_left_out_is_said(serve: Serve, stage: Stage) -> None:
    """Its receiver has `max_alerts`: the others of the group come to nobody."""
    token = {"ada": "a-token-for-ada"}
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS, people_tokens=token)
    told = webhook("DiskFull") | {"truncatedAlerts": 40}
    answer = await client.post("/webhooks/alertmanager", json=told, headers=BY_ALERTS)
    assert answer.json() == {"taken": 1, "left_out": 40}
    by_ada = {"Authorization": f"Bearer {token['ada']}"}
    why = await client.get("/api/v1/why?alert=DiskFull", headers=by_ada)
    assert "its sender left 40 more alerts out of that message" in why.text


async def test_an_end_by_its_key_moves_no_beginning(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS)
    began = "2026-03-02T11:59:12.000Z"
    payload = {**EVENT["payload"], "timestamp": began}
    await client.post("/v2/enqueue", json=EVENT | {"payload": payload})
    await client.post("/v2/enqueue", json=EVENT | {"event_action": "resolve"})
    async with stage.database.reading() as tx:
        (of_one,) = (await alerts.of_incidents(tx, [IncidentId(1)])).values()
    assert [(it.is_firing, it.starts_at.isoformat()) for it in of_one] == [
        (False, "2026-03-02T11:59:12+00:00")
    ]


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="])
async def test_nobody_tells_without_a_token(serve: Serve, stage: Stage, token: str) -> None:
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS)
    headers = {"Authorization": token} if token else {}
    for door in collect(bot.doors, Door).values():
        path = door.path.replace("{source}", "alerts")
        answer = await client.post(path, json=webhook("X"), headers=headers)
        assert answer.status_code in (401, 403), door.name
    assert await standing(stage) == []


async def test_basic_authentication_carries_the_token_too(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS)
    answer = await client.post(
        "/webhooks/grafana", json=webhook("X"), auth=httpx.BasicAuth("any", TOKENS["alerts"])
    )
    assert answer.status_code == 200


async def test_one_bad_alert_among_good_ones(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage))
    body = webhook("A", "B", "C")
    body["alerts"][1]["labels"]["alertname"] = 7
    answer = await client.post("/webhooks/alertmanager", json=body)
    bad = {"index": 1, "error": "labels: alertname: expected a text, got int"}
    assert (answer.status_code, answer.json()) == (207, {"taken": 2, "refused": 1, "errors": [bad]})
    assert [title for title, _ in await states(stage)] == ["A", "C"]
    body["alerts"] = body["alerts"][1:2]
    assert (await client.post("/webhooks/alertmanager", json=body)).status_code == 400


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"{}", {}, 400),
        (b"x" * 3_000, {}, 413),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"{}", {"Content-Encoding": "gzip"}, 400),
    ],
)
async def test_what_cannot_be_read_is_refused(
    serve: Serve, stage: Stage, content: bytes, headers: dict[str, str], status: int
) -> None:
    limits = Limits(body_bytes=2_000 if status == 413 else 1 << 20)
    client = await serve(hearing=hearing(stage), limits=limits)
    answer = await client.post("/webhooks/alertmanager", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_pagerdutys_senders_are_answered_as_there(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS)
    answer = await client.post("/v2/enqueue", json=EVENT)
    said = {"status": "success", "message": "Event processed", "dedup_key": "disk"}
    assert answer.status_code == 202
    assert answer.json() == {"taken": 1, **said}
    bad = await client.post("/v2/enqueue", json=EVENT | {"event_action": "dance"})
    assert (bad.status_code, bad.json()["status"]) == (400, "invalid event")
    assert "event_action" in bad.json()["errors"][0]


async def test_a_trouble_keeps_its_key_whatever_its_labels(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS)
    await client.post("/v2/enqueue", json=EVENT)
    await client.post("/v2/enqueue", json=EVENT)
    [incident] = await standing(stage)
    softer = EVENT["payload"] | {"severity": "warning"}  # type: ignore[operator]
    await client.post("/v2/enqueue", json=EVENT | {"payload": softer})
    async with stage.database.reading() as tx:
        told = await alerts.of_incident(tx, incident.id)
        fires = [it.labels.get("severity") for it in told if it.is_firing]
    assert fires == ["warning"]
    taken = {"routing_key": TOKENS["alerts"], "dedup_key": "disk"}
    await client.post("/v2/enqueue", json=taken | {"event_action": "acknowledge"})
    [incident] = await standing(stage)
    assert (incident.status, incident.owner) == (Status.ACKNOWLEDGED, "alerts")
    await client.post("/v2/enqueue", json=taken | {"event_action": "resolve"})
    assert [state for _, state in await states(stage)] == [Status.RESOLVED]
    again = await client.post("/v2/enqueue", json=taken | {"event_action": "resolve"})
    assert again.status_code == 202


async def test_any_json_by_its_mapping(serve: Serve, stage: Stage) -> None:
    mapping = MappingSection.model_validate(
        {
            "key": "id",
            "labels": {"alertname": "check"},
            "status": {"value": "state", "resolved": ["up"]},
        }
    )
    client = await serve(
        hearing=hearing(stage), ingest_tokens=TOKENS, mappings={"alerts": mapping.compiled()}
    )
    down = {"id": 1, "check": "Ping", "state": "down"}
    assert (await client.post("/webhooks/alerts", json=down, headers=BY_ALERTS)).status_code == 200
    assert await states(stage) == [("Ping", Status.TRIGGERED)]
    other = await client.post("/webhooks/ci", json=down, headers=BY_ALERTS)
    assert (other.status_code, "names 'ci'" in other.json()["error"]) == (403, True)
    up = {"id": 1, "state": "up"}
    await client.post("/webhooks/alerts", json=up, headers=BY_ALERTS)
    assert [state for _, state in await states(stage)] == [Status.RESOLVED]


async def test_github_tells_a_deployment_signed(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage), ingest_tokens=TOKENS)
    body = json.dumps(
        {
            "deployment_status": {"state": "success"},
            "deployment": {"id": 7, "ref": "v4.2"},
            "repository": {"name": "checkout"},
        }
    ).encode()
    signature = hmac.new(TOKENS["ci"].encode(), body, sha256).hexdigest()
    headers = {
        "X-Hub-Signature-256": f"sha256={signature}",
        "X-GitHub-Event": "deployment_status",
    }
    for _ in range(2):  # GitHub's "redeliver"
        answer = await client.post("/webhooks/github", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"taken": 1})
    forged = await client.post("/webhooks/github", content=body + b" ", headers=headers)
    assert forged.status_code == 401
    async with stage.database.reading() as tx:
        [change] = await changes.latest(tx, datetime(2020, 1, 1, tzinfo=UTC), 10)
    assert (change.source, change.service, change.version) == ("ci", "checkout", "v4.2")


def test_a_source_may_not_be_called_like_a_door() -> None:
    paths = [door.path for door in collect(bot.doors, Door).values()]
    named = [path.removeprefix("/webhooks/") for path in paths if path.startswith("/webhooks/")]
    assert sorted(name for name in named if "{" not in name) == sorted(TAKEN)


async def test_an_incident_says_what_was_deployed_before(serve: Serve, stage: Stage) -> None:
    client = await serve(hearing=hearing(stage))
    await client.post("/changes", json={"service": "checkout", "version": "4.2", "by": "grace"})
    body = webhook("Slow")
    body["alerts"][0]["labels"]["service"] = "checkout"
    await client.post("/webhooks/alertmanager", json=body)
    async with stage.database.reading() as tx:
        [room] = [
            it for it in await outbox.of_incident(tx, IncidentId(1)) if it.purpose is Purpose.ROOM
        ]
        moment = await read_moment(tx, stage.desks.clock, stage.desks.playbook)
        words = await words_of(tx, [room], moment)
    facts = dict(words[room.id].facts)
    assert facts["Changed"].startswith("checkout 4.2 was deployed by grace, ")
