"""`silence`: nobody hears of what it covers, for a while or until it is resolved."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.chat.guess import guess
from bot.chat.identity import require
from bot.chat.muting import Planned, Wish, expire, extend, objection, read_wish
from bot.chat.selection import ALL, MINE, chosen
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import clock_time, name_of
from routing.alerts.breadth import Breadth
from routing.flow.desks import Desks
from routing.flow.silence import PAGE, Cover, SilenceDesk
from storage.model.labels import Fingerprint
from storage.model.person import Permission, PersonId
from storage.model.silence import Silence, SilenceId, SilenceKind
from storage.sql import standing
from storage.units import format_duration, human_duration

HOW = (
    "Say what and for how long: `silence service=checkout 2h planned work`, "
    "`silence 12 until resolved`, `silence mine 1h`; or `silence list`, `silence extend 3 2h`, "
    "`silence expire 3`."
)
OVER = "That time is over; a silence ends later than it begins."
HOW_LONG = (
    "For how long? Say it behind what is to be quiet: `silence service=checkout 2h`, "
    "`... until 22:00` or `... until resolved`."
)
NO_END = "Nothing that this covers fires now, so there is no end to wait for."
MOST_AT_ONCE = 100
TOO_MANY = (
    "That would be {count} silences; {most} at most can be made at once. Name labels that they "
    "share, as in `silence service=checkout 2h`."
).replace("{most}", str(MOST_AT_ONCE))


async def run(ask: Ask, desks: Desks) -> Reply:
    """`silence team=shop 2h planned`: what it covers rings nobody; at the end, what fires does.

    `silence mine 1h` and `silence all 30m` make one for each incident, all of them or none. A
    broad one has to be confirmed, the widest need an administrator, and none lasts forever.
    """
    desk = SilenceDesk(desks.database, desks.clock, desks.playbook, desks.wake)
    if ask.words == ("list",):
        return await _list(desk, desks)
    require(ask.person, Permission.RESPOND, "`silence`")
    match [*ask.words]:
        case ["extend", *rest]:
            return await extend(ask, desk, rest)
        case ["expire" | "end", *numbers]:
            return await expire(ask, desk, numbers)
    return await _make(ask, desk, desks)


async def _make(ask: Ask, desk: SilenceDesk, desks: Desks) -> Reply:
    selects = ask.words[:1] and ask.words[0].lower() in (ALL, MINE)
    if selects:
        ask, instead = await chosen(ask, desks)
        if instead is not None:
            return instead
    try:
        here = desks.clock.utc_now().astimezone(ZoneInfo(ask.person.zone))
        wish = read_wish(ask, here)
    except ValueError as fault:
        return Reply(f"{fault}.", refused=True)
    limits, now = desks.playbook().limits, desks.clock.utc_now()
    hold = limits.longest if wish.hold is None and wish.until_resolved else wish.hold
    if not (wish.matchers or ask.incidents):
        return Reply(HOW, refused=True)
    if hold is None or hold <= timedelta(0):
        return Reply(HOW_LONG if hold is None else OVER, refused=True)
    if wish.matchers:
        covers: dict[Cover, list[Fingerprint]] = {wish.matchers: []}
    else:
        covers = await desk.matchers_of(ask.incidents)
    if len(covers) > MOST_AT_ONCE:
        return Reply(TOO_MANY.format(count=len(covers)), refused=True)
    breadth = await desk.breadth(*covers)
    if wish.until_resolved and not breadth.alerts:
        return Reply(NO_END, refused=True)
    sentence = _sentence(ask, wish)
    planned = Planned(covers=list(covers), breadth=breadth, sentence=sentence)
    if (against := objection(ask, wish, planned, limits)) is not None:
        return against
    if wish.until_resolved and wish.matchers:
        covers = {wish.matchers: [*breadth.alerts]}
    wanted = [
        (_silence(ask, wish, cover, now, hold), waits if wish.until_resolved else ())
        for cover, waits in covers.items()
    ]
    made = await desk.make_many(wanted, actor=ask.person.id, via=ask.via)
    said = _done(made, wish, now, hold, breadth)
    return Reply(f"{said} {await _hint(wish, desks)}".strip() if not breadth.alerts else said)


async def _hint(wish: Wish, desks: Desks) -> str:
    """Say what may have been meant, where what fires is not."""
    async with desks.database.reading() as tx:
        firing = await standing.labels_after(tx, "", PAGE)
    return guess(wish.matchers, (labels for _, labels in firing))


def _silence(ask: Ask, wish: Wish, cover: Cover, now: datetime, hold: timedelta) -> Silence:
    return Silence(
        id=SilenceId(0),
        uuid="",
        matchers=cover,
        starts_at=now,
        ends_at=now + hold,
        created_by=ask.person.id,
        updated_at=now,
        comment=wish.note,
        until_resolved=wish.until_resolved,
    )


def _done(
    made: Sequence[Silence], wish: Wish, now: datetime, hold: timedelta, breadth: Breadth
) -> str:
    end = f"until {clock_time(now + hold, now)} ({human_duration(hold)})"
    if wish.until_resolved:
        end = f"until resolved, at the latest {end}"
    hides = f"It hides {breadth} now." if breadth.alerts else "Nothing that it covers fires now."
    first, *others = made
    if not others:
        return f"Silence {first.id} on {', '.join(map(str, first.matchers))} {end}. {hides}"
    hides = hides.replace("It hides", "They hide").replace("it covers", "they cover")
    to = "and" if len(others) == 1 else "to"
    return f"Silences {first.id} {to} {others[-1].id} {end}. {hides}"


def _sentence(ask: Ask, wish: Wish) -> str:
    """Say again what was asked, for the confirmation; what was selected by its numbers."""
    numbered = [str(number) for number in ask.incidents]
    what = [str(it) for it in wish.matchers] or numbered
    hold = [format_duration(wish.hold)] if wish.hold else []
    until = ["until resolved"] if wish.until_resolved else []
    return " ".join([ask.verb, *what, *hold, *until, wish.note]).strip()


async def _list(desk: SilenceDesk, desks: Desks) -> Reply:
    found = await desk.listed(SilenceKind.SILENCE)
    if not found:
        return Reply("No silence.")
    now, people = desks.clock.utc_now(), desks.playbook().people
    rows = [
        (
            str(it.id),
            ", ".join(map(str, it.matchers)),
            name_of(PersonId(it.created_by), people),
            ("resolved, or " if it.until_resolved else "")
            + (clock_time(it.ends_at, now) if it.ends_at else "ever"),
            str(count),
            it.comment,
        )
        for it, count in found
    ]
    head = ("silence", "on", "by", "until", "hides", "note")
    plural = "silence" if len(found) == 1 else "silences"
    return Reply(f"{len(found)} {plural}; `silence expire 3` ends one.", table=(head, *rows))


VERB = Verb(
    name="silence",
    usage="silence <label=value>... <duration> [note] | <incident>... | mine | all <duration> | "
    "<incident> until resolved | list | extend <silence> <duration> | expire <silence>",
    summary="keep alerts from being heard for a while",
    needs=Permission.VIEW,
    run=run,
)
