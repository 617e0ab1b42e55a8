"""The few objects that the top floor is handed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from routing.finding import Finding
from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.wake import Wake
from routing.playbook import Playbook
from routing.rules.rule import RuleGroup
from storage.clock import Clock
from storage.metrics.port import Metrics
from storage.sql.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """Everything a verb, a page or a report may use.

    examine: asks all that Tocsin depends on for proof; None where nothing can be asked.
    settings: report name -> what the configuration says about it; the report knows its type.
    """

    incidents: IncidentDesk
    database: Database
    clock: Clock
    metrics: Metrics
    playbook: Current[Playbook]
    wake: Wake = field(default_factory=Wake)
    rules: Current[tuple[RuleGroup, ...]] = field(default_factory=lambda: Current(()))
    examine: Callable[[], Awaitable[tuple[Finding, ...]]] | None = None
    settings: Current[Mapping[str, Any]] = field(default_factory=lambda: Current({}))
