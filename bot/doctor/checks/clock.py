"""The clocks: the wall's against a vendor's, and whether waits go on over a restart."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from bot.doctor.check import Check, Patient
from routing.finding import Finding, Group
from storage.clock import boot_id

ASKED = ("slack", "sms", "voice")
"""Channels whose vendor tells the time; `api_url` of each says where."""
PATIENCE = 8.0
ROUGH = timedelta(seconds=5)
WRONG = timedelta(seconds=30)
"""From here on an SMS that was not confirmed is looked for in the wrong minutes."""
ADVICE = "let this machine follow a time server: `timedatectl set-ntp true`"


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Compare with the date of an HTTP answer, which has whole seconds."""
    urls = [getattr(patient.options(name), "api_url", None) for name in ASKED]
    url = next(filter(None, urls), None)
    if url is None:
        yield group.ok("no vendor of a configured channel tells the time: not compared")
    else:
        yield await _compared(url, patient, group)
    if boot_id():
        yield group.ok("waits follow the boot-time clock and go on over a restart of Tocsin")
    else:
        yield group.warning(
            "this system names no boot (/proc/sys/kernel/random/boot_id): after a restart waits "
            "are measured by the wall clock",
            "give the process /proc, as containers usually do",
        )


async def _compared(url: str, patient: Patient, group: Group) -> Finding:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        before = patient.clock.utc_now()
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            told = _date(answer.headers.get("Date", ""))
        after = patient.clock.utc_now()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        what = f"not compared: the vendor does not answer ({type(error).__name__})"
        return group.warning(what, "look at the way from here to the vendors")
    if told is None:
        return group.ok("not compared: the vendor tells no time")
    off = _distance(told, before, after)
    said = f"the wall clock is {off.total_seconds():.0f} s off"
    if off > WRONG:
        return group.fault(f"{said}: messages are looked for at the wrong time", ADVICE)
    if off > ROUGH:
        return group.warning(said, ADVICE)
    return group.ok("the wall clock is right, within seconds")


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def _distance(told: datetime, before: datetime, after: datetime) -> timedelta:
    """Return how far `told`, cut to whole seconds, lies outside of what we saw."""
    latest = told + timedelta(seconds=1)
    return max(before - latest, told - after, timedelta(0))


CHECK = Check(name="clock", examine=examine)
