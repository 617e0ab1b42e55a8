"""E-mail on the wire: what is sent, how safe it is, what every refusal becomes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from bot.channels import email_relay
from bot.channels.email import CHANNEL, Email, EmailOptions
from bot.config.secret import Secret
from routing.delivery.channel import Line, Message, Receipt, Rejected, TryLater
from routing.delivery.compose import ACTIONS
from storage.model.alert import Severity
from storage.model.delivery import Post, Purpose
from storage.model.incident import Status
from tests.fakes import NOON
from tests.vendors.smtp import DROP, SLOW, Relay

ADA, LIST = "ada@example.com", "alarms@example.com"
PASSWORD = "a-very-secret-pässword"
PAGE = Message(
    purpose=Purpose.PAGE,
    title="#42 CheckoutSlow",
    incident=42,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 is 3.2 s",
    facts=(("State", "triggered, asked Ada"), ("Severity", "critical"), ("Since", "12:03 UTC")),
    actions=ACTIONS[Status.TRIGGERED],
    thread="42.1772452800",
    stages=("triggered.0.0",),
)
ROOM = replace(PAGE, purpose=Purpose.ROOM, lines=(Line(id=7, at=NOON, text="Opened"),))
NOTICE = replace(PAGE, purpose=Purpose.NOTICE, summary="Ben has it", facts=(), actions=())
KEY = "incident/42/round/0/step/0/ada/email"
ROOM_KEY = f"incident/42/room/email/{LIST}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def certified(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
async def relay(authority: trustme.CA) -> AsyncIterator[Relay]:
    async with Relay(tls=certified(authority), user="tocsin", password=PASSWORD) as server:
        yield server


def options(relay: Relay, ca_file: Path | None, **changed: Any) -> EmailOptions:
    right: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": relay.port,
        "tls": "implicit" if relay.implicit else "starttls",
        "ca_file": ca_file,
        "username": "tocsin",
        "password": Secret(PASSWORD),
        "from_address": "tocsin@example.com",
    }
    return EmailOptions(**(right | changed))


Open = Callable[..., Email]


@pytest.fixture
async def opened(relay: Relay, ca_file: Path) -> AsyncIterator[Open]:
    """Return a function that opens the channel with changed options."""
    emails = []

    def open_one(to: Relay = relay, **changed: Any) -> Email:
        emails.append(Email(options(to, ca_file, **changed)))
        return emails[-1]

    yield open_one
    for email in emails:
        await email.close()


@pytest.fixture
def email(opened: Open) -> Email:
    return opened()


async def send(email: Email, message: Message = PAGE, key: str = KEY) -> Receipt:
    return await email.send(message, ADA, key, None)


async def show(email: Email, message: Message, post: Post | None) -> Receipt:
    return await email.send(message, LIST, ROOM_KEY, post)


async def test_a_page_says_what_it_is_in_its_subject(relay: Relay, email: Email) -> None:
    receipt = await send(email)
    (taken,) = relay.taken
    mail = taken.mail
    assert (taken.sender, taken.to) == ("tocsin@example.com", (ADA,))
    assert mail["Subject"] == "#42 CRITICAL CheckoutSlow"
    assert (mail["From"], mail["To"]) == ("Tocsin <tocsin@example.com>", ADA)
    assert receipt == Receipt(provider_id=mail["Message-ID"])
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert mail.get_content_type() == "multipart/alternative"
    for shown in (taken.text(), taken.html()):
        assert "CRITICAL" in shown
        assert "triggered, asked Ada" in shown
        assert "p99 is 3.2 s" in shown
    assert (CHANNEL.proves, CHANNEL.is_chat, CHANNEL.shows_rooms) == (False, False, True)


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
async def test_the_password_is_said_over_tls_only(
    authority: trustme.CA, opened: Open, implicit: bool
) -> None:
    async with Relay(
        tls=certified(authority), implicit=implicit, user="tocsin", password=PASSWORD
    ) as relay:
        email = opened(relay)
        await send(email)
        await email.close()
        assert relay.logins == [("tocsin", PASSWORD)]
        assert [(it.safe, it.user) for it in relay.taken] == [(True, "tocsin")]
        if not implicit:
            assert relay.heard[:2] == [b"EHLO example.com\r\n", b"STARTTLS\r\n"]


async def strangers(authority: trustme.CA) -> list[ssl.SSLContext]:
    return [certified(trustme.CA()), certified(authority, "another.example.com")]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize(
    ("which", "words"),
    [(0, "unable to get local issuer certificate"), (1, "IP address mismatch")],
    ids=["unknown-issuer", "another-name"],
)
async def test_a_bad_certificate_gets_neither_mail_nor_password(
    authority: trustme.CA, opened: Open, implicit: bool, which: int, words: str
) -> None:
    tls = (await strangers(authority))[which]
    async with Relay(tls=tls, implicit=implicit, user="tocsin", password=PASSWORD) as relay:
        with pytest.raises(Rejected, match="certificate is not believed") as refused:
            await send(opened(relay))
        assert words in str(refused.value)
        assert "channels.email.ca_file" in refused.value.advice
        assert (relay.taken, relay.logins) == ([], [])
        said = b"".join(relay.heard)
        assert said == (b"" if implicit else b"EHLO example.com\r\nSTARTTLS\r\n")


async def test_no_mail_goes_where_starttls_is_missing(opened: Open) -> None:
    async with Relay() as relay:
        with pytest.raises(Rejected, match="offers no STARTTLS, so nothing was sent") as refused:
            await send(opened(relay))
        assert "channels.email.tls" in refused.value.advice
        assert b"".join(relay.heard) == b"EHLO example.com\r\n"


async def test_the_wrong_kind_of_tls_is_said(relay: Relay, opened: Open) -> None:
    with pytest.raises(Rejected, match="does not speak TLS as expected") as refused:
        await send(opened(tls="implicit"))
    assert "587" in refused.value.advice
    assert relay.taken == []


async def test_tls_can_be_switched_off_but_not_with_a_password(opened: Open, ca_file: Path) -> None:
    async with Relay() as relay:
        email = opened(relay, tls="off", username="", password=None)
        await send(email)
        await email.close()
        assert [it.safe for it in relay.taken] == [False]
        with pytest.raises(ValueError, match="for all to read"):
            options(relay, ca_file, tls="off")


async def test_a_wrong_password_is_told_and_not_tried_by_every_mail(
    relay: Relay, opened: Open
) -> None:
    email = opened(password=Secret("a-wrong-secret"))
    for number in range(5):
        with pytest.raises(Rejected, match="535") as refused:
            await send(email, key=f"page/{number}")
        assert "a-wrong-secret" not in str(refused.value)
        assert refused.value.advice == "check channels.email.username and password"
    assert len(relay.logins) == 2, "by the two ways it offers; more would lock the account"


async def test_a_relay_that_repeats_the_password_is_not_quoted(relay: Relay, opened: Open) -> None:
    secret = "another-very-secret-one"
    relay.next("AUTH", *[f"535 no user with {secret}"] * 2)
    with pytest.raises(Rejected, match="535 no user with <secret>"):
        await send(opened(password=Secret(secret)))


async def test_a_relay_that_wants_a_login_is_understood(opened: Open) -> None:
    with pytest.raises(Rejected, match="530") as refused:
        await send(opened(username="", password=None))
    assert "username" in refused.value.advice


LATER = [
    pytest.param("RCPT", "450 4.2.0 greylisted, come back later", 40.0, id="450"),
    pytest.param("RCPT", "451 4.7.1 greylisting in action", 40.0, id="451"),
    pytest.param("MAIL", "451 4.7.1 try again later", 40.0, id="451-at-mail"),
    pytest.param("DATA", "451 4.3.0 local error", 40.0, id="451-at-data"),
    pytest.param("RCPT", "452 4.2.2 mailbox full", None, id="452"),
    pytest.param("MAIL", "421 4.3.2 shutting down", None, id="421"),
    pytest.param("RCPT", "421 4.7.0 too many", None, id="421-at-rcpt"),
    pytest.param("DATA", "421 4.3.2 shutting down", None, id="421-at-data"),
    pytest.param("AUTH", "454 4.7.0 not now", None, id="454-at-login"),
    pytest.param("MAIL", DROP, None, id="cut-at-mail"),
    pytest.param("RCPT", DROP, None, id="cut-at-rcpt"),
]


@pytest.mark.parametrize(("command", "answer", "after"), LATER)
async def test_what_may_pass_is_tried_later_and_sent_once(
    relay: Relay, email: Email, command: str, answer: str, after: float | None
) -> None:
    relay.next(command, *[answer] * (2 if command == "AUTH" else 1))  # two ways to log in
    with pytest.raises(TryLater) as later:
        await send(email)
    assert str(later.value).startswith(f"127.0.0.1:{relay.port}, mail to {ADA}: ")
    assert later.value.after == after
    assert relay.taken == []
    receipt = await send(email)
    assert [it.mail["Message-ID"] for it in relay.taken] == [receipt.provider_id]


async def test_an_answer_that_was_lost_sends_the_same_mail_again(
    relay: Relay, email: Email
) -> None:
    relay.takes_anyway = True
    relay.next("DATA", DROP)
    with pytest.raises(TryLater, match="the connection broke"):
        await send(email)
    receipt = await send(email)
    assert [it.mail["Message-ID"] for it in relay.taken] == [receipt.provider_id] * 2


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_slow_relay_is_not_waited_for_long(
    relay: Relay, email: Email, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_relay, "PATIENCE", 0.3)
    relay.next(command, SLOW)
    with pytest.raises(TryLater, match="no answer in time"):
        await send(email)
    monkeypatch.undo()
    await send(email)
    assert relay.connections == 2, "what hangs is not used again"


async def test_a_send_that_was_cut_off_leaves_a_working_channel(relay: Relay, email: Email) -> None:
    relay.takes_anyway = True
    relay.next("DATA", SLOW)
    sending = asyncio.create_task(send(email))
    await relay.until(lambda: relay.taken)
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    receipt = await send(email)
    assert [it.mail["Message-ID"] for it in relay.taken] == [receipt.provider_id] * 2


REFUSED = [
    pytest.param("RCPT", "550 5.1.1 no such user", "correct the e-mail address", id="550"),
    pytest.param("RCPT", "554 5.7.1 relay access denied", "relay take mail", id="not-relayed"),
    pytest.param("MAIL", "553 5.7.1 not yours", "channels.email.from_address", id="sender"),
    pytest.param("MAIL", "552 5.3.4 too large", "size", id="552"),
    pytest.param("DATA", "554 5.7.1 looks like spam", "content", id="content"),
    pytest.param("DATA", "552 5.3.4 too large", "size", id="552-at-data"),
]


@pytest.mark.parametrize(("command", "answer", "advice"), REFUSED)
async def test_a_refusal_is_final_says_what_to_do_and_keeps_the_connection(
    relay: Relay, email: Email, command: str, answer: str, advice: str
) -> None:
    relay.next(command, answer)
    with pytest.raises(Rejected) as refused:
        await send(email)
    assert answer in str(refused.value)
    assert advice in refused.value.advice
    await send(email)
    assert (len(relay.taken), relay.connections) == (1, 1)


async def test_a_mail_that_is_too_large_for_the_relay_is_refused(
    authority: trustme.CA, opened: Open
) -> None:
    async with Relay(
        tls=certified(authority), user="tocsin", password=PASSWORD, limit=500
    ) as relay:
        with pytest.raises(Rejected, match="552") as refused:
            await send(opened(relay))
        assert "size" in refused.value.advice


@pytest.mark.parametrize(
    "address", ["", "ada", "a@x.org\r\nBcc: b@x.org", "a@x.org, b@x.org", "<a@x.org> SIZE=1"]
)
async def test_an_address_that_is_none_reaches_no_relay(
    relay: Relay, email: Email, address: str
) -> None:
    with pytest.raises(Rejected, match="e-mail: found"):
        await email.send(PAGE, address, KEY, None)
    assert relay.connections == 0


async def test_a_foreign_domain_goes_in_plain_letters(relay: Relay, email: Email) -> None:
    await email.send(PAGE, "ada@bücher.example", KEY, None)
    assert relay.taken[0].to == ("ada@xn--bcher-kva.example",)


async def test_one_connection_serves_many(relay: Relay, email: Email) -> None:
    await asyncio.gather(*(send(email, key=f"page/{number}") for number in range(20)))
    assert (len(relay.taken), len(relay.logins)) == (20, 1)
    assert len({it.mail["Message-ID"] for it in relay.taken}) == 20


async def test_a_relay_that_went_away_is_found_again(relay: Relay, email: Email) -> None:
    await send(email)
    relay.cut()
    await send(email, key="after a cut")
    relay.next("MAIL", None, "421 4.4.2 idle too long")
    await send(email, key="before the relay had enough")
    await send(email, key="after it had enough")
    await relay.down()
    with pytest.raises(TryLater, match="cannot be reached"):
        await send(email, key="while away")
    await relay.up()
    await send(email, key="when it is back")
    assert len(relay.taken) == 5


async def test_an_idle_connection_is_let_go(
    relay: Relay, email: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_relay, "IDLE", 0.05)
    await send(email)
    async with asyncio.timeout(5):
        while b"QUIT\r\n" not in relay.heard:
            await asyncio.sleep(0.01)
    await send(email, key="later")
    assert len(relay.logins) == 2


# one thread an incident


def later(**changed: Any) -> Message:
    return replace(ROOM, **changed)


async def test_a_room_gets_one_thread(relay: Relay, email: Email) -> None:
    states = [
        later(),
        later(stages=("triggered.0.1",)),
        later(stages=("acknowledged.1772453000",), status=Status.ACKNOWLEDGED),
        later(stages=("acknowledged.1772453000", "no-data.1772453100")),
        later(stages=("resolved.1772453200",), status=Status.RESOLVED, severity=Severity.CRITICAL),
    ]
    post: Post | None = None
    for state in states:
        post = (await show(email, state, post)).post
    mails = [it.mail for it in relay.taken]
    ids = [mail["Message-ID"] for mail in mails]
    assert len(set(ids)) == 5
    assert [mail["Subject"] for mail in mails] == ["#42 CRITICAL CheckoutSlow"] + [
        "Re: #42 CRITICAL CheckoutSlow"
    ] * 4
    for number in range(1, 5):
        assert mails[number]["In-Reply-To"] == ids[number - 1]
        assert ids[0] in mails[number]["References"].split()
    await send(email)
    await email.send(NOTICE, ADA, "incident/42/round/0/over/ada/email", None)
    root = "<42.1772452800@example.com>"
    assert all(it.mail["References"].split()[0] == root for it in relay.taken)


async def test_what_is_not_worth_a_mail_sends_none(relay: Relay, email: Email) -> None:
    post = (await show(email, later(stages=("triggered.0.0", "no-data.1772453100")), None)).post
    receipt = await show(email, later(version=9, summary="p99 is 3.3 s"), post)
    assert receipt.post == post
    assert receipt.provider_id == relay.taken[0].mail["Message-ID"]
    assert len(relay.taken) == 1


async def test_a_repeat_is_known_by_its_id_across_a_restart(relay: Relay, opened: Open) -> None:
    first = await show(opened(), later(), None)
    again = await show(opened(), later(version=3, doubted_since=NOON), None)
    assert again == first
    assert {it.mail["Message-ID"] for it in relay.taken} == {first.provider_id}
    another = await show(opened(), later(thread="42.1899999999"), None)
    assert another.provider_id != first.provider_id, "numbers begin anew with a new database"


async def test_trouble_of_our_own_has_no_thread(relay: Relay, email: Email) -> None:
    trouble = Message(purpose=Purpose.NOTICE, title="sms refuses messages", summary="20003")
    await send(email, trouble, "channel/sms/2026-03-02/ada")
    mail = relay.taken[0].mail
    assert (mail["Subject"], mail["References"]) == ("sms refuses messages", None)
