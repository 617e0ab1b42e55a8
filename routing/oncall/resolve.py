"""Who is on call on a list right now, and who follows."""

from collections.abc import Sequence
from datetime import datetime

from routing.playbook import Playbook
from storage.model.person import Override, PersonId


def on_call(
    name: str, playbook: Playbook, overrides: Sequence[Override], now: datetime
) -> tuple[PersonId, ...]:
    """Return the people of list `name`: the first is on call at `now`, the rest follow in order.

    overrides: in the order in which they were made. A running one puts its person in front; of
    several the one made last counts.
    Nobody who left the configuration is named. An unknown list has nobody.
    """
    listed = playbook.oncall[name].people if name in playbook.oncall else ()
    running = [it for it in overrides if it.oncall == name and it.starts_at <= now < it.ends_at]
    taken = running[-1].person if running else None
    order = dict.fromkeys((taken, *listed) if taken is not None else listed)
    return tuple(person for person in order if person in playbook.people)
