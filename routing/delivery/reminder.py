"""The daily word on what is silenced: by whom, until when, and how much it hides. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from routing.alerts.windows import span_at
from routing.delivery.channel import Message
from routing.delivery.compose import LONGEST_SUMMARY
from routing.delivery.words import fitting, flat, lasting, moment, shortened
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.person import Person, PersonId
from storage.model.silence import Silence

LONGEST_LINE, LONGEST_COVER = 180, 90
EVER = datetime.max.replace(tzinfo=UTC)


def reminder_message(
    quiet: Sequence[tuple[Silence, int]],
    hidden: int,
    people: Mapping[PersonId, Person],
    now: datetime,
    console: str,
) -> Message:
    """List what is silenced, what lasts longest first.

    quiet: at least one silence or window, each with how many firing alerts it hides; some may be
    hidden by several.  hidden: how many all of them hide.
    """
    ordered = sorted(quiet, key=lambda it: (_end(it[0]), it[1]), reverse=True)
    plural = "silence hides" if len(quiet) == 1 else "silences hide"
    return Message(
        purpose=Purpose.NOTICE,
        title=f"{len(quiet)} {plural} {hidden:,} alert{'s' * (hidden != 1)} now",
        severity=Severity.INFORMATIONAL,
        summary=fitting([_line(*it, people, now) for it in ordered], LONGEST_SUMMARY),
        link=console,
    )


def _line(it: Silence, count: int, people: Mapping[PersonId, Person], now: datetime) -> str:
    """Write `silence 3 on team="shop": hides 12, by Ada, for 2 d 4 h more, until ...; note`."""
    person = people.get(PersonId(it.created_by))
    by = flat(person.name if person else it.created_by)
    cover = shortened(flat(", ".join(map(str, it.matchers))), LONGEST_COVER)
    span, end = span_at(it, now), "without end"
    if span is not None and span[1] != EVER:
        end = f"for {lasting(span[1] - now)} more, until {moment(span[1], now)}"
    if it.rule:
        end += ", then again"
    if it.until_resolved:
        end = f"until resolved, {end}"
    note = f"; {flat(it.comment)}" if it.comment and it.id else ""
    line = f"{it.kind} {it.id or flat(it.uuid)} on {cover}: hides {count:,}, by {by}, {end}{note}"
    return shortened(line, LONGEST_LINE)


def _end(it: Silence) -> datetime:
    return it.ends_at or EVER
