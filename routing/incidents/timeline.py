"""The record of an incident as a story that people can read."""

import re
from collections.abc import Iterable, Mapping, Sequence

from routing.delivery.channel import Line
from routing.delivery.words import flat, shortened
from storage.model.audit import AuditRow
from storage.model.person import Person, PersonId

LONGEST_LINE = 500
ASIDE = frozenset({"refused", "sent", "delivered", "unproven"})
"""Kept in the record, not told in rooms: what was refused, and each copy's way."""

_NAMING = re.compile(r"\b(by|asked|told|for) ([^\s:;,]+)")


def story(
    rows: Iterable[AuditRow], people: Mapping[PersonId, Person], *, whole: bool = False
) -> tuple[Line, ...]:
    """Return the record's rows as lines, oldest first, with names instead of ids.

    whole: with the asides too (what was refused, each copy that was sent), for whoever asks.
    """
    told = [row for row in rows if whole or row.what not in ASIDE]
    return tuple(Line(id=row.id, at=row.at, text=_sentence(row, people)) for row in told)


def newest(lines: Sequence[Line], most: int) -> tuple[Line, ...]:
    """Return the last `most` lines, oldest first."""
    return tuple(lines[-most:])


def named(text: str, people: Mapping[PersonId, Person]) -> str:
    """Put a person's name where a sentence says by, for, asked or told <id>."""

    def name(found: re.Match[str]) -> str:
        person = people.get(PersonId(found[2]))
        return f"{found[1]} {person.name}" if person else found[0]

    return _NAMING.sub(name, text)


def _sentence(row: AuditRow, people: Mapping[PersonId, Person]) -> str:
    text = named(flat(row.because) or row.what, people)
    return shortened(text[:1].upper() + text[1:], LONGEST_LINE)
