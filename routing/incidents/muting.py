"""What it does to an incident that all of what fires in it is muted, or that it is heard again."""

from dataclasses import replace

from routing.incidents.asking import NO_TIMERS, ask_from_the_start
from routing.incidents.effects import Announce, Effects, Hush, Refresh, Transition
from routing.incidents.flapping import forgotten
from storage.model.incident import Incident, Status


def was_told(incident: Incident) -> bool:
    """Say whether anybody has heard of the incident, so that its end is worth telling.

    One that was muted while it gathered, and is still in its first round, nobody has.
    """
    if incident.status is Status.MUTED:
        return incident.round > 0 or incident.step >= 0
    return incident.status is not Status.GATHERING


def muted(incident: Incident) -> Transition:
    """Stop what rings. Who has it keeps it; what gathers goes on, and waits when it is complete."""
    because = f"muted, {incident.muted}"
    match incident.status:
        case Status.TRIGGERED:
            return hush(incident, because)
        case Status.GATHERING | Status.MUTED:
            return Transition(incident=incident, what="muted", because=because)
        case _:
            return Transition(
                incident=incident, effects=(Announce(),), what="muted", because=because
            )


def shown_anew(incident: Incident, change: Transition) -> Transition:
    """Bring the rooms up to date where news of alerts changes the incident in nothing.

    Some of them are muted or heard again; lists of alerts say of which that is so.
    """
    same = change.incident == incident and not change.effects
    seen = incident.status.is_open and was_told(incident)
    return replace(change, effects=(Refresh(),)) if same and seen else change


def hush(incident: Incident, because: str) -> Transition:
    """Let it wait, in a new round, until it is heard again: nothing rings, nothing is due."""
    calm, rest = forgotten(incident)
    waits = replace(
        calm,
        status=Status.MUTED,
        round=incident.round + 1,
        step=-1,
        owner=None,
        acknowledged_at=None,
        snoozed_until=None,
        undelivered=False,
    )
    effects: Effects = (*NO_TIMERS, *rest, Hush(), Announce())
    return Transition(incident=waits, effects=effects, what="muted", because=because)


def gathered(incident: Incident) -> Transition:
    """The group is complete and all of it is muted: wait, and tell nobody."""
    waits = replace(incident, status=Status.MUTED)
    return Transition(incident=waits, what="muted", because=f"muted, {incident.muted}")


def heard_again(incident: Incident) -> Transition:
    """Its mute is over and it fires still: what waited asks from the start, now."""
    because = "no longer muted, still firing"
    match incident.status:
        case Status.MUTED:
            after, effects = ask_from_the_start(incident)
            return Transition(incident=after, effects=effects, what="triggered", because=because)
        case Status.GATHERING:
            return Transition(incident=incident, what="unmuted", because=because)
        case _:
            return Transition(
                incident=incident, effects=(Announce(),), what="unmuted", because=because
            )
