"""The outside address that is called while all is well."""

from collections.abc import AsyncIterator

from bot.doctor.check import Check, Patient
from bot.doctor.wires import Unreachable, aging, greet
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Connect to it and no more: a call would say that all is well."""
    section = patient.config.heartbeat
    if section is None:
        yield group.warning(
            "none is set: nobody notices when this machine is gone",
            "set heartbeat.url to a check of a service outside this machine",
        )
        return
    try:
        wire = await greet(section.url.reveal())
    except Unreachable as error:
        yield group.fault(str(error), error.advice)
        return
    yield group.ok(f"{wire.what}; it was not called")
    for finding in aging(wire.host, wire.expires, patient.clock.utc_now(), group):
        yield finding


CHECK = Check(name="heartbeat", examine=examine)
