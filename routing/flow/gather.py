"""Which messages ring a person one by one, which go together, and which wait for that."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery import body
from routing.delivery.gathered import Item, service_of
from routing.delivery.throttle import Throttle
from routing.flow.flights import Flight
from routing.flow.lanes import Lanes, Place
from routing.playbook import Playbook
from storage.clock import Steady
from storage.model.alert import Severity
from storage.model.delivery import OutboxMessage, Purpose
from storage.sql import alerts

Group = tuple[Place, Purpose]
MOST = 500
"""Messages that one may carry; what is beyond follows in the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """What goes now, and what waits until when."""

    going: list[Flight] = field(default_factory=list)
    waiting: dict[Steady, list[OutboxMessage]] = field(default_factory=lambda: defaultdict(list))


class Gatherer:
    """Keeps to each person's pace: the first few messages alone, the following ones as one."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes, self._throttle = lanes, Throttle()

    def crowded(self, flights: Sequence[Flight], playbook: Playbook, now: Steady) -> set[Place]:
        """Return the places at which so much waits that the next message carries several."""
        return {
            place
            for (place, _), group in _groups(flights, playbook).items()
            if 0 < self._slots(group, playbook, now) < len(group)
        }

    def arrange(self, flights: Sequence[Flight], playbook: Playbook, now: Steady) -> Arranged:
        """Begin what may go: takes its lanes. Messages of one group are given the most urgent
        first, and all that are due of those that are `crowded`."""
        arranged, groups = Arranged(), _groups(flights, playbook)
        for flight in flights:
            group = _group(flight, playbook)
            if group is None:
                self._begin(flight, arranged, now)
            elif group in groups:
                self._pace(groups.pop(group), playbook, arranged, now)
        return arranged

    def _pace(
        self, group: Sequence[Flight], playbook: Playbook, arranged: Arranged, now: Steady
    ) -> None:
        place, slots = group[0].place, self._slots(group, playbook, now)
        if slots == 0:
            critical = _has_criticals(group)
            later = self._throttle.free_at(place, playbook.pace, now, critical=critical)
            arranged.waiting[later] += [it.message for it in group]
            return
        alone = [*group] if len(group) <= slots else [*group[: slots - 1]]
        rest = group[len(alone) :]
        for flight in [*alone, *([_together(rest)] if rest else [])]:
            if self._begin(flight, arranged, now):
                self._throttle.rang(place, now, critical=_has_criticals([flight]))

    def _begin(self, flight: Flight, arranged: Arranged, now: Steady) -> bool:
        if self._lanes.take(flight.place, now):
            arranged.going.append(flight)
            return True
        arranged.waiting[self._lanes.free_at(flight.place, now)] += flight.messages
        return False

    def _slots(self, group: Sequence[Flight], playbook: Playbook, now: Steady) -> int:
        place, critical = group[0].place, _has_criticals(group)
        return self._throttle.slots(place, playbook.pace, now, critical=critical)


def _groups(flights: Sequence[Flight], playbook: Playbook) -> dict[Group, list[Flight]]:
    groups: dict[Group, list[Flight]] = defaultdict(list)
    for flight in flights:
        if (group := _group(flight, playbook)) is not None:
            groups[group].append(flight)
    return groups


def _group(flight: Flight, playbook: Playbook) -> Group | None:
    """Return with what a message may be gathered: what rings a person, or reaches them alone.

    What stands in a room's thread rings nobody apart from it; mail is sorted by its readers.
    """
    message, silent = flight.message, flight.message.channel in playbook.silent
    personal = message.purpose is not Purpose.ROOM and message.incident and message.person
    if not playbook.pace.single or not personal or flight.post or flight.refusal or silent:
        return None
    return (flight.place, message.purpose)


def _has_criticals(flights: Sequence[Flight]) -> bool:
    return any(
        it.severity is Severity.CRITICAL and it.purpose is Purpose.PAGE
        for flight in flights
        for it in flight.messages
    )


def _together(group: Sequence[Flight]) -> Flight:
    """Make one flight of several; of one incident the newest word is enough."""
    newest = {flight.message.incident: flight for flight in group}
    if len(newest) == 1:
        (lead,) = newest.values()
    else:
        lead = group[0]
    others = tuple(it.message for it in group if it is not lead)
    return replace(lead, others=others, is_gathered=len(newest) > 1)


async def items_of(tx: AsyncConnection, flight: Flight) -> Flight:
    """Read what a gathered message says of each incident."""
    if not flight.is_gathered:
        return flight
    incidents = {it.incident for it in flight.messages if it.incident}
    known = await alerts.of_incidents(tx, sorted(incidents))
    services: Mapping[int, str] = {id: service_of(found) for id, found in known.items()}
    return replace(flight, items={it.id: _item(it, services) for it in flight.messages})


def _item(message: OutboxMessage, services: Mapping[int, str]) -> Item:
    said, number = body.read(message.body), message.incident or 0
    is_notice = message.purpose is Purpose.NOTICE
    return Item(
        incident=number,
        title=said.title,
        severity=message.severity,
        service=services.get(number, ""),
        text=said.summary if is_notice else "",
    )
