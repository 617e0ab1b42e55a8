"""Push addresses: does apprise understand each of them, and what service is it."""

import asyncio
from collections.abc import AsyncIterator

from bot.channels.push import INSTALL, service_name
from bot.doctor.check import Check, Patient
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Parse them; what a service makes of one is only shown by a message."""
    for name, url in patient.options("push").urls.items():
        try:
            service = await asyncio.to_thread(service_name, url.reveal())
        except ModuleNotFoundError:
            yield group.fault(INSTALL, "install it")
            return
        if service:
            proof = f"`tocsin send-test push --to {name}` sends one message"
            yield group.ok(f"{name}: an address of {service}. {proof}")
        else:
            yield group.fault(
                f"{name}: no service takes this address",
                "write it as apprise does, such as ntfys://ntfy.sh/topic",
            )


CHECK = Check(name="push", examine=examine)
