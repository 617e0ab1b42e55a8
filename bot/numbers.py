"""Who answers queries and who gets samples: our own store, or another system too."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.config.config import Config
from bot.intake import Store
from storage.clock import Clock
from storage.metrics.local import LocalMetrics
from storage.metrics.port import Metrics
from storage.metrics.remote import RemoteMetrics
from storage.model.sample import Appended, Batch
from storage.series.local import LocalSeries

if TYPE_CHECKING:
    from bot.forward import Forwarder

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The parts that were chosen.

    metrics:   answers rules.
    pages:     answers people and dashboards; on threads of its own, so that they never hold up
               a rule.
    store:     takes samples, and passes them on where they are forwarded.
    remote:    the other system that answers, None: our own store does.
    forwarder: sends samples on; None: nobody gets them.
    """

    metrics: Metrics
    pages: Metrics
    store: Store
    remote: RemoteMetrics | None = None
    forwarder: "Forwarder | None" = None

    @property
    def answered_by(self) -> str:
        """The other system's name; empty where our own store answers."""
        return self.remote.name if self.remote else ""

    @property
    def append(self) -> Callable[[Batch], Awaitable[Appended]] | None:
        """What stores the answers of recording rules; None: nobody would see them."""
        return None if self.remote and not self.forwarder else self.store.append

    async def ask(self, clock: Clock) -> None:
        """Ask the other system for next to nothing; raises MetricsUnavailable."""
        await self.metrics.instant("vector(1)", clock.utc_now().timestamp())


async def open_numbers(config: Config, series: LocalSeries, opened: AsyncExitStack) -> Numbers:
    """Open what the configuration asks for; `opened` closes it. Raises ConfigError."""
    store: Store = series
    forwarder = None
    if (section := config.storage.forward) is not None:
        from bot.forward import Forwarder, Forwarding  # its wire format takes 2 MiB

        forwarder = Forwarder(section.options(), section.queue)
        opened.push_async_callback(forwarder.close)
        forwarder.start()
        store = Forwarding(series.append, forwarder)
    if (answering := config.storage.metrics.prometheus) is not None:
        remote = RemoteMetrics(answering.options())
        opened.push_async_callback(remote.close)
        log.info("another system answers the rules", name=remote.name)
        return Numbers(
            metrics=remote, pages=remote, store=store, remote=remote, forwarder=forwarder
        )
    metrics, pages = LocalMetrics(series), LocalMetrics(series)
    opened.callback(metrics.close)
    opened.callback(pages.close)
    return Numbers(metrics=metrics, pages=pages, store=store, forwarder=forwarder)
