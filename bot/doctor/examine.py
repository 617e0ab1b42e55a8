"""Every check at once, each with an end, and no secret in what they say."""

import asyncio
from collections.abc import Collection, Mapping
from functools import cache

from bot.config import channels
from bot.doctor import checks
from bot.doctor.check import Check, Patient
from bot.logs import REDACTOR, Redactor
from routing.finding import Finding, Group
from routing.plugins import collect
from storage.errors import BotError

PATIENCE = 45.0
"""Seconds for one check; a relay that hangs takes 12, Slack's limits may make it wait."""
SILENT = frozenset({"console"})
"""Channels that nothing can be asked about: they are this program."""


@cache
def all_checks() -> Mapping[str, Check]:
    """Return every check there is, by its name."""
    return collect(checks, Check)


async def examine(patient: Patient, only: Collection[str] = ()) -> tuple[Finding, ...]:
    """Make every check that applies, or `only` these, and return what they found, in order.

    What is said holds no secret of the configuration, whoever said it.
    """
    redactor = Redactor()
    redactor.learn(patient.config.secrets())
    known = channels.names()
    chosen = [
        check
        for name, check in sorted(all_checks().items(), key=lambda it: (it[0] in known, it[0]))
        if (not only or name in only) and (name not in known or name in patient.config.channels)
    ]
    answers = await asyncio.gather(*(_answer(check, patient) for check in chosen))
    found = [finding for answer in answers for finding in answer]
    if not only:
        found += _unexamined(patient)
    return tuple(_clean(finding, redactor) for finding in found)


async def _answer(check: Check, patient: Patient) -> list[Finding]:
    group, found = Group(check.name), list[Finding]()
    try:
        async with asyncio.timeout(PATIENCE):
            async for finding in check.examine(patient, group):
                found.append(finding)
    except TimeoutError:
        found.append(group.fault(f"no answer within {PATIENCE:.0f} s", "look whether it hangs"))
    except BotError as error:
        found.append(group.fault(str(error), "see what it says"))
    except Exception as error:
        what = f"could not be examined ({type(error).__name__})"
        found.append(group.fault(what, "report this: a check must not break"))
    return found or [group.ok("nothing to examine")]


def _unexamined(patient: Patient) -> list[Finding]:
    """Say of which channels nothing can be proved without a message."""
    names = sorted(patient.config.channels.keys() - all_checks().keys() - SILENT)
    text = "nothing can be asked about it without a message"
    return [Group(name).warning(text, f"`tocsin send-test {name}` sends one") for name in names]


def _clean(finding: Finding, redactor: Redactor) -> Finding:
    """Strike out secrets, also those that this process read elsewhere; keep to one line."""
    text, advice = (
        " ".join(REDACTOR.clean(redactor.clean(it)).split())
        for it in (finding.text, finding.advice)
    )
    return Finding(group=finding.group, verdict=finding.verdict, text=text, advice=advice)
