"""How far a rule's answer may be believed now, by who speaks of those that feed it."""

from collections.abc import Collection
from typing import Final

from routing.rules.feeds import Watched
from routing.rules.lifecycle import BLIND, CLEAR, DIM, UNHEARD, WAITING, Look, Sight
from routing.rules.sources import UNEXPECTED, Sources
from storage.model.labels import Labels

LONGEST_REFILL: Final = 300.0
"""Seconds after which a window counts as filled again, however long it is."""


def look(
    watched: Watched,
    labels: Labels,
    value: float | None,
    remembered: tuple[str, ...],
    sources: Sources,
    steady: float,
    evidence: Collection[Labels] | None = None,
) -> Look:
    """Say what is seen of one series of a rule's answer.

    remembered: who fed it when it became true; asked when nobody did since start-up.
    evidence:   the series that the rule's query has a value for, whatever the value.
    """
    who = watched.sources_of(labels) or remembered
    if watched.needs.alone and not watched.is_fresh(labels) and remembered:
        who = remembered
    return Look(
        labels=labels,
        value=value,
        sight=_sight(watched, labels, who, sources, steady, evidence),
        sources=who,
        data_until=sources.heard_until(who),
        grace=sources.grace(who),
    )


def is_refilling(watched: Watched, sources: Sources, steady: float) -> bool:
    """Say whether a source of this rule began to speak so lately that windows may have holes."""
    return any(
        sources.spoke_for(source, steady) < _refill(watched, source, sources)
        for source in watched.sources
    )


def _refill(watched: Watched, source: str, sources: Sources) -> float:
    return max(min(watched.needs.window, LONGEST_REFILL), sources.warm_up(source))


def _sight(
    watched: Watched,
    labels: Labels,
    who: tuple[str, ...],
    sources: Sources,
    steady: float,
    evidence: Collection[Labels] | None,
) -> Sight:
    if not watched.needs.selectors:
        return CLEAR
    silent = [source for source in who if sources.is_silent(source, steady)]
    mute = [source for source in who if not sources.was_heard(source)]
    if watched.needs.absence:
        return _for_absence(bool(silent or mute), sources, steady)
    if len({*silent, *mute}) == len(who):
        return BLIND if silent else UNHEARD
    if silent or mute:
        return DIM
    spoken = min(sources.spoke_for(source, steady) for source in who)
    if spoken >= max(_refill(watched, source, sources) for source in who):
        return CLEAR
    known = evidence is not None and labels in evidence
    warm = spoken >= max(map(sources.warm_up, who))
    came = watched.is_fresh(labels) if watched.needs.alone else warm
    return CLEAR if known and came else DIM


def _for_absence(quiet: bool, sources: Sources, steady: float) -> Sight:
    """A rule that looks for absence believes silence, once everybody had time to speak."""
    if steady - sources.started < UNEXPECTED:
        return WAITING
    return DIM if quiet else CLEAR
