"""How far a rule's answer may be believed now, by who speaks of those that feed it."""

from collections.abc import Collection
from typing import Final

from routing.rules.feeds import Watched
from routing.rules.lifecycle import (
    BLIND,
    CLEAR,
    PARTLY,
    REFILLING,
    UNHEARD,
    WAITING,
    Look,
    Sight,
)
from routing.rules.sources import UNEXPECTED, Sources
from storage.clock import Steady
from storage.model.labels import Labels

LONGEST_REFILL: Final = 300.0
"""Seconds after which a window counts as filled again, however long it is."""


LEFT: Final = 600.0
"""Seconds, and the rule's window, after which a source that nobody expects has left a rule that
combines series: what it sent is in no answer any more."""


def look(
    watched: Watched,
    labels: Labels,
    value: float | None,
    remembered: tuple[str, ...],
    sources: Sources,
    steady: float,
    evidence: Collection[Labels] | None = None,
    as_of: Steady | None = None,
) -> Look:
    """Say what is seen of one series of a rule's answer.

    remembered: who fed it when it became true; asked when nobody did since start-up.
    evidence:   the series that the rule's query has a value for, whatever the value; None where
                it was not asked for.
    as_of:      steady moment that the query looked at.
    """
    who = watched.sources_of(labels) or remembered
    if watched.needs.alone and not watched.is_fresh(labels) and remembered:
        who = remembered
    needs = watched.needs
    if not needs.alone:
        gone = max(LEFT, needs.window)
        who = tuple(s for s in who if not sources.has_left(s, steady, gone)) or who
    shown = labels in (evidence or ())
    proven = needs.absence or not needs.selectors or shown
    return Look(
        labels=labels,
        value=value,
        sight=_sight(watched, labels, who, sources, steady, proven=proven, shown=shown),
        as_of=as_of,
        heard=sources.heard_at(who) if needs.selectors else Steady(steady),
        sources=who,
        data_until=sources.heard_until(who),
        grace=sources.grace(who),
    )


def look_at_answer(
    labels: Labels,
    value: float | None,
    answered_by: str,
    steady: float,
    evidence: Collection[Labels] | None,
    as_of: Steady,
) -> Look:
    """Say what is seen of one series where another system evaluates the queries.

    Its answer is evidence of this very moment: no sample comes in here that could be waited for,
    and whose samples stand behind a series is known only there. So what it has no value for is
    over, as for a Prometheus; while it does not answer, nothing is judged at all.

    evidence: the series that the rule's query has a value for; None: nothing has to be proven.
    It is asked for while the windows of a system that was away may still have holes.
    """
    whole = evidence is None or labels in evidence
    return Look(
        labels=labels,
        value=value,
        sight=CLEAR if whole else REFILLING,
        as_of=as_of,
        heard=Steady(steady),
        sources=(answered_by,),
    )


def _refill(watched: Watched, source: str, sources: Sources) -> float:
    return max(min(watched.needs.window, LONGEST_REFILL), sources.warm_up(source))


def _sight(
    watched: Watched,
    labels: Labels,
    who: tuple[str, ...],
    sources: Sources,
    steady: float,
    *,
    proven: bool,
    shown: bool,
) -> Sight:
    """Say how far it may be believed.

    proven: what is not true may be called over.  shown: since there is a value that says so.
    """
    if not watched.needs.selectors:
        return CLEAR
    silent = [source for source in who if sources.is_silent(source, steady)]
    mute = [source for source in who if not sources.was_heard(source)]
    if watched.needs.absence:
        return _for_absence(bool(silent or mute), sources, steady)
    if len({*silent, *mute}) == len(who):
        return BLIND if silent else UNHEARD
    if silent or mute:
        return PARTLY
    if not shown and any(sources.is_late(source, steady) for source in who):
        return REFILLING
    spoken = min(sources.spoke_for(source, steady) for source in who)
    if spoken >= max(_refill(watched, source, sources) for source in who):
        return CLEAR
    warm = spoken >= max(map(sources.warm_up, who))
    came = watched.is_fresh(labels) if watched.needs.alone else warm
    return CLEAR if proven and came else REFILLING


def _for_absence(quiet: bool, sources: Sources, steady: float) -> Sight:
    """A rule that looks for absence believes silence, once everybody had time to speak."""
    if steady - sources.started < UNEXPECTED:
        return WAITING
    return PARTLY if quiet else CLEAR
