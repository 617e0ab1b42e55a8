"""Microsoft Teams: what kind of address each room has, and does its host answer."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from bot.channels.teams import faults
from bot.channels.teams_errors import WORKFLOW
from bot.doctor.check import Check, Patient
from bot.doctor.wires import Unreachable, greet
from routing.finding import Finding, Group

WORKFLOWS = (
    ".logic.azure.com",
    ".api.powerplatform.com",
    ".powerautomate.com",
    ".azure-apihub.net",
)


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Look at the addresses; a Workflow can only be proved by a card that people see."""
    options = patient.options("teams")
    wrong = {keys[-1]: text for keys, text in faults(options)}
    for name, secret in options.rooms.items():
        if name in wrong:
            yield group.fault(f"room {name}: {wrong[name]}", WORKFLOW)
            continue
        url = secret.reveal()
        try:
            wire = await greet(url)
        except Unreachable as error:
            yield group.fault(f"room {name}: {error}", error.advice)
            continue
        yield _kind(name, url, wire.what, group)


def _kind(name: str, url: str, answers: str, group: Group) -> Finding:
    parts = urlsplit(url)
    if "sig=" not in parts.query:
        return group.fault(
            f"room {name}: the address is cut short (its `sig` is missing)",
            "copy it whole from the Workflow into channels.teams.rooms",
        )
    proof = f"`tocsin send-test teams --to {name}` posts a card; look for it in the channel"
    if not (parts.hostname or "").endswith(WORKFLOWS):
        return group.warning(f"room {name}: {answers}, but is no host of Power Automate", proof)
    return group.ok(f"room {name}: a Workflow; {answers}. {proof}")


CHECK = Check(name="teams", examine=examine)
