"""`maintenance`: planned times at which nobody hears of what is worked on."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.chat.identity import require
from bot.chat.muting import Planned, expire, extend, objection, read_wish
from bot.chat.times import read_time
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import clock_time, name_of
from routing.alerts.windows import check_rule, next_span, span_at
from routing.flow.desks import Desks
from routing.flow.silence import SilenceDesk
from storage.model.person import Permission, PersonId
from storage.model.silence import Silence, SilenceId, SilenceKind
from storage.units import format_duration, human_duration

HOW = (
    "Say what, for how long and when: `maintenance team=db 2h at 22:00 upgrade`, "
    "`maintenance team=db 2h at 2026-12-01 22:00 weekly`; or `maintenance list`, "
    "`maintenance extend 3 2h`, `maintenance expire 3`. Without `at` it begins now."
)
OFTEN = {"daily": "FREQ=DAILY", "weekly": "FREQ=WEEKLY", "monthly": "FREQ=MONTHLY"}
OVER = "never again"
MOST_YEARS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When: `starts` aware, by the speaker's clocks; `rule` an RRULE, empty: once."""

    starts: datetime
    rule: str
    note: str


def read_plan(text: str, now: datetime) -> Plan:
    """Read `at 2026-12-01 22:00 weekly upgrade`; raises ValueError. now: in the speaker's zone."""
    words, starts = text.split(), now
    if words and words[0].lower() == "at":
        starts, words = read_time(words[1:], now, "at")
    rule = ""
    if words and (words[0].lower() in OFTEN or words[0].upper().startswith("FREQ=")):
        rule = OFTEN.get(words[0].lower(), words[0].upper())
        words = words[1:]
    return Plan(starts=starts, rule=rule, note=" ".join(words))


async def run(ask: Ask, desks: Desks) -> Reply:
    """`maintenance team=db 2h at 22:00 weekly`: what it covers is quiet then, and looked at after.

    Times are by the speaker's clocks. One that comes again needs an administrator.
    """
    desk = SilenceDesk(desks.database, desks.clock, desks.playbook, desks.wake)
    if ask.words == ("list",):
        return await _list(desk, desks)
    require(ask.person, Permission.RESPOND, "`maintenance`")
    match [*ask.words]:
        case ["extend", *rest]:
            return await extend(ask, desk, rest)
        case ["expire" | "end", *numbers]:
            return await expire(ask, desk, numbers)
    return await _make(ask, desk, desks)


async def _make(ask: Ask, desk: SilenceDesk, desks: Desks) -> Reply:
    now, limits = desks.clock.utc_now(), desks.playbook().limits
    try:
        here = now.astimezone(ZoneInfo(ask.person.zone))
        wish = read_wish(ask, here)
        plan = read_plan(wish.note, here)
    except ValueError as fault:
        return Reply(f"{fault}.", refused=True)
    hold = wish.hold
    if not wish.matchers or hold is None or not timedelta(0) < hold <= limits.longest:
        return Reply(HOW, refused=True)
    if (wrong := await _fault(ask, plan, hold, now)) is not None:
        return Reply(f"{wrong}.", refused=True)
    again = f"{ask.verb} {' '.join(map(str, wish.matchers))} {format_duration(hold)}"
    breadth = await desk.breadth(wish.matchers)
    sentence = f"{again} {wish.note}".strip()
    planned = Planned(covers=[wish.matchers], breadth=breadth, sentence=sentence)
    against = objection(ask, wish, planned, limits)
    if against is not None:
        return against
    starts = plan.starts.astimezone(UTC)
    made = await desk.make(
        Silence(
            id=SilenceId(0),
            uuid="",
            kind=SilenceKind.MAINTENANCE,
            matchers=wish.matchers,
            starts_at=starts,
            ends_at=None if plan.rule else starts + hold,
            created_by=ask.person.id,
            updated_at=now,
            comment=plan.note,
            rule=plan.rule,
            zone=ask.person.zone,
            lasts=hold,
        ),
        actor=ask.person.id,
        via=ask.via,
    )
    covers = ", ".join(map(str, made.matchers))
    fires = f"It covers {breadth} now." if breadth.alerts else "Nothing that it covers fires now."
    return Reply(f"Maintenance {made.id} on {covers}: {_when(made, now)}. {fires}")


async def _fault(ask: Ask, plan: Plan, hold: timedelta, now: datetime) -> str | None:
    """Say what cannot be planned; raises NotPermitted. A rule is looked at beside the loop."""
    years = abs(plan.starts.replace(tzinfo=None) - now.replace(tzinfo=None)) / timedelta(days=365)
    if years > MOST_YEARS:
        return f"a window begins within {MOST_YEARS} years of now"
    is_past = plan.starts + hold <= now
    if not plan.rule:
        return "that window is over already; say a time that lies ahead" if is_past else None
    require(ask.person, Permission.ADMIN, "a window that comes again")
    try:
        await asyncio.to_thread(check_rule, plan.rule, plan.starts, ask.person.zone)
    except ValueError as fault:
        return str(fault)
    return None


def _when(window: Silence, now: datetime) -> str:
    """Say when it runs, or runs next: `now until 14:00 UTC`, `from 22:00 UTC for 2 h, FREQ=...`."""
    here = span_at(window, now)
    if here is not None:
        said = f"now until {clock_time(here[1], now)}"
    else:
        coming = next_span(window, now)
        lasts = human_duration(window.lasts or timedelta(0))
        said = f"from {clock_time(coming[0], now)} for {lasts}" if coming else OVER
    return f"{said}, {window.rule} ({window.zone})" if window.rule else said


async def _list(desk: SilenceDesk, desks: Desks) -> Reply:
    now, playbook = desks.clock.utc_now(), desks.playbook()
    rows = [
        (str(it.id or "-"), ", ".join(map(str, it.matchers)), _when(it, now), str(count),
         name_of(PersonId(it.created_by), playbook.people), it.comment)
        for it, count in await desk.listed(SilenceKind.MAINTENANCE)
    ]  # fmt: skip
    rows = [row for row in rows if not row[2].startswith(OVER)]
    if not rows:
        return Reply("No maintenance is planned.")
    head = ("window", "on", "when", "hides", "by", "note")
    return Reply(f"{len(rows)} planned.", table=(head, *rows))


VERB = Verb(
    name="maintenance",
    usage="maintenance <label=value>... <duration> [at <time>] [daily|weekly|monthly|FREQ=...] "
    "[note] | list | extend <window> <duration> | expire <window>",
    summary="plan times at which nobody hears of what is worked on",
    needs=Permission.VIEW,
    run=run,
)
