"""Slack over HTTP: what is not Slack's has no effect, what is Slack's is done once, in time."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.chat import slack_http
from storage.model.incident import Status
from tests.bot.chat.slack_office import Office, heard, office
from tests.vendors.slack_http import FORM, JSON, body_of
from tests.vendors.slack_interaction import Interaction
from tests.vendors.slack_wire import signed


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, over="http") as made:
        yield made


def now(place: Office) -> float:
    return place.server.http.now()


def sealed(place: Office, body: bytes, kind: str = FORM, after: float = 0.0) -> dict[str, str]:
    """Sign as Slack would, so many seconds from now."""
    at = now(place) + after
    return {"Content-Type": kind, **signed(place.server.signing_secret, body, at)}


async def ack_of(place: Office) -> tuple[Interaction, bytes]:
    """Write what Slack would send for `/tocsin ack 1` and do not send it."""
    there, place.server.http.url = place.server.http.url, "http://127.0.0.1:1/"
    typed = await place.server.command("/tocsin", "ack 1 of a forger")
    await place.server.until(lambda: typed.failed)
    place.server.http.url = there
    return typed, body_of(typed)[0]


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0=" + 64 * "0"},
        {"X-Slack-Signature": "v0=\u00e9\u00ff"},
        {"X-Slack-Signature": "v1=" + 64 * "0"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "1e9"},
        {"X-Slack-Request-Timestamp": "\u00b2"},
        {"X-Slack-Request-Timestamp": 400 * "9"},
        {"X-Slack-Request-Timestamp": "0"},
        {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Signature": ""},
    ],
    ids=lambda forged: "-".join(forged)[:30] + f"={next(iter(forged.values()))[:9]!r}",
)
async def test_what_slack_did_not_sign_has_no_effect(place: Office, forged: dict[str, str]) -> None:
    await place.fire()
    _, body = await ack_of(place)
    headers = {**sealed(place, body), **forged}
    assert (await place.server.http.post(body, headers))[0] == 401
    assert (await place.town.incident()).status is Status.TRIGGERED


@pytest.mark.parametrize("after", [-301.0, 301.0])
async def test_what_slack_signed_five_minutes_away_has_no_effect_and_is_said(
    place: Office, after: float
) -> None:
    await place.fire()
    _, body = await ack_of(place)
    assert (await place.server.http.post(body, sealed(place, body, after=after)))[0] == 401
    assert (await place.town.incident()).status is Status.TRIGGERED
    assert "set the clock" in place.mouth.problem
    assert (await place.server.http.post(body, sealed(place, body)))[0] == 200
    assert place.mouth.problem == ""


async def test_another_body_under_a_signature_of_slacks_has_no_effect(place: Office) -> None:
    await place.fire()
    _, body = await ack_of(place)
    headers = sealed(place, body)
    assert (await place.server.http.post(body.replace(b"ack", b"res"), headers))[0] == 401
    assert (await place.town.incident()).status is Status.TRIGGERED


GARBAGE = [
    b"",
    b"\xff\xfe\x00",
    b"payload",
    b"payload=",
    b"payload=nothing",
    b"payload=[]",
    b"payload=null",
    b"payload=7",
    b"command=%2Ftocsin",
    b"command=%2Ftocsin&user_id=%ff&text=%00%ed%a0%80",
    b"command=%2Fother&user_id=U1",
    b"{",
    b"[]",
    b"[" * 20_000,
    b'{"a":' * 20_000,
    b'{"type": "event_callback"}',
    b'{"type": "event_callback", "event": 7}',
    b'{"type": "event_callback", "event": {"type": {}}, "authorizations": 7}',
    b'{"type": "url_verification"}',
    b'{"type": "block_actions", "actions": []}',
    b'{"type": "block_actions", "actions": [7], "user": 7}',
    b'{"type": "block_actions", "actions": [{"action_id": 7, "value": {}}], "user": {"id": {}}}',
    b'{"type": "block_actions", "actions": [{"action_id": "ack", "type": "button"}], "team": 7}',
    b'{"type": "view_submission", "view": null}',
    b'{"type": {"type": []}}',
]


@pytest.mark.parametrize("kind", [FORM, JSON, "text/plain; charset=\u00e9", ""])
async def test_garbage_is_no_fault_of_ours_signed_or_not(place: Office, kind: str) -> None:
    for body in (*GARBAGE, *(urlencode({"payload": it}).encode() for it in GARBAGE[11:])):
        assert (await place.server.http.post(body, {"Content-Type": kind}))[0] == 401
        status, text = await place.server.http.post(body, sealed(place, body, kind))
        assert status in (200, 400, 404), (body[:80], status, text)
    await place.fire()
    assert "CheckoutSlow" in await place.ask("alerts")


async def test_odd_text_from_people_is_answered(place: Office) -> None:
    await place.fire()
    for text in ("\x00", "ack 1 \x00\x1b[31m \u202e evil", "=cmd()|' /C calc'!A0"):
        assert "inside Tocsin" not in await place.ask(text)


async def test_giants_and_slow_senders_are_cut_off(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    giant = b"a" * (slack_http.LARGEST + 1)
    assert (await place.server.http.post(giant, sealed(place, giant)))[0] == 413
    monkeypatch.setattr(slack_http, "PATIENCE", 0.2)

    async def drop_by_drop() -> AsyncIterator[bytes]:
        yield b"command="
        await asyncio.sleep(2.0)

    async with (
        aiohttp.ClientSession() as session,
        session.post(place.server.http.url, data=drop_by_drop()) as answer,
    ):
        assert answer.status == 408


async def test_a_request_that_is_sent_again_does_and_says_nothing_twice(place: Office) -> None:
    await place.fire()
    typed = await place.server.command("/tocsin", "ack 1 once")
    await heard(typed)
    assert {await place.server.replay(typed) for _ in range(5)} == {200}
    await place.restart()  # what is remembered is on disk
    place.server.sockets.interactions[typed.envelope_id] = typed
    assert {await place.server.replay(typed) for _ in range(2)} == {200}
    await place.ask("alerts")
    assert len(typed.replies) == 1
    assert sum("once" in fact for fact in await place.town.facts()) == 1


async def test_a_flood_of_one_request_leaves_room_for_people(place: Office) -> None:
    await place.fire()
    typed = await place.server.command("/tocsin", "alerts")
    await heard(typed)
    statuses = await asyncio.gather(*(place.server.replay(typed) for _ in range(100)))
    assert set(statuses) == {200}
    assert "CheckoutSlow" in await place.ask("alerts")
    assert len(typed.replies) == 1


async def test_a_press_replayed_after_the_incident_came_back_does_not_answer_it(
    place: Office,
) -> None:
    """The danger of a replay: an old acknowledgement takes a new alarm."""
    top = await place.fire()
    pressed = await place.server.press("C1", top.ts, "ack")
    await heard(pressed)
    await place.ask("resolve 1")
    await place.town.fire()
    await place.deliver()
    before = (await place.town.incident()).status
    assert await place.server.replay(pressed) == 200
    await place.restart()
    assert await place.server.replay(pressed) == 200
    await place.ask("alerts")
    assert (await place.town.incident()).status is before


async def test_events_are_taken_each_time_they_come(place: Office) -> None:
    event = await place.server.event({"type": "app_home_opened", "user": "U1"})
    await event.ack()
    for retry in (1, 2, 3):
        await place.server.redeliver(event, retry)
    await place.server.until(lambda: len(event.statuses) == 4)
    assert event.statuses == [200] * 4


async def test_slacks_question_whether_the_address_is_ours_is_answered(place: Office) -> None:
    body = json.dumps({"type": "url_verification", "token": "x", "challenge": "3eZbrw1a"}).encode()
    status, text = await place.server.http.post(body, sealed(place, body, JSON))
    assert (status, json.loads(text)) == (200, {"challenge": "3eZbrw1a"})
    assert (await place.server.http.post(body, {"Content-Type": JSON}))[0] == 401


async def test_a_look_at_the_certificate_needs_no_signature_and_does_nothing(
    place: Office,
) -> None:
    await place.fire()
    body = b"ssl_check=1&token=x&command=%2Ftocsin&text=ack+1&user_id=U1&trigger_id=t"
    assert await place.server.http.post(body, {"Content-Type": FORM}) == (200, "")
    async with (
        aiohttp.ClientSession() as session,
        session.get(place.server.http.url) as answer,
    ):
        assert answer.status == 200
    assert (await place.town.incident()).status is Status.TRIGGERED


async def test_while_stopping_a_press_fails_visibly(place: Office) -> None:
    top = await place.fire()
    await place.mouth.stop()
    pressed = await place.server.press("C1", top.ts, "ack")
    await place.server.until(lambda: pressed.failed)
    assert pressed.statuses == [503]
    assert (await place.town.incident()).status is Status.TRIGGERED
