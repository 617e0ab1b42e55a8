"""Signed links, from the mail to the answer: who holds one answers, a look changes nothing."""

import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from bot.channels.email import CHANNEL, Email, EmailOptions
from bot.channels.links import LASTING, Answer, AnswerLinks, kept_secret
from routing.delivery.compose import Scene, notice_message, page_message
from routing.flow.current import Current
from routing.flow.deliver import Sender
from routing.flow.wake import Wake
from routing.incidents.events import Acknowledge, Resolve
from routing.playbook import Playbook
from storage.clock import SystemClock
from storage.model.alert import Alert, AlertStatus
from storage.model.incident import Incident, IncidentId, Status, Verdict
from storage.model.labels import Labels
from storage.model.person import ContactPoint, PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind
from storage.sql import audit, incidents
from tests.bot.web.conftest import ADA, EVE, Serve, Stage
from tests.fakes import ManualClock
from tests.vendors.smtp import Relay

PUBLIC = "https://tocsin.example.com"
ADDRESS, LIST = "ada@example.com", "alarms@example.com"
SECRET = "a-secret-of-the-tests"


def with_mail(before: Playbook) -> Playbook:
    """Let Ada be paged by mail, and a list read along."""
    ada = Target(kind=TargetKind.PERSON, name=ADA)
    policy = Policy(
        name="ops",
        steps=(Step(after=timedelta(0), targets=(ada,), by=("email",)),),
        rooms=(Room(channel="email", address=LIST),),
    )
    people = dict(before.people)
    contact = ContactPoint(channel="email", address=ADDRESS)
    people[ADA] = replace(people[ADA], contacts=(contact,))
    return replace(before, people=people, policies={"ops": policy}, link=PUBLIC)


@pytest.fixture
async def links(stage: Stage) -> AnswerLinks:
    stage.desks.playbook.swap(with_mail(stage.desks.playbook()))
    return AnswerLinks(SECRET, stage.desks.playbook, stage.desks.clock)


@pytest.fixture
async def client(serve: Serve, links: AnswerLinks) -> httpx.AsyncClient:
    # As the world sees it: no console, and not only this machine may ask.
    return await serve(links=links, console=None, listens_on="0.0.0.0")


async def an_incident(stage: Stage, name: str = "CheckoutSlow") -> Incident:
    labels = Labels.of(alertname=name, severity="critical")
    await stage.receiver.receive([Alert(labels=labels, starts_at=SystemClock().utc_now())])
    return await incident_of(stage)


async def incident_of(stage: Stage, number: int = 1) -> Incident:
    async with stage.database.reading() as tx:
        return await incidents.get(tx, IncidentId(number))


def link(links: AnswerLinks, verb: str = "ack", person: PersonId = ADA, **changed: int) -> str:
    said = {"incident": 1, "round": 0, "ends": int(SystemClock().utc_now().timestamp()) + 3_600}
    said |= changed
    answer = Answer(
        incident=IncidentId(said["incident"]),
        round=said["round"],
        verb=verb,
        person=person,
        ends=said["ends"],
    )
    return f"/answer/{links.token(answer)}"


