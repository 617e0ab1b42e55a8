"""One meaning, many mouths: a sentence and who said it -> the answer."""

from functools import cache

import structlog

from bot.chat import verbs as package
from bot.chat.identity import NotPermitted, require
from bot.chat.parse import parse, unknown_verb
from bot.chat.verb import Ask, Reply, Verb
from routing.flow.desks import Desks
from routing.plugins import collect
from storage.errors import BotError
from storage.model.person import Person
from storage.sql import audit

log = structlog.get_logger(__name__)

LONGEST_SENTENCE = 2_000  # characters; notes longer than that are cut
_QUOTED = 200


@cache
def verbs() -> dict[str, Verb]:
    """Return every verb there is, by name."""
    return collect(package, Verb)


def verb_of(text: str) -> Verb | None:
    """Return the verb of a sentence, for a mouth that asks first whether it is slow."""
    return verbs().get(parse(text[:LONGEST_SENTENCE]).verb)


async def speak(
    text: str, *, person: Person | None, who: str, via: str, origin: str, desks: Desks
) -> Reply:
    """Answer what somebody said; never raises for what was typed.

    person: who speaks; None: a stranger, who is told so.  who: how the mouth knows them (a
    Slack member id); stands in the record of refusals.  via: the mouth: `slack`, `console`,
    `cli`.  origin: the room's address, where a long answer can follow.
    """
    text = _storable(text)
    said = parse(text)
    if person is None:
        await _record_refusal(desks, who, via, f"a stranger said {text[:_QUOTED]!r}")
        return Reply(
            f"I do not know you ({via} {who[:64]}), so I cannot do this. "
            "An administrator can add you to `people` in the configuration.",
            refused=True,
        )
    verb = verbs().get(said.verb)
    if verb is None:
        return Reply(unknown_verb(said.verb, verbs()), refused=True)
    ask = Ask(
        person=person,
        via=via,
        verb=said.verb,
        incidents=said.incidents,
        hold=said.hold,
        words=said.words,
        origin=origin,
    )
    try:
        require(person, verb.needs, f"`{verb.name}`")
        return await verb.run(ask, desks)
    except NotPermitted as refusal:
        await _record_refusal(desks, person.id, via, f"{text[:_QUOTED]!r} refused: {refusal}")
        return Reply(f"Not allowed: {refusal}.", refused=True)
    except BotError as refusal:
        return Reply(str(refusal), refused=True)
    except Exception:  # whatever broke, a person waits for an answer
        log.exception("a verb failed", verb=verb.name, via=via, person=person.id)
        return Reply(
            f"`{verb.name}` failed inside Tocsin and is in its log. It may not have been done; "
            "`alerts` shows how things stand.",
            refused=True,
        )


def _storable(text: str) -> str:
    """Cut to the longest sentence; leave out what no database stores (NUL, half characters)."""
    return text[:LONGEST_SENTENCE].replace("\0", "").encode(errors="replace").decode()


async def _record_refusal(desks: Desks, actor: str, via: str, because: str) -> None:
    """Write it into the record; an answer does not wait for a database that is away."""
    log.warning("a command was refused", actor=actor[:64], via=via, because=because)
    try:
        async with desks.database.transaction() as tx:
            await audit.append(
                tx,
                incident=None,
                at=desks.clock.utc_now(),
                actor=actor[:64],
                via=via,
                what="refused",
                because=because,
            )
    except BotError as error:
        log.warning("the refusal could not be recorded", error=str(error))
