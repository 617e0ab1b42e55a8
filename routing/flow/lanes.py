"""How much may be on its way at once: each channel has its own lanes, each address its pace."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from routing.delivery.pace import gap
from storage.clock import Steady

WIDTH, WIDER = 8, 8
Place = tuple[str, str]
"""A channel and an address on it."""


class Lanes:
    """Keeps one channel's trouble from another, and no address from its least time between.

    between: for each channel the least seconds between two messages to one address; 0: none,
    and several may be on their way to one address at once.
    wide: channels to programs, which take as many more at once.
    """

    def __init__(
        self, between: Mapping[str, float], width: int = WIDTH, wide: Collection[str] = ()
    ) -> None:
        self._between, self._width, self._wide = between, width, frozenset(wide)
        self._flying: Counter[Place] = Counter()
        self._free_at: dict[Place, Steady] = {}
        self._failures: Counter[Place] = Counter()

    def full(self) -> set[str]:
        """Return the channels that can take no more."""
        flying: Counter[str] = Counter()
        for (channel, _), count in self._flying.items():
            flying[channel] += count
        return {channel for channel, count in flying.items() if count >= self._lanes(channel)}

    def _lanes(self, channel: str) -> int:
        return self._width * (WIDER if channel in self._wide else 1)

    def room(self, channels: Iterable[str]) -> int:
        """Return how many messages more may be begun on these channels together; at least one."""
        return max(1, sum(map(self._lanes, channels)) - sum(self._flying.values()))

    def busy(self, now: Steady) -> set[Place]:
        """Return the addresses that must wait: for their pace, or for a message on its way."""
        self._free_at = {place: at for place, at in self._free_at.items() if at > now}
        paced = {place for place in self._flying if self._between.get(place[0], 0.0) > 0}
        return paced | set(self._free_at)

    def take(self, place: Place, now: Steady) -> bool:
        """Begin a message to this address; False where it must wait."""
        if place[0] in self.full() or place in self.busy(now):
            return False
        self._flying[place] += 1
        return True

    def leave(self, place: Place) -> None:
        """End a message that was not sent at all."""
        self._flying[place] -= 1
        if self._flying[place] <= 0:
            del self._flying[place]

    def succeeded(self, place: Place, now: Steady) -> None:
        """End a message that the provider answered."""
        self.leave(place)
        self._failures.pop(place, None)
        self._hold(place, Steady(now + self._between.get(place[0], 0.0)))

    def failed(self, place: Place, now: Steady, jitter: float, asked: float | None) -> None:
        """End a message that failed for the moment: the address rests, longer each time.

        asked: seconds the provider asked for; the whole address waits, not this message alone.
        """
        self.leave(place)
        self._failures[place] += 1
        self._hold(place, Steady(now + max(gap(self._failures[place], jitter), asked or 0.0)))

    def is_failing(self, place: Place) -> bool:
        """Say whether the last message to this address failed."""
        return self._failures[place] > 0

    def next_free(self, now: Steady) -> Steady | None:
        """Return when the next resting address may be used again."""
        return min((at for at in self._free_at.values() if at > now), default=None)

    def free_at(self, place: Place, now: Steady) -> Steady:
        """Return the soonest moment at which a message to this address may begin."""
        return max(now, self._free_at.get(place, now))

    def _hold(self, place: Place, until: Steady) -> None:
        self._free_at[place] = max(until, self._free_at.get(place, until))
