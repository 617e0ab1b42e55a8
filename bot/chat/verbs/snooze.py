"""`snooze`: hear of it again later."""

from datetime import timedelta

from bot.chat.selection import chosen
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import answered, clock_time
from routing.flow.desks import Desks
from routing.incidents.events import Snooze
from storage.model.person import Permission
from storage.units import human_duration

LONGEST = timedelta(days=30)


async def run(ask: Ask, desks: Desks) -> Reply:
    """`snooze 12 30m`: nobody is woken for half an hour; if it still fires then, it begins again.

    One refusal does not undo the others.
    """
    ask, instead = await chosen(ask, desks)
    if instead:
        return instead
    if not ask.incidents:
        return Reply("Which one? Say its number and for how long: `snooze 12 30m`.", refused=True)
    if ask.hold is None:
        number = ask.incidents[0]
        return Reply(
            f"For how long? Say a duration with its unit: `snooze {number} 30m`.", refused=True
        )
    if not timedelta(0) < ask.hold <= LONGEST:
        return Reply(f"A snooze lasts between 1s and {LONGEST.days}d.", refused=True)
    event = Snooze(by=ask.person.id, hold=ask.hold, note=ask.note)
    answers = await desks.incidents.apply_many(
        ask.incidents, event, actor=ask.person.id, via=ask.via
    )
    now = desks.clock.utc_now()
    until = f"for {human_duration(ask.hold)}, until {clock_time(now + ask.hold, now)}"
    return answered(answers, desks.playbook().people, lambda _: f"snoozed {until}")


VERB = Verb(
    name="snooze",
    usage="snooze <incident>... <duration> [note] | snooze mine|all|<label>=<value>... <duration>",
    summary="hear of incidents again later; they begin anew if they still fire",
    needs=Permission.RESPOND,
    run=run,
)
