"""The JSON API: only those whom a token names, and what they hear."""

from storage.clock import SystemClock
from storage.model.alert import Alert
from storage.model.labels import Labels
from tests.bot.web.conftest import ADA, EVE, Serve, Stage

TOKENS = {ADA: "the-token-of-ada", EVE: "the-token-of-eve", "gone": "the-token-of-nobody"}
AS_ADA = {"Authorization": "Bearer the-token-of-ada"}
AS_EVE = {"Authorization": "Bearer the-token-of-eve"}


async def an_incident(stage: Stage, name: str = "CheckoutSlow") -> None:
    labels = Labels.of(alertname=name, severity="critical")
    await stage.receiver.receive([Alert(labels=labels, starts_at=SystemClock().utc_now())])


async def test_a_token_names_a_person(serve: Serve) -> None:
    client = await serve(people_tokens=TOKENS)
    bearers = {None: 401, "something-else": 403, "the-token-of-nobody": 403, TOKENS[EVE]: 200}
    for token, status in bearers.items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await client.get("/api/v1/incidents", headers=headers)
        assert (token, answer.status_code) == (token, status)


async def test_incidents_are_listed_and_shown(serve: Serve, stage: Stage) -> None:
    await an_incident(stage)
    client = await serve(people_tokens=TOKENS)
    listed = (await client.get("/api/v1/incidents?status=open", headers=AS_EVE)).json()
    [found] = listed["incidents"]
    assert (found["title"], found["status"], found["severity"]) == (
        "CheckoutSlow",
        "triggered",
        "critical",
    )
    shown = (await client.get(f"/api/v1/incidents/{found['number']}", headers=AS_EVE)).json()
    assert shown["history"][0]["what"] == "opened"
    assert shown["next"][-1]["what"] == "step 1 reaches nobody, as things stand"
    none = await client.get("/api/v1/incidents?status=resolved", headers=AS_EVE)
    assert none.json() == {"incidents": []}


QUESTIONS = {
    "status=open' OR 1=1 --": 400,
    "status=%00": 400,
    "limit=0": 400,
    "limit=1; DROP TABLE incidents": 400,
    "limit=99999999999999999999": 400,
    "limit=²": 400,
    "limit=2": 200,
}


async def test_odd_questions_are_refused_in_words(serve: Serve) -> None:
    client = await serve(people_tokens=TOKENS)
    answers = {
        query: (await client.get(f"/api/v1/incidents?{query}", headers=AS_EVE)).status_code
        for query in QUESTIONS
    }
    assert answers == QUESTIONS


async def test_no_such_incident(serve: Serve, stage: Stage) -> None:
    await an_incident(stage)
    client = await serve(people_tokens=TOKENS)
    for number in ("999", "99999999999999999999999", "1%27%20OR%201=1", "-1"):
        answer = await client.get(f"/api/v1/incidents/{number}", headers=AS_ADA)
        assert (number, answer.status_code) == (number, 404)


async def test_a_command_is_done_as_the_person(serve: Serve, stage: Stage) -> None:
    await an_incident(stage)
    client = await serve(people_tokens=TOKENS)
    said = {"text": "ack 1 looking at it'; DROP TABLE incidents; --"}
    answer = await client.post("/api/v1/command", json=said, headers=AS_ADA)
    assert (answer.status_code, answer.json()["refused"]) == (200, False)
    shown = (await client.get("/api/v1/incidents/1", headers=AS_ADA)).json()
    assert (shown["status"], shown["owner"]) == ("acknowledged", "ada")
    assert shown["history"][-1]["via"] == "cli"


async def test_who_may_only_look_is_refused_and_it_is_noted(serve: Serve, stage: Stage) -> None:
    await an_incident(stage)
    client = await serve(people_tokens=TOKENS)
    answer = await client.post("/api/v1/command", json={"text": "ack 1"}, headers=AS_EVE)
    assert (answer.status_code, answer.json()["refused"]) == (200, True)
    shown = (await client.get("/api/v1/incidents/1", headers=AS_EVE)).json()
    assert shown["status"] == "triggered"


