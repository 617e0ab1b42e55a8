"""What an alarm was worth: said by people once it is over, changeable, the last word counts."""

from dataclasses import replace
from datetime import datetime

from routing.incidents.effects import Announce, Transition
from routing.incidents.events import Assess
from storage.errors import NotAllowed
from storage.model.incident import Incident, Verdict

WORDS = {
    Verdict.REAL: "a real alarm",
    Verdict.FALSE: "a false alarm",
    Verdict.NONE: "no action was needed",
}


def assessed(incident: Incident, event: Assess, now: datetime) -> Transition:
    """Keep the verdict and show it; the same one said again changes nothing.

    Raises NotAllowed while the incident is open.
    """
    if incident.status.is_open:
        raise NotAllowed(f"#{incident.id} is not over yet: what it was worth is said at its end")
    if (incident.verdict, incident.verdict_by) == (event.verdict, event.by):
        return Transition(incident=incident)
    before = f", not {WORDS[incident.verdict]}" if incident.verdict else ""
    if incident.verdict == event.verdict:
        before = ", as was said before"
    after = replace(incident, verdict=event.verdict, verdict_by=event.by, verdict_at=now)
    because = f"verdict by {event.by}: {WORDS[event.verdict]}{before}"
    return Transition(incident=after, effects=(Announce(),), what="verdict", because=because)
