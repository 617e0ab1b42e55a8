"""The mail relay: does it answer safely, does it let us in, may we send from our address."""

from collections.abc import AsyncIterator

from bot.channels.email import relay_of
from bot.doctor.check import Check, Patient
from bot.doctor.wires import aging, expiry
from routing.delivery.channel import Rejected, TryLater
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Say all that comes before a mail, and then none."""
    options = patient.options("email")
    relay = relay_of(options)
    where = f"{options.host}:{options.connects_to}"
    try:
        greeting = await relay.prove()
    except Rejected as refusal:
        yield group.fault(str(refusal), refusal.advice or "ask those who run the relay")
        return
    except TryLater as refusal:
        yield group.fault(
            f"{refusal}", "check channels.email.host and port, and firewalls between here and there"
        )
        return
    finally:
        await relay.close()
    login = f", took the login of {options.username}" if options.username else ""
    safe = f"speaks {greeting.tls}" if greeting.tls else "speaks without encryption"
    yield group.ok(f"{where} {safe}{login}, and takes mail from {options.from_address}")
    if not greeting.tls:
        yield group.warning(
            "mails can be read on the way (tls: off)",
            "set channels.email.tls to starttls, unless the relay is on this machine",
        )
    expires = expiry(greeting.certificate)
    if expires is not None:
        yield group.ok(f"its certificate is good until {expires:%Y-%m-%d}")
    for finding in aging(options.host, expires, patient.clock.utc_now(), group):
        yield finding


CHECK = Check(name="email", examine=examine)
