"""How answers word incidents, people and times."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from bot.chat.verb import Reply
from routing.alerts.flap import said
from routing.incidents.ahead import Due, in_words
from routing.incidents.timeline import named
from storage.errors import BotError
from storage.model.incident import Incident, IncidentId, Status
from storage.model.person import Person, PersonId
from storage.units import human_duration

MOST_LINES, MOST_NUMBERS = 15, 40
"""Incidents that an answer words one by one; numbers that it lists of more."""
MOST_DUE = 10

People = Mapping[PersonId, Person]


def name_of(person: PersonId | None, people: People) -> str:
    """Return the person's name; the id where they left the configuration; empty for nobody."""
    if person is None:
        return ""
    return people[person].name if person in people else str(person)


def clock_time(at: datetime, now: datetime) -> str:
    """Write a time, UTC: `14:05 UTC` today, else `2026-03-02 14:05 UTC`."""
    return at.strftime("%H:%M UTC" if at.date() == now.date() else "%Y-%m-%d %H:%M UTC")


def ago(at: datetime, now: datetime) -> str:
    """Write how long ago: `5 min ago`."""
    return f"{human_duration(max(now - at, now - now))} ago"


def standing(incident: Incident, people: People, now: datetime) -> str:
    """Say in a few words where an incident stands, who has it, that it is muted, that it flaps."""
    words = _standing(incident, people, now)
    if incident.muted and incident.status in (Status.ACKNOWLEDGED, Status.SNOOZED):
        words += f", {named(incident.muted, people)}"
    if incident.quiet and incident.firing:
        words += ", quiet while it still fires"
    flaps = said(incident.flaps) if incident.status.is_open else ""
    return f"{words}, {flaps}" if flaps else words


def _standing(incident: Incident, people: People, now: datetime) -> str:
    owner = name_of(incident.owner, people)
    match incident.status:
        case Status.ACKNOWLEDGED if owner:
            return f"acknowledged by {owner}"
        case Status.SNOOZED if incident.snoozed_until is not None:
            until = clock_time(incident.snoozed_until, now)
            return f"snoozed until {until}" + (f" by {owner}" if owner else "")
        case Status.MUTED if incident.muted:
            return f"muted, {named(incident.muted, people)}"
        case Status.RESOLVED if incident.resolved_by is not None:
            return f"resolved by {name_of(incident.resolved_by, people)}"
        case Status.TRIGGERED if incident.undelivered:
            return "triggered, not delivered"
        case _:
            return incident.status.value


def answered(
    answers: Mapping[IncidentId, Incident | BotError],
    people: People,
    done: Callable[[Incident], str],
) -> Reply:
    """Word what became of each incident: what was `done` to it, or why not.

    Of very many a sentence for all that went alike, and the refusals.
    """
    if len(answers) > MOST_LINES:
        return _answered_in_bulk(answers, people, done)
    lines = [
        _refusal(number, answer, people)
        if isinstance(answer, BotError)
        else f"#{number} {answer.title}: {done(answer)}"
        for number, answer in answers.items()
    ]
    nothing_done = all(isinstance(answer, BotError) for answer in answers.values())
    return Reply("\n".join(lines), refused=nothing_done)


def _answered_in_bulk(
    answers: Mapping[IncidentId, Incident | BotError],
    people: People,
    done: Callable[[Incident], str],
) -> Reply:
    good = [it for it in answers.values() if not isinstance(it, BotError)]
    bad = {number: it for number, it in answers.items() if isinstance(it, BotError)}
    lines, alike = [], dict[str, list[IncidentId]]()
    for it in good:
        alike.setdefault(done(it), []).append(it.id)
    for sentence, ids in alike.items():
        numbers = [f"#{id}" for id in ids[:MOST_NUMBERS]]
        more = len(ids) - MOST_NUMBERS
        numbers += [f"and {more} more"] if more > 0 else []
        many = "1 incident" if len(ids) == 1 else f"{len(ids)} incidents"
        lines.append(f"{many}: {sentence}: {' '.join(numbers)}")
    lines += [_refusal(number, it, people) for number, it in list(bad.items())[:MOST_LINES]]
    if len(bad) > MOST_LINES:
        lines.append(f"and {len(bad) - MOST_LINES} more were refused")
    return Reply("\n".join(lines), refused=not good)


def _refusal(number: IncidentId, refusal: BotError, people: People) -> str:
    """Word a refusal about one incident, with its number in front once."""
    text = named(str(refusal), people)
    return text if text.startswith(f"#{number}") else f"#{number}: {text}"


def due_lines(incident: Incident, due: Sequence[Due], now: datetime) -> list[str]:
    """Say what will be sent when, a line each."""
    if not due and incident.status is Status.MUTED:
        return ["  when nothing mutes it any more, if it fires still: step 1 of its policy"]
    if not due:
        return ["  nothing is due, as things stand"]
    more = [f"  and {len(due) - MOST_DUE} more"] if len(due) > MOST_DUE else []
    return [*(f"  {in_words(it, now)}" for it in due[:MOST_DUE]), *more]


def listed(names: Iterable[str]) -> str:
    """Join for reading: `a`, `a and b`, `a, b and c`."""
    *most, last = list(names) or [""]
    return f"{', '.join(most)} and {last}" if most else last
