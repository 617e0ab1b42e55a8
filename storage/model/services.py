"""The service catalogue: what there is, whose it is, what hangs on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, as the configuration describes it.

    owner:      whose it is, in words; routes can match it as the label `owner`.
    tier:       how much it matters, `1` the most; routes can match it as the label `tier`.
    depends_on: names of services that it cannot do without.
    users:      who is hit when it is down, in words.
    runbook, dashboards: http(s) addresses; dashboards by their names.
    also:       other names for it: repositories, applications, jobs.
    always_heard: no trouble of what it depends on hides its own.
    """

    name: str
    owner: str = ""
    tier: str = ""
    depends_on: tuple[str, ...] = ()
    users: str = ""
    runbook: str = ""
    dashboards: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    always_heard: bool = False
