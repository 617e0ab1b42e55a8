"""The steps of a policy: the following one, the next because one reached nobody, and over again."""

from dataclasses import replace

from routing.incidents.asking import begin_again, take_step
from routing.incidents.effects import Announce, TellAdmins, Transition
from routing.incidents.flapping import is_held_open, put_off
from storage.model.incident import Incident


def step_due(incident: Incident, because: str) -> Transition:
    """Take the following step, or tell once more what does not escalate; while nothing fires,
    nobody is asked."""
    if is_held_open(incident):
        return put_off(incident)
    if incident.severity.escalates or incident.step < 0:
        return next_step(incident, because)
    return begin_again(incident, f"it fires still, {because}", what="repeat")


def next_step(incident: Incident, because: str) -> Transition:
    """Take the following step; after the final one begin again and tell an administrator."""
    if incident.step + 1 < len(incident.policy.steps):
        after, effects = take_step(incident, incident.step + 1)
        because = f"step {after.step + 1} of {len(incident.policy.steps)}: {because}"
        return Transition(
            incident=after, effects=(*effects, Announce()), what="step", because=because
        )
    finished = f"policy {incident.policy.name!r} is finished: {because}"
    again = begin_again(incident, f"{finished}; beginning again", what="repeat")
    tell = TellAdmins(f"finished/{incident.round}", finished)
    return replace(again, effects=(*again.effects, tell))


def not_delivered(incident: Incident, step: int) -> Transition:
    """A step reached nobody: say so, and go on at once where a later step is left."""
    after = replace(incident, undelivered=True)
    because = f"step {step + 1} reached nobody"
    tell = TellAdmins(f"undelivered/{incident.round}/{step}", because)
    last = len(incident.policy.steps) - 1
    if step < incident.step or step == last or not incident.severity.escalates:
        # Later steps are on their way already, or the last one has failed and its timer, which
        # begins the policy again, is running: asking again at once would only spin.
        return Transition(
            incident=after, effects=(tell, Announce()), what="not delivered", because=because
        )
    after, effects = take_step(after, step + 1)
    return Transition(
        incident=after,
        effects=(*effects, tell, Announce()),
        what="not delivered",
        because=f"{because}; step {step + 2} at once",
    )
