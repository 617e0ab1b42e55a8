"""Mail that is greylisted, refused, slow or unsafe: nobody is told twice, nobody is left out."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from bot.channels import email_relay
from bot.channels.email import CHANNEL, Email, EmailOptions
from bot.config.secret import Secret
from routing.delivery.channel import Channel, ChannelKind
from routing.flow.current import Current
from routing.flow.deliver import Sender
from routing.flow.receive import Receiver
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.model.alert import Alert, AlertStatus
from storage.model.labels import Labels
from storage.model.person import ContactPoint, Permission, Person, PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind
from tests.databases import new_database
from tests.fakes import ManualClock, RecordingChannel
from tests.vendors.smtp import DROP, SLOW, Relay

ADA, BOB = PersonId("ada"), PersonId("bob")
LIST, PASSWORD = "alarms@example.com", "a-very-secret-password"


def playbook() -> Playbook:
    ada = Person(
        id=ADA,
        name="Ada",
        contacts=(
            ContactPoint(channel="email", address="ada@example.com"),
            ContactPoint(channel="sms", address="+14155550142"),
        ),
    )
    slack = ContactPoint(channel="slack", address="UBOB")
    bob = Person(id=BOB, name="Bob", contacts=(slack,), permission=Permission.ADMIN)
    target = Target(kind=TargetKind.PERSON, name=ADA)
    policy = Policy(
        name="ops",
        steps=(Step(after=timedelta(0), targets=(target,), by=("email",)),),
        rooms=(Room(channel="email", address=LIST),),
    )
    return Playbook(
        people={ADA: ada, BOB: bob},
        oncall={},
        policies={"ops": policy},
        default="ops",
        chat=frozenset({"slack"}),
    )


@dataclass
class Town:
    relay: Relay
    clock: ManualClock
    receiver: Receiver
    sender: Sender
    sms: RecordingChannel
    slack: RecordingChannel

    async def alarm(self, name: str, *, over: bool = False) -> None:
        now = self.clock.utc_now()
        labels = Labels.of(alertname=name, severity="critical")
        status = AlertStatus.RESOLVED if over else AlertStatus.FIRING
        ends = now if over else None
        await self.receiver.receive(
            [Alert(labels=labels, starts_at=now, status=status, ends_at=ends)]
        )
        await self.sender.send_due()

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, second by second, as the sender's loop would see it."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            await self.sender.watch()
            await self.sender.send_due()

    def mails(self, to: str) -> list[str]:
        return [it.mail["Message-ID"] for it in self.relay.taken if it.to == (to,)]


async def town(opened: AsyncExitStack, folder: Path, served_by: ssl.SSLContext) -> Town:
    clock, wake, current = ManualClock(), Wake(), Current(playbook())
    relay = Relay(tls=served_by, user="tocsin", password=PASSWORD)
    await opened.enter_async_context(relay)
    database = await new_database(folder / "tocsin.db")
    opened.push_async_callback(database.close)
    email = Email(
        EmailOptions(
            host="127.0.0.1",
            port=relay.port,
            ca_file=folder / "ca.pem",
            username="tocsin",
            password=Secret(PASSWORD),
            from_address="tocsin@example.com",
        ),
        clock,
    )
    opened.push_async_callback(email.close)
    sms, slack = RecordingChannel("sms", clock), RecordingChannel("slack", clock)
    channels: dict[str, tuple[ChannelKind, Channel]] = {
        "email": (CHANNEL, email),
        "sms": (sms.kind(), sms),
        "slack": (slack.kind(is_chat=True), slack),
    }
    return Town(
        relay=relay,
        clock=clock,
        receiver=Receiver(database, clock, current, wake),
        sender=Sender(database, clock, channels, current, wake, "tests", jitter=lambda: 0.5),
        sms=sms,
        slack=slack,
    )


def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def opened(tmp_path: Path, authority: trustme.CA) -> AsyncIterator[AsyncExitStack]:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def ops(opened: AsyncExitStack, tmp_path: Path, authority: trustme.CA) -> Town:
    return await town(opened, tmp_path, certificate(authority))


async def test_greylisted_mail_waits_and_is_sent_once(ops: Town) -> None:
    ops.relay.next("RCPT", "451 4.7.1 greylisted", "451 4.7.1 greylisted")
    await ops.alarm("CheckoutSlow")
    assert ops.relay.taken == []
    await ops.pass_by(39)
    assert ops.relay.taken == [], "an unknown sender that hurries is made to wait longer"
    await ops.pass_by(3)
    assert (len(ops.mails(LIST)), len(ops.mails("ada@example.com"))) == (1, 1)
    await ops.pass_by(120)
    assert len(ops.relay.taken) == 2
    assert (ops.sms.sent, ops.slack.sent) == ([], []), "it arrived in time"


@pytest.mark.parametrize("answer", ["421 4.3.2 shutting down", DROP, SLOW])
async def test_what_passes_is_sent_once(
    ops: Town, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_relay, "PATIENCE", 0.5)
    ops.relay.next("MAIL", answer)
    await ops.alarm("CheckoutSlow")
    await ops.pass_by(5)
    assert (len(ops.mails(LIST)), len(ops.mails("ada@example.com"))) == (1, 1)
    assert ops.sms.sent == []


async def test_a_refused_address_goes_the_next_way_and_is_told_once(ops: Town) -> None:
    ops.relay.next("RCPT", None, "550 5.1.1 no such user")  # the list's first, then Ada's
    await ops.alarm("CheckoutSlow")
    await ops.pass_by(3)
    assert len(ops.relay.taken) == 1
    assert [it.address for it in ops.sms.pages] == ["+14155550142"]
    (told,) = ops.slack.notices
    assert told.address == "UBOB"
    assert "550" in told.text
    assert "correct the e-mail address" in told.text


async def test_a_bad_certificate_gets_nothing_and_rings_another_way(
    opened: AsyncExitStack, tmp_path: Path
) -> None:
    ops = await town(opened, tmp_path, certificate(trustme.CA()))
    for name in ("CheckoutSlow", "DiskFull", "QueueLong"):
        await ops.alarm(name)
    await ops.pass_by(3)
    assert (ops.relay.taken, ops.relay.logins) == ([], [])
    assert PASSWORD.encode() not in b"".join(ops.relay.heard)
    assert len(ops.sms.pages) == 3
    (told,) = ops.slack.notices
    assert "certificate is not believed" in told.text
    assert "channels.email.ca_file" in told.text


async def test_one_thread_from_the_first_word_to_the_last(ops: Town) -> None:
    await ops.alarm("CheckoutSlow")
    await ops.pass_by(1)
    await ops.alarm("CheckoutSlow", over=True)
    await ops.pass_by(1)
    first, last = [it.mail for it in ops.relay.taken if it.to == (LIST,)]
    assert last["In-Reply-To"] == first["Message-ID"]
    assert last["Subject"] == f"Re: {first['Subject']}"
    subjects = {it.mail["Subject"].removeprefix("Re: ") for it in ops.relay.taken}
    assert subjects == {"#1 CRITICAL CheckoutSlow"}


async def test_after_an_outage_a_list_hears_the_present(ops: Town) -> None:
    await ops.relay.down()
    await ops.alarm("CheckoutSlow")
    await ops.pass_by(30)
    await ops.alarm("CheckoutSlow", over=True)
    await ops.relay.up()
    await ops.pass_by(60)
    (only,) = [it for it in ops.relay.taken if it.to == (LIST,)]
    assert "resolved" in only.text().splitlines()[1]
