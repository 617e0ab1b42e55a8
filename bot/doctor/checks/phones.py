"""The phones that SMS go to: whose owner texted STOP, and which nobody has confirmed."""

from collections.abc import AsyncIterator

from bot.config.build import database_url
from bot.doctor.check import Check, Patient
from routing.finding import Finding, Group
from storage.errors import BotError
from storage.model.phone import Phone
from storage.sql import phones
from storage.sql.look import looking
from storage.sql.migrate import known_versions, stored_version


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Ask the database what is known of each person's number."""
    numbers, known = patient.people("sms"), dict[str, Phone]()
    try:
        async with looking(database_url(patient.config)) as tx:
            if await stored_version(tx) in known_versions()[-1:]:
                known = await phones.of(tx, tuple(numbers.values()))
    except BotError:
        pass  # the database has a check of its own; nothing is known before the first start
    confirms = getattr(patient.options("sms"), "verify", False)
    for name, number in numbers.items():
        yield _judged(name, known.get(number, Phone(number=number)), group, confirms=confirms)


def _judged(name: str, phone: Phone, group: Group, *, confirms: bool) -> Finding:
    if phone.stopped_at is not None:
        return group.fault(
            f"{name} texted STOP on {phone.stopped_at:%Y-%m-%d}: no SMS goes to {phone.number}",
            "let them text START to Tocsin's number",
        )
    if confirms and phone.verified_at is None:
        return group.warning(
            f"nobody has confirmed {phone.number} of {name}: only critical pages go there",
            f"`tocsin verify {name}` texts a code; see docs/channels.md",
        )
    return group.ok(f"{phone.number} of {name} is {'confirmed' if phone.verified_at else 'usable'}")


CHECK = Check(name="phones", examine=examine)
