"""Who speaks: when each source was last heard, since when without a break, and who fell silent.

Times: `steady` in elapsed seconds, sample times in Unix seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from routing.playbook import Source
from storage.clock import Steady, utc

UNEXPECTED: Final = 60.0
"""Seconds of silence, at least, before a source that nobody expects counts as silent."""

PATIENCE: Final = 3.0
"""... and as many times the longest gap it usually leaves."""

GRACE: Final = timedelta(minutes=5)
"""How long a pending alert of an unexpected source is remembered without data."""


LATE: Final = 60.0
"""Seconds by which samples lie behind our clock, as they arrive, that say nothing of the present:
their sender catches up, or one of the two clocks is wrong."""

LONGEST_LATE: Final = 1_800.0
"""Seconds after which samples that keep being late are all that there is, and are believed."""


@dataclass(slots=True)
class _Voice:
    """One source: last heard, speaking since (both steady), its newest sample, its usual gap.

    late_since: steady; since when all that came was late; None while it is not.
    """

    last: float
    since: float
    newest: float
    gap: float = 0.0
    fell_silent: bool = False
    late_since: float | None = None


class Sources:
    """What was heard of each source since start-up.

    expected: name -> what the configuration says about the source.  started: steady.
    """

    def __init__(self, expected: Callable[[], Mapping[str, Source]], started: Steady) -> None:
        self._expected, self.started = expected, started
        self._voices: dict[str, _Voice] = {}

    def heard(self, source: str, steady: float, newest: float, behind: float = 0.0) -> None:
        """Note that samples came, the newest of them taken at `newest`.

        behind: seconds by which that lies behind our wall clock.
        """
        voice = self._voices.get(source)
        if voice is None:
            voice = self._voices[source] = _Voice(last=steady, since=steady, newest=newest)
        if behind <= LATE:
            voice.late_since = None
        elif voice.late_since is None:
            voice.late_since = steady
        if self.is_silent(source, steady):
            voice.since, voice.fell_silent = steady, True
        voice.gap = max(steady - voice.last, voice.gap * 0.9)
        voice.last, voice.newest = steady, max(voice.newest, newest)

    def was_heard(self, source: str) -> bool:
        """Say whether anything came from it since start-up."""
        return source in self._voices

    def is_silent(self, source: str, steady: float) -> bool:
        """Say whether it has been quiet for longer than it may."""
        voice = self._voices.get(source)
        last = voice.last if voice else self.started
        expect = self._expect(source)
        usual = max(UNEXPECTED, PATIENCE * voice.gap if voice else 0.0)
        return steady - last > (expect.total_seconds() if expect else usual)

    def has_left(self, source: str, steady: float, seconds: float) -> bool:
        """Say whether it is one that nobody expects, and was not heard for so long."""
        voice = self._voices.get(source)
        return self._expect(source) is None and (not voice or steady - voice.last > seconds)

    def silent(self, steady: float) -> tuple[str, ...]:
        """Return the expected sources that are silent, sorted."""
        expected = (name for name, source in self._expected().items() if source.expect)
        return tuple(sorted(name for name in expected if self.is_silent(name, steady)))

    def voices(self) -> tuple[str, ...]:
        """Return every source that was heard since start-up."""
        return tuple(self._voices)

    def spoke_for(self, source: str, steady: float) -> float:
        """Return for how many seconds it has spoken without a break."""
        voice = self._voices.get(source)
        return steady - voice.since if voice else 0.0

    def is_back_since(self, source: str, steady: float, seconds: float) -> bool:
        """Say whether it came back from a silence less than so many seconds ago."""
        voice = self._voices.get(source)
        return voice is not None and voice.fell_silent and steady - voice.since < seconds

    def is_late(self, source: str, steady: float) -> bool:
        """Say whether it speaks of the past: what is not seen of the present proves nothing."""
        voice = self._voices.get(source)
        since = voice.late_since if voice else None
        return since is not None and steady - since < LONGEST_LATE

    def warm_up(self, source: str) -> float:
        """Return the seconds after which everything that it sends came at least once."""
        expect = self._expect(source)
        return expect.total_seconds() if expect else UNEXPECTED

    def grace(self, sources: Iterable[str]) -> timedelta:
        """Return how long a pending alert fed by them is remembered without data."""
        return max((self._expect(source) or GRACE for source in sources), default=GRACE)

    def heard_until(self, sources: Iterable[str]) -> datetime | None:
        """Return the time of the newest sample of any of them."""
        times = [self._voices[source].newest for source in sources if source in self._voices]
        return utc(max(times)) if times else None

    def heard_at(self, sources: Iterable[str]) -> Steady | None:
        """Return since when every one of them was heard; None where one was not."""
        names = tuple(sources)
        if not names or any(source not in self._voices for source in names):
            return None
        return Steady(min(self._voices[source].last for source in names))

    def _expect(self, source: str) -> timedelta | None:
        known = self._expected().get(source)
        return known.expect if known else None