COMMANDS = {
    (b"{", "application/json"): 400,
    (b"[]", "application/json"): 400,
    (b'{"text": 7}', "application/json"): 400,
    (b'{"text": " "}', "application/json"): 400,
    (b'{"text": "help"}', "text/plain"): 415,
    (b'{"text": "' + b"x" * 20_000 + b'"}', "application/json"): 413,
}


async def test_odd_commands_are_refused(serve: Serve) -> None:
    client = await serve(people_tokens=TOKENS)
    answers = {}
    for content, kind in COMMANDS:
        headers = {**AS_ADA, "Content-Type": kind}
        answer = await client.post("/api/v1/command", content=content, headers=headers)
        answers[content, kind] = answer.status_code
    assert answers == COMMANDS


async def test_why_is_answered_to_programs(serve: Serve, stage: Stage) -> None:
    await an_incident(stage)
    client = await serve(people_tokens=TOKENS)
    of_one = (await client.get("/api/v1/incidents/1/why", headers=AS_EVE)).json()
    assert (of_one["incident"], of_one["left_out"]) == (1, 0)
    assert of_one["headline"].startswith("Nobody was told")
    [alert] = of_one["alerts"]
    assert alert["labels"] == {"alertname": "CheckoutSlow", "severity": "critical"}
    assert [point["topic"] for point in alert["points"]] == [
        *("came in", "deduplicated", "muted", "routed", "grouped into")
    ]
    asked = ("alert=CheckoutSlow", f"fingerprint={alert['fingerprint']}")
    for query in asked:
        found = (await client.get(f"/api/v1/why?{query}", headers=AS_EVE)).json()
        assert [it["fingerprint"] for it in found["alerts"]] == [alert["fingerprint"]]
    every = (await client.get("/api/v1/why", headers=AS_EVE)).json()
    assert (every["firing"], every["muted"], every["hidden"]) == (1, 0, [])
    assert [it["incident"] for it in every["waiting"]] == [1]
    await client.post("/api/v1/command", json={"text": "resolve 1"}, headers=AS_ADA)
    every = (await client.get("/api/v1/why", headers=AS_EVE)).json()
    assert every["quiet"] == [{"incident": 1, "title": "CheckoutSlow", "resolved_by": "ada"}]
    shown = (await client.get("/api/v1/incidents/1", headers=AS_EVE)).json()
    assert (shown["quiet"], shown["muted"]) == (True, "")


async def test_an_incident_tells_its_alerts(serve: Serve, stage: Stage) -> None:
    await an_incident(stage)
    client = await serve(people_tokens=TOKENS)
    shown = (await client.get("/api/v1/incidents/1", headers=AS_EVE)).json()
    [alert] = shown["alerts"]
    assert alert["labels"] == {"alertname": "CheckoutSlow", "severity": "critical"}
    assert (alert["status"], alert["muted"], alert["ends_at"]) == ("firing", "", None)
    assert shown["alerts_left_out"] == 0


async def test_why_asks_for_a_token_and_for_sense(serve: Serve) -> None:
    client = await serve(people_tokens=TOKENS)
    for path in ("/api/v1/why", "/api/v1/incidents/1/why"):
        assert (await client.get(path)).status_code == 401
    assert (await client.get("/api/v1/incidents/7/why", headers=AS_EVE)).status_code == 404
    odd = await client.get("/api/v1/why?fingerprint=%25%25%25%25%25%25", headers=AS_EVE)
    assert odd.status_code == 400
    odd = await client.get("/api/v1/why?service=checkout", headers=AS_EVE)
    told = {"error": "found 'service'; expected alert or fingerprint"}
    assert (odd.status_code, odd.json()) == (400, told)
    none = await client.get("/api/v1/why?alert=%25", headers=AS_EVE)
    assert none.json() == {"alerts": []}
