"""How much a silence would hide, so that nobody hides the company by accident."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from routing.alerts.guarded import names_exactly
from routing.playbook import SilenceLimits
from storage.model.labels import Fingerprint, Matcher
from storage.model.standing import Standing


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

    def __str__(self) -> str:
        count = len(self.alerts)
        alerts = "1 alert" if count == 1 else f"{count} alerts"
        teams = "1 team" if len(self.teams) == 1 else f"{len(self.teams)} teams"
        return f"{alerts}, {teams}" if self.teams else alerts


def breadth_of(matchers: Sequence[Matcher], firing: Iterable[Standing]) -> Breadth:
    """Say what a silence with these matchers would hide of what fires."""
    total, found, teams = 0, [], set()
    for it in firing:
        labels = it.alert.labels
        total += 1
        if all(m.matches(labels) for m in matchers) and names_exactly(matchers, labels):
            found.append(it.fingerprint)
            teams.add(labels.get("team"))
    return Breadth(
        alerts=tuple(found),
        teams=tuple(sorted(teams - {""})),
        total=total,
        asks_nothing=all(m.matches_value("") for m in matchers),
    )
