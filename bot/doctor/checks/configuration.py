"""What was read."""

from collections.abc import AsyncIterator

from bot.doctor.check import Check, Patient
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Say what the configuration holds; a faulty one never gets here."""
    config = patient.config
    yield group.ok(
        f"people {len(config.people)}, policies {len(config.policies)}, "
        f"channels {', '.join(config.channels) or 'none'}"
    )


CHECK = Check(name="configuration", examine=examine)
