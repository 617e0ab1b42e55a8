"""Alertmanager's API v2 over HTTP: alerts, groups, silences, and what is refused."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from routing.alerts.inhibit import InhibitRule
from routing.alerts.intervals import Times
from routing.flow.hear import Hearing
from routing.flow.quiet import QuietKeeper
from routing.flow.silence import SilenceDesk
from routing.flow.wake import Wake
from routing.playbook import Playbook, Route
from storage.model.labels import Matcher, MatchOp
from storage.model.silence import Silence, SilenceId, SilenceKind
from storage.sql import silences, standing
from tests.bot.web.conftest import ADA, Serve, Stage

Open = Callable[..., Awaitable[httpx.AsyncClient]]
TOKENS = {"prometheus": "a-token-for-prometheus"}
PEOPLE = {"ada": "a-token-for-ada-lovelace", "eve": "a-token-for-eve-visitor"}


def alert(name: str = "Slow", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "warning", **labels},
        "annotations": {"summary": f"{name} hurts"},
        "startsAt": "2026-03-02T12:00:00.000Z",
        "generatorURL": "http://prometheus/graph",
    }


def silence(*matchers: str, **more: Any) -> dict[str, Any]:
    told = [dict(zip(("name", "value"), it.split("="), strict=True)) for it in matchers]
    now = datetime.now(UTC)
    return {
        "matchers": [{**it, "isRegex": False, "isEqual": True} for it in told],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "grace",
        "comment": "planned",
        **more,
    }


@pytest.fixture
def opened(serve: Serve, stage: Stage) -> Open:
    async def start(**more: Any) -> httpx.AsyncClient:
        desks = stage.desks
        hearing = Hearing(
            stage.database, desks.clock, desks.playbook, stage.receiver, desks.incidents
        )
        return await serve(hearing=hearing, **more)

    return start


def with_playbook(stage: Stage, **changed: Any) -> None:
    before: Playbook = stage.desks.playbook()
    stage.desks.playbook.swap(replace(before, **changed))


async def settle(stage: Stage) -> None:
    """Let what silences say be heard."""
    desks = stage.desks
    await QuietKeeper(stage.database, desks.clock, desks.playbook, Wake()).look()


async def test_alerts_come_in_and_are_shown_as_there(opened: Open) -> None:
    client = await opened()
    answer = await client.post("/api/v2/alerts", json=[alert(), alert("Full", instance="db1")])
    assert (answer.status_code, answer.json()) == (200, {})
    shown = (await client.get("/api/v2/alerts")).json()
    assert sorted(it["labels"]["alertname"] for it in shown) == ["Full", "Slow"]
    slow = next(it for it in shown if it["labels"]["alertname"] == "Slow")
    assert slow["annotations"] == {"summary": "Slow hurts"}
    assert slow["generatorURL"] == "http://prometheus/graph"
    assert slow["startsAt"] == "2026-03-02T12:00:00.000Z"
    assert slow["receivers"] == [{"name": "ops"}]
    assert len(slow["fingerprint"]) == 16
    calm = {"silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    assert slow["status"] == {"state": "active", **calm}
    over = alert() | {"endsAt": "2026-03-02T12:30:00Z"}
    await client.post("/api/v2/alerts", json=[over])
    names = [it["labels"]["alertname"] for it in (await client.get("/api/v2/alerts")).json()]
    assert names == ["Full"]


async def test_groups_and_receivers(opened: Open) -> None:
    client = await opened()
    await client.post("/api/v2/alerts", json=[alert(instance="a"), alert(instance="b")])
    [group] = (await client.get("/api/v2/alerts/groups")).json()
    assert (group["labels"], group["receiver"]) == ({"alertname": "Slow"}, {"name": "ops"})
    assert sorted(it["labels"]["instance"] for it in group["alerts"]) == ["a", "b"]
    assert (await client.get("/api/v2/receivers")).json() == [{"name": "ops"}]
    status = (await client.get("/api/v2/status")).json()
    assert status["cluster"] == {"status": "disabled", "peers": []}
    assert "receiver: ops" in status["config"]["original"]
    assert status["versionInfo"]["revision"].startswith("tocsin ")


async def test_groups_stand_in_alertmanagers_order(opened: Open, stage: Stage) -> None:
    policies = stage.desks.playbook().policies
    both = policies | {"a": replace(policies["ops"], name="a")}
    with_playbook(stage, policies=both, routes=(Route(matchers=(), policy="a", goes_on=True),
        Route(matchers=(), policy="ops")))  # fmt: skip
    client = await opened()
    await client.post("/api/v2/alerts", json=[alert("B"), alert("A")])
    shown = (await client.get("/api/v2/alerts/groups")).json()
    assert [(it["labels"]["alertname"], it["receiver"]["name"]) for it in shown] == [
        ("A", "a"),
        ("A", "ops"),
        ("B", "a"),
        ("B", "ops"),
    ]


async def test_long_lists_are_whole(opened: Open) -> None:
    """Long lists are written piece by piece; seven hundred alerts in seven groups all come out."""
    client = await opened()
    told = [alert(f"Rule{number % 7}", instance=f"db{number}") for number in range(700)]
    for start in range(0, 700, 250):
        answer = await client.post("/api/v2/alerts", json=told[start : start + 250])
        assert answer.status_code == 200
    shown = (await client.get("/api/v2/alerts")).json()
    assert {it["labels"]["instance"] for it in shown} == {f"db{number}" for number in range(700)}
    groups = (await client.get("/api/v2/alerts/groups")).json()
    assert len(groups) == 7
    assert sum(len(it["alerts"]) for it in groups) == 700


@pytest.mark.parametrize(("query", "names"), [
    ('filter=instance="a"', ["A"]),
    ("filter=instance=a b", []),
    ("filter=instance=&filter=severity = warning", []),
    ("filter=instance!=&filter=alertname=~A\\w*", ["A"]),
    ('filter=instance!=\\"a\\"&filter=alertname=A', ["A"]),
    ("active=&silenced=no&receiver=", ["A", "B"]),
    ("active=off", []),
    ('filter=alertname=~"A|B"&filter=instance!="a"', ["B"]),
    ("receiver=ops", ["A", "B"]),
    ("receiver=o", []),
    ("active=false", []),
    ("active=true&silenced=false", ["A", "B"]),
])  # fmt: skip
async def test_filters(opened: Open, query: str, names: list[str]) -> None:
    client = await opened()
    both = [alert("A", instance="a"), alert("B", instance="b")]
    await client.post("/api/v2/alerts", json=both)
    shown = (await client.get(f"/api/v2/alerts?{query}")).json()
    assert sorted(it["labels"]["alertname"] for it in shown) == names


async def test_a_silence_from_its_beginning_to_its_end(opened: Open, stage: Stage) -> None:
    client = await opened()
    await client.post("/api/v2/alerts", json=[alert("A", team="x"), alert("B", team="y")])
    made = await client.post("/api/v2/silences", json=silence("team=x"))
    uuid = made.json()["silenceID"]
    await settle(stage)
    states = {
        it["labels"]["alertname"]: it["status"]
        for it in (await client.get("/api/v2/alerts")).json()
    }
    assert states["A"]["state"] == "suppressed"
    assert states["A"]["silencedBy"] == [uuid]
    assert states["B"]["state"] == "active"
    heard = (await client.get("/api/v2/alerts?silenced=false")).json()
    assert [it["labels"]["alertname"] for it in heard] == ["B"]
    one = (await client.get(f"/api/v2/silence/{uuid}")).json()
    assert (one["status"], one["createdBy"]) == ({"state": "active"}, "grace")
    assert one["matchers"] == [{"name": "team", "value": "x", "isRegex": False, "isEqual": True}]
    longer = silence("team=x", id=uuid, comment="takes longer")
    assert (await client.post("/api/v2/silences", json=longer)).json() == {"silenceID": uuid}
    other = await client.post("/api/v2/silences", json=silence("team=y", id=uuid))
    assert other.json()["silenceID"] != uuid
    listed = (await client.get("/api/v2/silences")).json()
    assert [it["status"]["state"] for it in listed] == ["active", "expired"]
    assert [it["comment"] for it in listed] == ["planned", "takes longer"]
    for query, count in (('team="y"', 1), ('team!="y"', 0), ('team=~"y|z"', 0), ('other=""', 0)):
        asked = {"filter": query}
        assert len((await client.get("/api/v2/silences", params=asked)).json()) == count, query
    for _ in range(2):
        gone = await client.delete(f"/api/v2/silence/{other.json()['silenceID']}")
        assert gone.status_code == 200
    await settle(stage)
    assert len((await client.get("/api/v2/alerts?silenced=false")).json()) == 2


async def test_a_silence_that_is_to_begin_later_ends_now(opened: Open) -> None:
    client, now = await opened(), datetime.now(UTC)
    made = (await client.post("/api/v2/silences", json=silence("team=x"))).json()["silenceID"]
    times = {"startsAt": now + timedelta(hours=20), "endsAt": now + timedelta(hours=21)}
    later = silence("team=x", id=made, **{key: at.isoformat() for key, at in times.items()})
    moved = (await client.post("/api/v2/silences", json=later)).json()["silenceID"]
    assert moved != made
    shown = {it["id"]: it for it in (await client.get("/api/v2/silences")).json()}
    assert shown[made]["status"] == {"state": "expired"}
    assert shown[moved]["status"] == {"state": "pending"}


async def test_a_route_that_is_not_heard_now_is_no_silence(opened: Open, stage: Stage) -> None:
    muted = Route(matchers=(), policy="ops", group_by=("...",), mute=("always",), goes_on=True)
    ways = (muted, Route(matchers=(), policy="ops"))
    with_playbook(stage, routes=ways, intervals={"always": (Times(),)})
    client = await opened()
    await client.post("/api/v2/alerts", json=[alert()])
    await settle(stage)
    for query in ("silenced=false", "inhibited=false", "muted=false", "active=true"):
        assert len((await client.get(f"/api/v2/alerts?{query}")).json()) == 1, query
    assert (await client.get("/api/v2/alerts?active=false")).json() == []


async def test_a_silence_may_name_what_it_leaves_out(opened: Open) -> None:
    client = await opened()
    but = {"name": "severity", "value": "critical", "isRegex": False, "isEqual": False}
    made = await client.post("/api/v2/silences", json=silence("a=b", matchers=[but]))
    assert made.status_code == 200
    uuid = made.json()["silenceID"]
    assert (await client.get(f"/api/v2/silence/{uuid}")).json()["matchers"] == [but]
    unsaid = {"name": "a", "value": "b", "isRegex": False, "isEqual": None}
    made = await client.post("/api/v2/silences", json=silence("a=b", matchers=[unsaid]))
    assert made.status_code == 200


async def test_what_its_clients_do_not_know_of_a_silence_stays(opened: Open, stage: Stage) -> None:
    client = await opened()
    await client.post("/api/v2/alerts", json=[alert("A", team="x")])
    desks = stage.desks
    desk = SilenceDesk(stage.database, desks.clock, desks.playbook)
    now = desks.clock.utc_now()
    plain = Silence(
        id=SilenceId(0),
        uuid="",
        matchers=(Matcher("team", MatchOp.EQUAL, "x"),),
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        created_by="ada",
        updated_at=now,
    )
    work = replace(plain, kind=SilenceKind.MAINTENANCE)
    daily = replace(work, rule="FREQ=DAILY", ends_at=None, lasts=timedelta(hours=1))
    until = replace(plain, until_resolved=True)
    for wanted, answer in ((work, 200), (until, 200), (daily, 400)):
        async with stage.database.reading() as tx:
            covered = [it.fingerprint for it in await standing.firing(tx)]
        made = await desk.make(wanted, covered, actor="ada", via="chat")
        told = (await client.get(f"/api/v2/silence/{made.uuid}")).json()
        end = (now + timedelta(hours=2)).isoformat()
        changed = await client.post("/api/v2/silences", json=told | {"endsAt": end})
        assert changed.status_code == answer, changed.text
        async with stage.database.reading() as tx:
            kept = await silences.by_uuid(tx, made.uuid)
        assert kept
        assert (kept.kind, kept.until_resolved, kept.rule) == (
            wanted.kind,
            wanted.until_resolved,
            wanted.rule,
        )
        assert (kept.ends_at == now + timedelta(hours=2)) is (answer == 200)


async def test_inhibition_names_who_hides(opened: Open, stage: Stage) -> None:
    down = Matcher("alertname", MatchOp.EQUAL, "NodeDown")
    slow = Matcher("alertname", MatchOp.EQUAL, "Slow")
    rule = InhibitRule(source=(down,), target=(slow,), equal=("instance",))
    with_playbook(stage, inhibit=(rule,))
    client = await opened()
    both = [alert("NodeDown", instance="a"), alert(instance="a"), alert(instance="b")]
    await client.post("/api/v2/alerts", json=both)
    shown = (await client.get("/api/v2/alerts")).json()
    source = next(it for it in shown if it["labels"]["alertname"] == "NodeDown")
    hidden = [it for it in shown if it["status"]["state"] == "suppressed"]
    assert [it["labels"]["instance"] for it in hidden] == ["a"]
    assert hidden[0]["status"]["inhibitedBy"] == [source["fingerprint"]]


async def test_alerts_are_read_as_go_reads_them(opened: Open) -> None:
    """Keys in any case, null for an empty text, times without a zone in UTC, null for no list."""
    client = await opened()
    told = {
        "Labels": {"alertname": "Odd", "gone": None},
        "STARTSAT": "2026-03-02 12:00:00",
        "annotations": {"summary": None},
        "generatorUrl": "http://prometheus/",
    }
    assert (await client.post("/api/v2/alerts", json=[told])).status_code == 200
    assert (await client.post("/api/v2/alerts", content="null")).status_code == 200
    [shown] = (await client.get("/api/v2/alerts")).json()
    assert shown["labels"] == {"alertname": "Odd"}
    assert shown["startsAt"] == "2026-03-02T12:00:00.000Z"
    assert shown["generatorURL"] == "http://prometheus/"
    bare = [alert() | {"startsAt": at} for at in ("2026-03-02", "2026-03-02T12")]
    answer = await client.post("/api/v2/alerts", json=bare)
    assert "0 taken, 2 refused" in answer.text


async def test_silences_are_read_as_go_reads_them(opened: Open) -> None:
    client = await opened()
    end = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S")
    told = {key.capitalize(): value for key, value in silence("a=b").items()} | {"ENDSAT": end}
    told = {key: value for key, value in told.items() if key != "Endsat"}
    told["Matchers"] = [{"Name": "a", "Value": "b", "IsRegex": False}]
    assert (await client.post("/api/v2/silences", json=told)).status_code == 200
    [made] = (await client.get("/api/v2/silences")).json()
    assert made["endsAt"] == f"{end}.000Z"
    assert made["matchers"] == [{"name": "a", "value": "b", "isRegex": False, "isEqual": True}]


async def test_silences_stand_in_alertmanagers_order(opened: Open) -> None:
    """What ends soonest, what begins soonest, what was ended last."""
    client, now = await opened(), datetime.now(UTC)
    for name, start, end in (("a", 0, 3), ("b", 0, 2), ("c", 2, 4), ("d", 1, 5), ("e", 0, 9)):
        times = {"startsAt": start, "endsAt": end}
        times = {key: (now + timedelta(hours=n)).isoformat() for key, n in times.items()}
        made = await client.post("/api/v2/silences", json=silence(f"n={name}", **times))
        if name in "be":
            await client.delete(f"/api/v2/silence/{made.json()['silenceID']}")
    shown = (await client.get("/api/v2/silences")).json()
    assert [it["matchers"][0]["value"] for it in shown] == ["a", "d", "c", "e", "b"]


async def test_bad_alerts_are_named_and_the_good_ones_taken(opened: Open) -> None:
    client = await opened()
    bad = [{"labels": {}}, alert() | {"startsAt": "soon"}, alert("Good")]
    answer = await client.post("/api/v2/alerts", json=bad)
    assert answer.status_code == 400
    assert answer.json().startswith("1 taken, 2 refused: alert 0: labels: at least one")
    shown = (await client.get("/api/v2/alerts")).json()
    assert [it["labels"]["alertname"] for it in shown] == ["Good"]


@pytest.mark.parametrize(("method", "path", "body", "status"), [
    ("POST", "/alerts", {"labels": {}}, 400),
    ("POST", "/silences", [], 400),
    ("POST", "/silences", silence("a=b", matchers=[]), 400),
    ("POST", "/silences", silence("a="), 400),
    ("POST", "/silences", {k: v for k, v in silence("a=b").items() if k != "comment"}, 400),
    ("POST", "/silences", silence("a=b", startsAt=None), 400),
    ("POST", "/silences", silence("a=b", matchers=[None]), 400),
    ("POST", "/silences", silence("a=" + "b" * 70_000), 400),
    ("POST", "/silences", silence("a=b", endsAt="2020-01-01T00:00:00Z"), 400),
    ("POST", "/silences", silence("a=b", endsAt="2999-01-01T00:00:00Z"), 400),
    ("POST", "/silences", silence("a=b", id="0000"), 404),
    ("POST", "/silences", silence("a=b", matchers=[{"name": "a", "value": "(", "isRegex": True}]),
        400),
    ("GET", "/alerts?filter=x", None, 400),
    ("GET", "/alerts?active=maybe", None, 400),
    ("GET", "/alerts?receiver=(", None, 400),
    ("GET", "/silence/0000", None, 404),
    ("DELETE", "/silence/0000", None, 404),
])  # fmt: skip
async def test_what_is_wrong_is_refused_in_words(
    opened: Open, method: str, path: str, body: Any, status: int
) -> None:
    client = await opened()
    answer = await client.request(method, f"/api/v2{path}", json=body)
    assert answer.status_code == status
    assert isinstance(answer.json(), str)


async def test_who_may_tell_and_who_may_silence(opened: Open) -> None:
    client = await opened(ingest_tokens=TOKENS, people_tokens=PEOPLE)
    assert (await client.post("/api/v2/alerts", json=[alert()])).status_code == 401
    sender = ("any", TOKENS["prometheus"])
    assert (await client.post("/api/v2/alerts", json=[alert()], auth=sender)).status_code == 200
    assert (await client.get("/api/v2/alerts")).status_code == 401
    ada, eve = ("ada", PEOPLE["ada"]), ("eve", PEOPLE["eve"])
    assert len((await client.get("/api/v2/alerts", auth=eve)).json()) == 1
    refused = await client.post("/api/v2/silences", json=silence("team=x"), auth=eve)
    assert (refused.status_code, "respond" in refused.json()) == (403, True)
    made = await client.post("/api/v2/silences", json=silence("team=x"), auth=ada)
    assert made.status_code == 200
    assert ADA == "ada"
