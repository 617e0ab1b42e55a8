"""Verbs: what people can say, and what they hear back. The same from every mouth."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from routing.flow.desks import Desks
from storage.model.incident import IncidentId
from storage.model.person import Permission, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A sentence somebody said, understood.

    person:    who speaks; known and permitted by the time a verb runs.
    via:       the mouth: `slack`, `console`, `cli`.
    verb:      the first word.
    incidents: the numbers named, in order; empty where none was named.
    hold:      the duration said (`for 2h`, `30m`), or None.
    words:     what is left after verb, numbers and duration, in order, as typed.
    note:      `words` as one text.
    origin:    where it was said (room address), so that a long answer can follow there.
    """

    person: Person
    via: str
    verb: str
    incidents: tuple[IncidentId, ...] = ()
    hold: timedelta | None = None
    words: tuple[str, ...] = ()
    origin: str = ""

    @property
    def note(self) -> str:
        """The free words as one text."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that comes with an answer. `name` has no path; `media_type` as in HTTP."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Something that is done only when whoever asked for it says so once more.

    question: what it would do.   sentence: what does it, said by the same person.
    label:    of a button that says it, where the mouth has buttons.
    """

    question: str
    sentence: str
    label: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the speaker hears.

    text:   plain text; lines; no markup. A mouth escapes it for its platform.
    table:  rows of cells, first row the head; shown as a table where the mouth can.
    public: shown to everyone in the room rather than to the speaker alone.
    refused: nothing of what was asked was done; the command line ends with 1.
    confirm: what is to be confirmed; `text` says it too, with the sentence to type.
    """

    text: str
    table: Sequence[Sequence[str]] = ()
    attachments: Sequence[Attachment] = field(default_factory=tuple)
    public: bool = False
    refused: bool = False
    confirm: Confirm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """What a verb's file exports.

    usage: `ack [incident...] [for <duration>] [note]`.   summary: one line for `help`.
    needs: what the speaker must be allowed.
    slow:  takes longer than a moment; a mouth that must answer at once says so and follows up.
    """

    name: str
    usage: str
    summary: str
    needs: Permission
    run: Callable[[Ask, Desks], Awaitable[Reply]]
    slow: bool = False
