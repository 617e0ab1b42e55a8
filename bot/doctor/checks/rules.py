"""The rule files: do they load, and what is unwise in them."""

import asyncio
from collections.abc import AsyncIterator

from bot.doctor.check import Check, Patient
from routing.finding import Finding, Group
from routing.rules.check import findings
from routing.rules.read import read_rules
from storage.errors import ConfigError


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Read them anew; each fault with its line, advice by its number only."""
    files = patient.config.rule_files
    if not files:
        yield group.warning("no rule file: nothing is judged", "name some under `rules`")
        return
    try:
        groups = await asyncio.to_thread(read_rules, files)
    except ConfigError as error:
        for line in str(error).splitlines():
            yield group.fault(line, "correct it; `tocsin rules check` says when it is right")
        return
    advice, rules = findings(groups), sum(len(one.rules) for one in groups)
    yield group.ok(f"files {len(files)}, groups {len(groups)}, rules {rules}")
    if advice:
        more = f" (and {len(advice) - 1} more)" if len(advice) > 1 else ""
        yield group.warning(f"{advice[0]}{more}", "`tocsin rules check FILE` lists all of them")


CHECK = Check(name="rules", examine=examine)
