"""Another system that answers queries, and the one that samples are forwarded to."""

from collections.abc import AsyncIterator
from typing import Any

from bot.doctor.check import Check, Patient
from bot.doctor.wires import Unreachable, aging, greet
from routing.finding import Finding, Group
from storage.errors import BotError
from storage.metrics.remote import RemoteMetrics


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Ask the one for a sum, and connect to the other."""
    storage = patient.config.storage
    if storage.metrics.prometheus is None:
        yield group.ok("queries are answered by Tocsin's own store")
    else:
        yield await _answering(storage.metrics.prometheus, patient, group)
    if storage.forward is not None:
        try:
            wire = await greet(storage.forward.url, ca_file=storage.forward.ca_file)
        except Unreachable as error:
            yield group.fault(f"samples are not forwarded: {error}", error.advice)
            return
        yield group.ok(f"samples are forwarded: {wire.what}")
        for finding in aging(wire.host, wire.expires, patient.clock.utc_now(), group):
            yield finding


async def _answering(section: Any, patient: Patient, group: Group) -> Finding:
    remote = RemoteMetrics(section.options())
    try:
        await remote.instant("vector(1)", patient.clock.utc_now().timestamp())
    except BotError as error:
        return group.fault(str(error), "check storage.metrics.prometheus; no rule is judged now")
    finally:
        await remote.close()
    return group.ok(f"{RemoteMetrics.name_of(section.url)} answers queries")


CHECK = Check(name="numbers", examine=examine)
