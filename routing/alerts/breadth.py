"""How much a silence would hide, so that nobody hides the company by accident."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from routing.alerts.covering import Index
from routing.playbook import SilenceLimits
from storage.model.labels import Fingerprint, Labels, Matcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Breadth:
    """What matchers would hide now.

    alerts: firing ones that they cover.   teams: values of `team` among those, sorted.
    total:  how many fire in all.
    asks_nothing: the matchers would cover an alert without any label: they cover everything.
    """

    alerts: tuple[Fingerprint, ...]
    teams: tuple[str, ...]
    total: int
    asks_nothing: bool

    def is_broad(self, limits: SilenceLimits) -> bool:
        """Say whether it has to be confirmed."""
        return self.is_widest(limits) or len(self.alerts) > limits.confirm

    def is_widest(self, limits: SilenceLimits) -> bool:
        """Say whether it is for administrators alone: everything, or very many alerts."""
        everything = len(self.alerts) == self.total > limits.confirm
        return self.asks_nothing or everything or len(self.alerts) > limits.widest

    @property
    def alerts_counted(self) -> str:
        """How many alerts, in words."""
        return "1 alert" if len(self.alerts) == 1 else f"{len(self.alerts):,} alerts"

    def __str__(self) -> str:
        teams = "1 team" if len(self.teams) == 1 else f"{len(self.teams)} teams"
        return f"{self.alerts_counted}, {teams}" if self.teams else self.alerts_counted


@dataclass(slots=True)
class Measure:
    """Adds up what some matchers would hide, a few alerts at a time.

    covers: each entry is one silence's matchers; what any of them hides counts, once.
    """

    covers: Sequence[Sequence[Matcher]]
    _found: list[Fingerprint] = field(default_factory=list)
    _teams: set[str] = field(default_factory=set)
    _total: int = 0

    def add(self, firing: Iterable[tuple[Fingerprint, Labels]]) -> None:
        """Look at more of what fires."""
        index = Index((matchers, matchers) for matchers in self.covers)
        for fingerprint, labels in firing:
            self._total += 1
            if next(index.covering(labels), None) is not None:
                self._found.append(fingerprint)
                self._teams.add(labels.get("team"))

    def breadth(self) -> Breadth:
        """Return the sum."""
        return Breadth(
            alerts=tuple(self._found),
            teams=tuple(sorted(self._teams - {""})),
            total=self._total,
            asks_nothing=any(all(m.matches_value("") for m in some) for some in self.covers),
        )
