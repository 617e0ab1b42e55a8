"""Tables that are looked into: files that know something, addresses that may be called."""

from collections.abc import AsyncIterator

from bot.config.lookups import VALUE
from bot.doctor.check import Check, Patient
from bot.doctor.wires import Unreachable, aging, greet
from bot.outbound import Guard, read_networks
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Connect to each address and ask nothing; count what a file knows."""
    for name, section in patient.config.lookups.items():
        if section.url is None:
            rows = len(section.built(name).rows)
            if rows:
                yield group.ok(
                    f"{name}: {section.csv} knows {rows} {'value' if rows == 1 else 'values'}"
                )
            else:
                advice = "look whether it was written to its end"
                yield group.warning(f"{name}: its file is empty", advice)
            continue
        guard = Guard(read_networks(section.allow))
        try:
            url = section.url.replace(VALUE, "-")
            wire = await greet(url, ca_file=section.ca_file, guard=guard)
        except Unreachable as error:
            yield group.fault(f"{name}: {error}", error.advice)
            continue
        yield group.ok(f"{name}: {wire.what}; it was not asked")
        for finding in aging(name, wire.expires, patient.clock.utc_now(), group):
            yield finding


CHECK = Check(name="lookups", examine=examine)
