"""Twilio: the number that calls, and whether keys that are pressed come back to us."""

from collections.abc import AsyncIterator

from bot.channels.twilio import Account, advice
from bot.doctor.check import Check, Patient
from routing.delivery.channel import Rejected, TryLater
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Ask about the number; nobody is called."""
    options = patient.options("voice")
    if not patient.config.server.called_at:
        yield group.warning(
            "calls are read out and take no keys: Twilio cannot reach us",
            "set server.public_url to an address that Twilio reaches",
        )
    number = options.from_number
    account = Account("voice", options.account_sid, options.auth_token, options.api_url)
    try:
        async with account.calling(f"Twilio, asking about {number}") as client:
            numbers = client.incoming_phone_numbers
            found = await numbers.list_async(phone_number=number, limit=1)
    except Rejected as refusal:
        yield group.fault(str(refusal), refusal.advice or advice(20003, "voice"))
    except TryLater as trouble:
        yield group.fault(
            str(trouble), "look at the way from here to Twilio, and at its status page"
        )
    else:
        able = bool(found) and bool((found[0].capabilities or {}).get("voice"))
        if not able:
            yield group.fault(
                f"{number} is no number of this account that calls",
                "put one of the account's own into channels.voice.from_number",
            )
        else:
            yield group.ok(f"{number} is ours and can call")
    finally:
        await account.close()


CHECK = Check(name="voice", examine=examine)