async def test_from_the_mail_to_the_answer(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    await an_incident(stage)
    async with Relay() as relay:
        options = EmailOptions(
            host="127.0.0.1", port=relay.port, tls="off", from_address="tocsin@example.com"
        )
        email = Email(options)
        email.take_links(links)
        sender = Sender(
            stage.database,
            stage.desks.clock,
            {"email": (CHANNEL, email)},
            stage.desks.playbook,
            Wake(),
            "tests",
        )
        await sender.send_due()
        await email.close()
    mails = {taken.to[0]: taken for taken in relay.taken}
    assert set(mails) == {ADDRESS, LIST}
    assert "/answer/" not in mails[LIST].text() + mails[LIST].html(), "a list is nobody"
    found = re.findall(rf"^(\w+): {PUBLIC}(/answer/\S+)$", mails[ADDRESS].text(), re.MULTILINE)
    assert [label for label, _ in found] == ["Acknowledge", "Resolve"]
    assert all(f'href="{PUBLIC}{path}"' in mails[ADDRESS].html() for _, path in found)
    (_, ack), (_, resolve) = found

    for _ in range(3):  # whatever looks into the mail on its way
        looked = await client.get(ack)
        await client.head(resolve)
    assert (looked.status_code, "Acknowledge as Ada" in looked.text) == (200, True)
    assert (await incident_of(stage)).status is Status.TRIGGERED

    answered = await client.post(ack)
    assert answered.status_code == 200
    assert "Yours for" in answered.text
    now = await incident_of(stage)
    assert (now.status, now.owner) == (Status.ACKNOWLEDGED, ADA)

    again = await client.post(ack)
    assert "Nothing is left to answer: it is acknowledged by Ada." in again.text
    assert "<button" not in again.text
    assert "Resolved; it still fires" in (await client.post(resolve)).text
    assert (await incident_of(stage)).status is Status.RESOLVED
    assert "it is resolved by Ada" in (await client.get(resolve)).text
    async with stage.database.reading() as tx:
        rows = await audit.of_incident(tx, IncidentId(1))
    assert [(row.actor, row.what) for row in rows if row.via == "link"] == [
        ("ada", "acknowledged"),
        ("ada", "resolved"),
    ]


async def test_the_page_is_strict(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    await an_incident(stage, '<script>alert("x")</script>')
    page = await client.get(link(links))
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert (await client.get("/answer.css")).headers["content-type"].startswith("text/css")


def forged(links: AnswerLinks) -> list[str]:
    right = link(links)
    said, _, signature = right.rpartition(".")
    other = AnswerLinks("another-secret", Current(nobody()), SystemClock())
    return [
        right[:-1],
        right[:-1] + ("0" if right[-1] != "0" else "1"),
        said + "." + signature.upper(),
        right.replace("/1.0.ack", "/2.0.ack"),
        right.replace(".ack.", ".resolve."),
        right.replace(".ada.", ".eve."),
        right.replace("/1.0.", "/1.1."),
        link(other),
        "/answer/x",
        "/answer/....",
        "/answer/%F0%9F%92%A9.%00",
        "/answer/" + "9" * 5_000,
    ]


def nobody() -> Playbook:
    return Playbook(people={}, oncall={}, policies={}, default="")


async def test_what_we_did_not_sign_is_told_so_and_learns_nothing(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    await an_incident(stage)
    told = set()
    for address in forged(links):
        for answer in (await client.get(address), await client.post(address)):
            assert (address, answer.status_code) == (address, 403)
            told.add(answer.text)
    (text,) = told
    assert "not one of ours" in text
    assert "CheckoutSlow" not in text
    assert (await incident_of(stage)).status is Status.TRIGGERED


async def test_a_signed_verb_that_no_link_may_say_is_refused(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    await an_incident(stage)
    for verb in ("oncall take 8h", "report", "snooze 30m"):
        assert (await client.post(link(links, verb))).status_code == 403


async def test_a_link_ends(stage: Stage, links: AnswerLinks, client: httpx.AsyncClient) -> None:
    await an_incident(stage)
    ended = link(links, ends=int(SystemClock().utc_now().timestamp()) - 1)
    for answer in (await client.get(ended), await client.post(ended)):
        assert answer.status_code == 410
        assert "This link ended at" in answer.text
        assert "`ack 1`" in answer.text
    assert (await incident_of(stage)).status is Status.TRIGGERED


async def test_an_incident_that_moved_on_is_told(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    first = await an_incident(stage)
    address = link(links)
    await stage.desks.incidents.apply(first.id, Acknowledge(by=EVE), actor="eve", via="cli")
    by_another = await client.post(address)
    assert "acknowledged by Eve" in by_another.text
    assert (await incident_of(stage)).owner == EVE, "nothing was taken from Eve"

    labels = Labels.of(alertname="CheckoutSlow", severity="critical")
    alert = Alert(labels=labels, starts_at=SystemClock().utc_now())
    over = replace(alert, status=AlertStatus.RESOLVED, ends_at=SystemClock().utc_now())
    await stage.receiver.receive([over])
    assert "it is resolved" in (await client.post(address)).text
    await stage.receiver.receive([replace(alert, starts_at=SystemClock().utc_now())])
    raised = await incident_of(stage)
    assert (raised.status, raised.round) == (Status.TRIGGERED, 1)
    old = await client.post(address)
    assert "raised anew since this link was made" in old.text
    assert (await incident_of(stage)).status is Status.TRIGGERED
    assert (await client.post(link(links, round=1))).status_code == 200
    assert (await incident_of(stage)).owner == ADA


async def test_who_lost_the_right_or_left_is_told(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    await an_incident(stage)
    viewer = await client.post(link(links, person=EVE))
    assert (viewer.status_code, "permission" in viewer.text) == (409, True)
    gone = await client.post(link(links, person=PersonId("gone")))
    assert (gone.status_code, "not in the configuration" in gone.text) == (403, True)
    none = await client.get(link(links, incident=99))
    assert (none.status_code, "#99 is not kept" in none.text) == (404, True)
    assert (await incident_of(stage)).status is Status.TRIGGERED


async def test_guessing_is_slowed_down_and_locks_nobody_out(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    await an_incident(stage)
    guesses = [(await client.get(f"/answer/guess.{n}")).status_code for n in range(80)]
    assert set(guesses) == {403, 429}
    assert (await client.get(link(links))).status_code == 200
    looks = [(await client.get(link(links))).status_code for _ in range(30)]
    assert set(looks) == {200, 429}
    assert (await client.get(link(links, person=EVE))).status_code == 200


async def test_without_a_public_address_there_are_no_links(
    stage: Stage, links: AnswerLinks
) -> None:
    assert links.person("email", ADDRESS) == stage.desks.playbook().people[ADA]
    assert links.person("email", "somebody@example.com") is None
    found = await an_incident(stage)
    scene = Scene(
        incident=found, alerts=(), playbook=stage.desks.playbook(), now=SystemClock().utc_now()
    )
    ada = stage.desks.playbook().people[ADA]
    message = page_message(scene, ADDRESS)
    assert [it.label for it in links.links(message, ada)] == ["Acknowledge", "Resolve"]
    stage.desks.playbook.swap(replace(stage.desks.playbook(), link=""))
    assert links.links(message, ada) == ()


async def test_a_link_lasts_a_day(stage: Stage) -> None:
    clock = ManualClock()
    links = AnswerLinks(SECRET, stage.desks.playbook, clock)
    token = link(links, ends=int((clock.utc_now() + LASTING).timestamp())).rpartition("/")[2]
    answer = links.read(token)
    assert answer is not None
    clock.jump(LASTING.total_seconds() - 1)
    assert not links.is_over(answer)
    clock.jump(1)
    assert links.is_over(answer)


async def test_the_secret_is_made_once_and_kept(stage: Stage) -> None:
    made = await kept_secret(stage.database)
    assert len(made) == 64
    assert await kept_secret(stage.database) == made


async def test_the_mail_that_says_it_is_over_asks_what_it_was_worth(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    incident = await an_incident(stage)
    await stage.desks.incidents.apply(incident.id, Resolve(by=EVE), actor=EVE, via="console")
    scene = Scene(
        incident=await incident_of(stage),
        alerts=(),
        playbook=stage.desks.playbook(),
        now=SystemClock().utc_now(),
    )
    made = links.links(notice_message(scene, "resolved by eve"), scene.playbook.people[ADA])
    assert [one.label for one in made] == ["Real alarm", "False alarm", "No action needed"]
    assert all(" " not in one.address for one in made)
    path = made[1].address.removeprefix(PUBLIC)
    looked = await client.get(path)
    assert "False alarm as Ada" in looked.text
    assert (await incident_of(stage)).verdict is None, "a look changes nothing"
    assert "Noted, a false alarm" in (await client.post(path)).text
    after = await incident_of(stage)
    assert (after.verdict, after.verdict_by) == (Verdict.FALSE, ADA)
    other = made[0].address.removeprefix(PUBLIC)
    await client.post(other)
    assert (await incident_of(stage)).verdict is Verdict.REAL


async def test_a_forged_verdict_is_none(client: httpx.AsyncClient, links: AnswerLinks) -> None:
    for verb in ("verdict maybe", "reload", "verdict-real"):
        assert (await client.post(link(links, verb))).status_code in (403, 404)


async def test_mails_that_say_it_is_over_carry_the_question_to_those_asked_and_to_lists(
    stage: Stage, links: AnswerLinks, client: httpx.AsyncClient
) -> None:
    incident = await an_incident(stage)
    async with Relay() as relay:
        options = EmailOptions(
            host="127.0.0.1", port=relay.port, tls="off", from_address="tocsin@example.com"
        )
        email = Email(options)
        email.take_links(links)
        sender = Sender(
            stage.database,
            stage.desks.clock,
            {"email": (CHANNEL, email)},
            stage.desks.playbook,
            Wake(),
            "tests",
        )
        await sender.send_due()
        await stage.desks.incidents.apply(incident.id, Resolve(by=EVE), actor=EVE, via="console")
        await sender.send_due()
        await email.close()
    newest = {taken.to[0]: taken for taken in relay.taken}
    said = rf"^(Real alarm|False alarm|No action needed): {PUBLIC}(/answer/\S+)$"
    of_ada = dict(re.findall(said, newest[ADDRESS].text(), re.MULTILINE))
    of_list = dict(re.findall(said, newest[LIST].text(), re.MULTILINE))
    assert list(of_ada) == list(of_list) == ["Real alarm", "False alarm", "No action needed"]
    await client.post(of_ada["Real alarm"])
    assert (await incident_of(stage)).verdict_by == ADA
    assert f"False alarm as Email {LIST}" in (await client.get(of_list["False alarm"])).text
    await client.post(of_list["False alarm"])
    after = await incident_of(stage)
    assert (after.verdict, after.verdict_by) == (Verdict.FALSE, f"Email {LIST}")


async def test_a_room_says_what_an_alarm_was_worth_and_nothing_else(
    stage: Stage, client: httpx.AsyncClient, links: AnswerLinks
) -> None:
    await an_incident(stage)
    for verb in ("ack", "resolve"):
        path = link(links, verb, PersonId("room:teams:6f7073"))
        assert (await client.post(path)).status_code == 403
    assert (await incident_of(stage)).status is Status.TRIGGERED
    await stage.desks.incidents.apply(IncidentId(1), Resolve(by=ADA), actor=ADA, via="console")
    path = link(links, "verdict none", PersonId("room:teams:6f7073"))
    assert "No action needed as Teams ops" in (await client.get(path)).text
    assert (await client.post(path)).status_code == 200
    assert (await incident_of(stage)).verdict_by == "Teams ops"
