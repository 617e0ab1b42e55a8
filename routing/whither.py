"""Where an alert with these labels would go now, whom that would page, and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from routing.alerts.intervals import Hours
from routing.alerts.mute import by_time_on
from routing.alerts.place import worded
from routing.alerts.route import Branch, branches_of
from routing.incidents.effects import PageStep
from routing.incidents.timeline import named
from routing.oncall.expand import Roster, asked_by
from storage.model.alert import Severity
from storage.model.labels import Labels
from storage.model.policy import Policy, Step
from storage.model.silence import Mute


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One step: whom it would ask, and by what.

    after:  how long after the alert began.
    people: (name, channels at once); without channels it is put off.
    """

    after: timedelta
    people: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of the alert.

    quiet: what keeps it from being heard this way, in words; empty: it is heard.
    steps: none where the severity asks nobody.
    again: so long after the last step all of it begins anew, unanswered; 0: it is told once.
    """

    branch: Branch
    quiet: tuple[str, ...]
    steps: tuple[Asked, ...]
    again: timedelta


def ways_of(labels: Labels, roster: Roster, muted: Sequence[Mute], hours: Hours) -> tuple[Way, ...]:
    """Say which ways an alert with these labels would go, whom each would ask.

    muted: what keeps it quiet on every way.  hours: the time intervals that are on.
    """
    people = roster.playbook.people
    silenced = tuple(named(worded(mute), people) for mute in muted)
    found = []
    for branch in branches_of(labels, roster.playbook):
        time = by_time_on(branch, hours)
        quiet = (*silenced, worded(time)) if time else silenced
        severity = Severity.read(labels.get("severity"))
        steps, again = _steps(branch, severity, roster), _again(branch.policy, severity)
        found.append(Way(branch=branch, quiet=quiet, steps=steps, again=again))
    return tuple(found)


def _again(policy: Policy, severity: Severity) -> timedelta:
    usual = policy.repeat_after if severity.escalates else timedelta(0)
    return policy.repeat_interval or usual


def _steps(branch: Branch, severity: Severity, roster: Roster) -> tuple[Asked, ...]:
    """Return the steps that would be taken, one after the other, if nobody answered."""
    wanted = branch.policy.steps if severity.escalates else branch.policy.steps[:1]
    after, found = branch.policy.group_wait, []
    for place, step in enumerate(wanted):
        after += step.after
        found.append(Asked(after=after, people=_people(step, place, severity, roster)))
    return tuple(found)


def _people(
    step: Step, place: int, severity: Severity, roster: Roster
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    asked = asked_by(step, severity, PageStep(0, place), roster)
    return tuple(
        (roster.playbook.people[id].name, tuple(it.contact.channel for it in rings if not it.after))
        for id, rings in asked.items()
    )
