"""Outgoing webhooks: known names, addresses that may be called, certificates."""

from collections.abc import AsyncIterator

from bot.doctor.check import Check, Patient
from bot.doctor.wires import Unreachable, aging, greet
from bot.outbound import Guard, read_networks
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Connect to each program and say nothing."""
    options = patient.options("webhook")
    guard = Guard(read_networks(options.allow))
    for name, url in options.urls.items():
        try:
            wire = await greet(url.reveal(), guard=guard)
        except Unreachable as error:
            yield group.fault(f"{name}: {error}", error.advice)
            continue
        yield group.ok(f"{name}: {wire.what}; it was not called")
        for finding in aging(name, wire.expires, patient.clock.utc_now(), group):
            yield finding


CHECK = Check(name="webhook", examine=examine)
