"""`ack`: take incidents, so that nobody else is woken."""

from datetime import timedelta

from bot.chat.names import other_than
from bot.chat.selection import NOTHING, chosen
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import answered
from routing.flow.desks import Desks
from routing.incidents.events import Acknowledge
from storage.model.incident import Incident, Status
from storage.model.person import Permission
from storage.sql import incidents
from storage.units import human_duration

LONGEST = timedelta(days=30)
"""Whoever needs longer says so again: a fault that fires unheard for years is forgotten."""


async def run(ask: Ask, desks: Desks) -> Reply:
    """`ack 42 43 for 2h looking at it`: take the incidents; escalation stops.

    Without a number: the one page that waits for the speaker's answer, unless the words name
    another incident. `ack mine`: all that do;
    `ack all`, `ack service=checkout`: all that wait for anybody's, in one transaction. One
    refusal does not undo the others.
    """
    if ask.hold is not None and not timedelta(0) < ask.hold <= LONGEST:
        return Reply(f"An acknowledgement lasts between 1s and {LONGEST.days}d.", refused=True)
    ask, instead = await chosen(ask, desks, (Status.TRIGGERED,))
    if instead:
        return instead
    numbers = ask.incidents
    if not numbers:
        async with desks.database.reading() as tx:
            waiting = await incidents.asked(tx, ask.person.id)
        if (instead := await other_than(ask, waiting, desks)) is not None:
            return instead
        if len(waiting) != 1:
            return _which(waiting)
        numbers = tuple(incident.id for incident in waiting)
    event = Acknowledge(by=ask.person.id, hold=ask.hold, note=ask.note)
    answers = await desks.incidents.apply_many(numbers, event, actor=ask.person.id, via=ask.via)

    def taken(incident: Incident) -> str:
        hold = human_duration(ask.hold or incident.policy.ack_timeout)
        return f"yours for {hold}, escalation stopped"

    return answered(answers, desks.playbook().people, taken)


def _which(waiting: list[Incident]) -> Reply:
    """Ask which one is meant, or say that nothing waits."""
    if not waiting:
        return Reply(NOTHING, refused=True)
    lines = [f"#{incident.id} {incident.title}" for incident in waiting[:10]]
    more = f"\nand {len(waiting) - 10} more" if len(waiting) > 10 else ""
    numbers = " ".join(str(incident.id) for incident in waiting[:10])
    return Reply(
        f"{len(waiting)} incidents wait for your answer; which one? `ack {numbers}` takes "
        f"{'these' if more else 'them all'}.\n" + "\n".join(lines) + more,
        refused=True,
    )


VERB = Verb(
    name="ack",
    usage="ack [incident...] [for <duration>] [note] | ack mine|all|<label>=<value>... [note]",
    summary="take incidents: escalation stops; without a number your only page",
    needs=Permission.RESPOND,
    run=run,
)
