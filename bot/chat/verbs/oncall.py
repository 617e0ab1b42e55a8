"""`oncall`: who is on call, and taking over for a while."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.chat.identity import require
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import clock_time, listed, name_of
from routing.flow.desks import Desks
from routing.oncall.resolve import on_call
from routing.playbook import Playbook
from storage.errors import BotError, unknown_name
from storage.model.person import Override, Permission
from storage.sql import audit, overrides
from storage.units import human_duration

LONGEST = timedelta(days=30)
HEAD = ("list", "on call", "until", "then")


async def run(ask: Ask, desks: Desks) -> Reply:
    """`oncall`: who is on call, until when. `oncall take 8h [list]`: be it for a while."""
    match ask.words:
        case ():
            return await _show(desks)
        case ("take", *names) if len(names) <= 1:
            return await _take(ask, desks, names[0] if names else None)
        case _:
            return Reply(
                "Say `oncall`, or `oncall take 8h` to be on call for 8 hours.", refused=True
            )


async def _show(desks: Desks) -> Reply:
    playbook, now = desks.playbook(), desks.clock.utc_now()
    if not playbook.oncall:
        return Reply("No on-call list is configured; policies name people.")
    async with desks.database.reading() as tx:
        running = await overrides.active(tx, now)
    rows = [_row(name, playbook, running, now) for name in playbook.oncall]
    return Reply("On call now:", table=(HEAD, *rows))


def _row(
    name: str, playbook: Playbook, running: Sequence[Override], now: datetime
) -> tuple[str, ...]:
    people = playbook.people
    first, *others = (name_of(person, people) for person in on_call(name, playbook, running, now))
    override = _in_force(name, running)
    until = clock_time(override.ends_at, now) if override else ""
    return (name, first, until, ", ".join(others))


def _in_force(name: str, running: Sequence[Override]) -> Override | None:
    """Return the override that counts on a list: the one that began last."""
    mine = [override for override in running if override.oncall == name]
    return max(mine, key=lambda override: override.starts_at) if mine else None


async def _take(ask: Ask, desks: Desks, wanted: str | None) -> Reply:
    require(ask.person, Permission.RESPOND, "`oncall take`")
    if ask.hold is None or not timedelta(0) < ask.hold <= LONGEST:
        return Reply(f"For how long? `oncall take 8h`, up to {LONGEST.days}d.", refused=True)
    name = _list(desks.playbook(), ask, wanted)
    now = desks.clock.utc_now()
    override = Override(
        oncall=name,
        person=ask.person.id,
        starts_at=now,
        ends_at=now + ask.hold,
        made_by=ask.person.id,
    )
    async with desks.database.transaction() as tx:
        before = on_call(name, desks.playbook(), await overrides.active(tx, now), now)
        await overrides.add(tx, override)
        await audit.append(
            tx,
            incident=None,
            at=now,
            actor=ask.person.id,
            via=ask.via,
            what="override",
            because=f"on call on {name} for {human_duration(ask.hold)}: taken by {ask.person.id}",
        )
    until = clock_time(override.ends_at, now)
    instead = [name_of(p, desks.playbook().people) for p in before[:1] if p != ask.person.id]
    place = f" instead of {instead[0]}" if instead else ""
    return Reply(f"{ask.person.name} is on call on {name} until {until}{place}.", public=True)


def _list(playbook: Playbook, ask: Ask, wanted: str | None) -> str:
    """Find the list that is meant: the one named, the only one, or the only one of the speaker."""
    names = list(playbook.oncall)
    if wanted is not None:
        if wanted in names:
            return wanted
        raise unknown_name("oncall take", "on-call list", wanted, names)
    mine = [name for name in names if ask.person.id in playbook.oncall[name].people]
    for choice in (names, mine):
        if len(choice) == 1:
            return choice[0]
    if not names:
        raise BotError("No on-call list is configured; policies name people.")
    raise BotError(f"Which list? `oncall take 8h <list>`, one of {listed(names)}.")


VERB = Verb(
    name="oncall",
    usage="oncall | oncall take <duration> [list]",
    summary="who is on call and until when; take over for a while",
    needs=Permission.VIEW,
    run=run,
)
