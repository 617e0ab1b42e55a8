"""`verdict`: what an alarm was worth, once it is over."""

from datetime import timedelta

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import answered
from routing.flow.desks import Desks
from routing.incidents.assessing import WORDS
from routing.incidents.events import Assess
from storage.errors import nearest
from storage.model.incident import Incident, IncidentId, Status, Verdict
from storage.model.person import Permission
from storage.sql import incidents

LATELY = timedelta(days=1)
SAID = {
    **{"real": Verdict.REAL, "true": Verdict.REAL},
    **{"false": Verdict.FALSE, "noise": Verdict.FALSE},
    **{"none": Verdict.NONE, "nothing": Verdict.NONE},
}
EXPECTED = "expected real, false or none (no action needed), as in `verdict 12 false`"


async def run(ask: Ask, desks: Desks) -> Reply:
    """`verdict 12 real`, `false 12`: what it was worth; said again, the last word counts.

    Without a number: the one that the speaker was asked about in the last day, and that is over
    without a verdict.
    """
    numbers, words = ask.incidents, list(ask.words)
    if not words:
        return Reply(f"What was it worth? {EXPECTED[:1].upper()}{EXPECTED[1:]}.", refused=True)
    verdict = SAID.get(words[0].lower())
    if verdict is None:
        return Reply(f"found {words[0][:40]!r}; {nearest(words[0], SAID)}{EXPECTED}", refused=True)
    behind = [word.lstrip("#") for word in words[1:]]  # `false 12`, as one types it on a phone
    numbers += tuple(
        IncidentId(int(word)) for word in behind if word.isascii() and word.isdecimal()
    )
    if not numbers:
        waiting = await _waiting(ask, desks)
        if len(waiting) != 1:
            return _which(waiting, words[0])
        numbers = (waiting[0].id,)
    event = Assess(by=ask.person.id, verdict=verdict)
    answers = await desks.incidents.apply_many(numbers, event, actor=ask.person.id, via=ask.via)
    return answered(answers, desks.playbook().people, lambda _: f"noted, {WORDS[verdict]}")


async def _waiting(ask: Ask, desks: Desks) -> list[Incident]:
    since = desks.clock.utc_now() - LATELY
    async with desks.database.reading() as tx:
        found = await incidents.search(tx, statuses=(Status.RESOLVED,), since=since, limit=200)
    return [it for it in found if it.verdict is None and ask.person.id in it.rung]


def _which(waiting: list[Incident], word: str) -> Reply:
    if not waiting:
        return Reply(
            f"Nothing that you were asked about in the last day lacks a verdict; `{word} 12` says "
            "it of incident 12.",
            refused=True,
        )
    lines = [f"#{it.id} {it.title}" for it in waiting[:10]]
    return Reply(
        f"{len(waiting)} incidents that you were asked about lack a verdict; which one? "
        f"`{word} {waiting[0].id}` says it of the newest.\n" + "\n".join(lines),
        refused=True,
    )


VERB = Verb(
    name="verdict",
    usage="verdict [incident...] real|false|none",
    summary="what an alarm was worth, once it is over: real, false, or no action needed",
    needs=Permission.RESPOND,
    run=run,
)
