"""One event thought through to its end: who is asked, and what follows when that is nobody."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from routing.delivery.words import listed, moment
from routing.incidents.effects import (
    Effect,
    Effects,
    PageStep,
    Tell,
    TellAdmins,
    Transition,
)
from routing.incidents.events import Rung, Undelivered
from routing.incidents.machine import transition
from routing.oncall.expand import Ring, are_heard
from storage.model.alert import Alert
from storage.model.delivery import OutboxMessage
from storage.model.incident import Incident
from storage.model.person import PersonId

Expand = Callable[[Incident, PageStep], tuple[Ring, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line for the record: `what` in a word, `because` in a sentence."""

    what: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an event comes to, ready to be written.

    before:  the incident as it was loaded; None: it is to be opened.
    after:   the incident as it is to be saved; those asked stand in `rung`.
    effects: what else follows, in order, less the page steps.
    rings:   whom to ask.
    facts:   lines for the record.
    alerts:  those that changed; stored with the incident that is opened, or before that already.
    sooner:  pages that wait for their turn, with the sooner one that they get.
    """

    before: Incident | None
    after: Incident
    effects: Effects = ()
    rings: tuple[Ring, ...] = ()
    facts: tuple[Fact, ...] = ()
    alerts: tuple[Alert, ...] = ()
    sooner: tuple[OutboxMessage, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write at all."""
        follows = self.effects or self.rings or self.facts or self.alerts or self.sooner
        return self.before == self.after and not follows

    @property
    def is_told(self) -> bool:
        """Whether a person is to hear of it: one who is asked, or was rung."""
        return bool(self.rings) or any(
            isinstance(it, TellAdmins) or (isinstance(it, Tell) and bool(it.people))
            for it in self.effects
        )


def follow(before: Incident | None, change: Transition, expand: Expand, now: datetime) -> Decision:
    """Turn a transition into a decision: page steps become people to ask.

    A step that reaches nobody is never silent: the machine hears that it was not delivered, and
    what it says then (the next step at once, most often) is thought through as well.
    """
    facts = (Fact(what=change.what, because=change.because),) if change.what else ()
    decision = Decision(before=before, after=change.incident, facts=facts)
    # Page steps last: the timer of a step that takes over from one that reached nobody must
    # stand behind that one's, since the last counts.
    for effect in sorted(change.effects, key=lambda it: isinstance(it, PageStep)):
        decision = _with(decision, effect, expand, now)
    return decision


def _with(decision: Decision, effect: Effect, expand: Expand, now: datetime) -> Decision:
    if not isinstance(effect, PageStep):
        return replace(decision, effects=(*decision.effects, effect))
    rings = expand(decision.after, effect)
    people = tuple(dict.fromkeys(ring.person for ring in rings))
    incident = transition(decision.after, Rung(people), now).incident if rings else decision.after
    facts = decision.facts + quiet_facts(rings, now)
    decision = replace(decision, after=incident, rings=decision.rings + rings, facts=facts)
    if are_heard(rings):
        return decision
    if not incident.severity.escalates:
        if rings:
            return decision
        nobody = Fact(what="asked nobody", because="the step names nobody who can be asked by chat")
        return replace(decision, facts=(*decision.facts, nobody))
    lost = transition(incident, Undelivered(effect.round, effect.step), now)
    then = follow(incident, lost, expand, now)
    return replace(
        decision,
        after=then.after,
        effects=decision.effects + then.effects,
        rings=decision.rings + then.rings,
        facts=decision.facts + then.facts,
    )


def quiet_facts(rings: Sequence[Ring], now: datetime) -> tuple[Fact, ...]:
    """Say for the record what quiet hours put off."""
    waiting: dict[tuple[PersonId, datetime], list[str]] = defaultdict(list)
    for ring in rings:
        if ring.put_off is not None:
            waiting[ring.person, ring.put_off].append(ring.contact.channel)
    return tuple(
        Fact(
            what="put off",
            because=f"quiet hours: nothing rings for {person} until {moment(until, now)}, "
            f"then {listed(channels)}",
        )
        for (person, until), channels in waiting.items()
    )
