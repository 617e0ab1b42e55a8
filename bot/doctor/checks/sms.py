"""Twilio: the account, whether it can pay, whom it may text, and the number that texts."""

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

from bot.channels.twilio import PATIENCE, advice, explained
from bot.config.phone import is_landline
from bot.doctor.check import Check, Patient
from routing.delivery.channel import Rejected, TryLater
from routing.finding import Finding, Group

LOW = 5.0
"""Of the account's currency: some hundred SMS in most countries, some dozen in others."""
MOST_IDS = 1_000
ABLE = {"sms": "send SMS", "voice": "call"}
VERIFY = "verify the number in Twilio's console (Phone Numbers > Verified Caller IDs), or upgrade"


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Ask about account, balance and number; nothing is sent."""
    options = patient.options("sms")
    for name, number in patient.people("sms").items():
        if is_landline(number):
            yield group.warning(
                f"{number} of {name} is a landline, which takes no SMS", "write a mobile's number"
            )
    await asyncio.to_thread(import_module, "twilio.rest.api")
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.rest import Client

    http = AsyncTwilioHttpClient()
    client = Client(options.account_sid, options.auth_token.reveal(), http_client=http)
    client.api.base_url = options.api_url.rstrip("/")
    try:
        async for finding in _asked(patient, client, options, group):
            yield finding
    except (Rejected, TryLater) as refusal:
        yield _refused(refusal, group)
    finally:
        await http.close()


async def _asked(
    patient: Patient, client: Any, options: Any, group: Group
) -> AsyncIterator[Finding]:
    account = await _ask(client.api.v2010.accounts(options.account_sid).fetch_async, "the account")
    yield _standing(account, group)
    if account.type == "Trial":
        yield group.warning(
            "a trial account: it texts verified numbers only, and puts words of its own in front",
            "upgrade the account in Twilio's console",
        )
        async for finding in _verified(patient, client, group):
            yield finding
    try:
        balance = await _ask(client.api.v2010.account.balance.fetch_async, "the balance")
        yield _money(balance, group)
    except Rejected:
        pass  # a subaccount has none of its own
    yield await _number(client, options, group)


async def _ask(call: Any, what: str, **args: Any) -> Any:
    """Ask Twilio; raises TryLater or Rejected, in words."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await call(**args)
    except Exception as error:
        raise explained(error, f"Twilio, asking about {what}", "sms") from error


def _standing(account: Any, group: Group) -> Finding:
    said = f"the account {account.friendly_name!r} is {account.status}"
    if str(account.status) != "active":
        return group.fault(said, "look into Twilio's console why; until then nothing is sent")
    return group.ok(said)


def _money(balance: Any, group: Group) -> Finding:
    said = f"{balance.balance} {balance.currency} left"
    try:
        left = float(balance.balance)
    except (TypeError, ValueError):
        return group.ok(said)
    recharge = "recharge the account, or let it recharge itself (Billing > Auto recharge)"
    if left <= 0:
        return group.fault(f"{said}: Twilio sends nothing", recharge)
    return group.warning(said, recharge) if left < LOW else group.ok(said)


async def _verified(patient: Patient, client: Any, group: Group) -> AsyncIterator[Finding]:
    """Say whose phone a trial account may not text."""
    ids = await _ask(client.outgoing_caller_ids.list_async, "verified numbers", limit=MOST_IDS)
    known = {one.phone_number for one in ids}
    for name, phone in patient.people("sms").items():
        if phone not in known:
            yield group.fault(f"{name} is not reached: {phone} is not verified", VERIFY)


async def _number(client: Any, options: Any, group: Group) -> Finding:
    number = options.from_number
    found = await _ask(
        client.incoming_phone_numbers.list_async, number, phone_number=number, limit=1
    )
    if not found:
        return group.fault(
            f"{number} is no number of this account",
            "buy it, or put one of the account's own into channels.sms.from_number",
        )
    able = [word for kind, word in ABLE.items() if (found[0].capabilities or {}).get(kind)]
    said = f"{number} is ours and can {' and '.join(able) or 'do nothing'}"
    if ABLE["sms"] not in able:
        return group.fault(said, "take a number with the capability SMS")
    return group.ok(said)


def _refused(refusal: Exception, group: Group) -> Finding:
    if isinstance(refusal, Rejected):
        return group.fault(str(refusal), refusal.advice or advice(20003, "sms"))
    return group.fault(str(refusal), "look at the way from here to Twilio, and at its status page")


CHECK = Check(name="sms", examine=examine)
