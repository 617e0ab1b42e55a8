"""`why`: why an incident or an alert was heard, or was not."""

from collections.abc import Sequence

from bot.chat.guess import guess
from bot.chat.verb import Ask, Reply, Verb
from bot.whither import read_labels
from bot.why import (
    found_brief,
    found_lines,
    incident_brief,
    incident_lines,
    messages_table,
    overview_lines,
)
from routing.delivery.words import flat
from routing.flow.desks import Desks
from routing.flow.why import is_fingerprint, overview, why_alerts, why_incident
from storage.model.labels import Matcher, MatchOp
from storage.model.person import Permission
from storage.sql import standing

BRIEF = ("sms", "voice")
"""Mouths on which a sentence must do."""
EVEN = "cli"
"""The mouth on which all letters are as wide."""
MOST_BRIEF, MOST_GUESSED = 4, 1_000


async def run(ask: Ask, desks: Desks) -> Reply:
    """`why 12`: who was told of an incident, by which way it came; or why nobody was.

    `why CheckoutSlow`, `why 7bfda572bf28199f`, `why service=checkout`: of an alert.
    `why`: what is not heard now and by whom, and what lately nobody was told of.
    """
    if len(ask.incidents) > 1 or (ask.incidents and ask.words):
        return Reply("Which one? Say one number: `why 12`.", refused=True)
    if ask.incidents:
        return await _incident(ask, desks)
    return await (_alerts(ask, desks) if ask.words else _everything(ask, desks))


async def _incident(ask: Ask, desks: Desks) -> Reply:
    why = await why_incident(desks, ask.incidents[0])
    if ask.via in BRIEF:
        return Reply("\n".join(incident_brief(why)))
    lines = incident_lines(why, desks.clock.utc_now(), even=ask.via == EVEN)
    return Reply("\n".join(lines), table=messages_table(why.case, desks))


async def _alerts(ask: Ask, desks: Desks) -> Reply:
    fingerprint, pairs = "", []
    try:
        if any("=" in word for word in ask.words):
            pairs = list(read_labels(ask.words))
        elif is_fingerprint(ask.words[0]):
            fingerprint = ask.words[0]
        else:
            pairs = [("alertname", ask.note)]
    except ValueError as error:
        return Reply(str(error), refused=True)
    found = await why_alerts(desks, pairs, fingerprint=fingerprint)
    if not found.stories:
        return Reply(f"{_unknown(ask, desks)} {await _guess(pairs, desks)}".strip(), refused=True)
    if ask.via in BRIEF:
        return Reply("\n".join(found_brief(found)))
    lines = found_lines(found, desks.clock.utc_now(), even=ask.via == EVEN)
    return Reply("\n".join(lines), table=messages_table(found.stories[0].case, desks))


async def _guess(pairs: Sequence[tuple[str, str]], desks: Desks) -> str:
    """Say what may have been meant, of what fires."""
    wanted = [Matcher(name, MatchOp.EQUAL, value) for name, value in pairs]
    async with desks.database.reading() as tx:
        firing = await standing.labels_after(tx, "", MOST_GUESSED)
    return guess(wanted, (labels for _, labels in firing))


def _unknown(ask: Ask, desks: Desks) -> str:
    """Say that no such alert was told, and what the rule of that name does instead."""
    named = [rule for group in desks.rules() for rule in group.rules if rule.name == ask.note]
    known = f"No alert that is still kept is meant by `{flat(ask.note)[:100]}`"
    if not named:
        return f"{known}; say an alert's name, its fingerprint or labels."
    (rule, *_) = named
    if rule.shadow:
        return (
            f"{known}: its rule ({rule.where}) is in the shadow: it is judged, and nobody is told."
        )
    return f"{known}: its rule ({rule.where}) is judged, and never fired as far back as that."


async def _everything(ask: Ask, desks: Desks) -> Reply:
    seen = await overview(desks)
    lines = overview_lines(seen, desks.playbook().people, desks.clock.utc_now())
    if ask.via in BRIEF:
        lines = [line.strip() for line in lines[:MOST_BRIEF]]
    return Reply("\n".join(lines))


VERB = Verb(
    name="why",
    usage="why [<incident> | <alert> | <label>=<value>...]",
    summary="why it was heard, or not: who was told, who muted it, which way it went",
    needs=Permission.VIEW,
    run=run,
)
