"""What gathers: an incident that nobody has heard of waits for the others of its group."""

from dataclasses import replace

from routing.incidents.effects import SetTimer, Transition
from storage.model.incident import Incident, Status
from storage.model.timer import TimerKind


def is_untold(incident: Incident) -> bool:
    """Say whether an incident that is over was so before anybody was told, or answered.

    Where the first step is taken later, the rooms show the incident before.
    """
    asked = incident.round > 0 or incident.step >= 0 or incident.policy.steps[0].after
    return not (asked or incident.owner or incident.resolved_by)


def gathers_again(incident: Incident) -> Transition:
    """It fires again and nobody has heard of it yet: that is told as the first time would be."""
    after = replace(incident, status=Status.GATHERING, resolved_at=None, cleared_at=None)
    wait = SetTimer(TimerKind.GROUP_READY, after.policy.group_wait)
    because = "alerts began to fire again; nobody was told before"
    return Transition(incident=after, effects=(wait,), what="gathers", because=because)
