"""A backtest without a running server: on the history in the data directory itself."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from bot.backtested import check
from bot.config.build import database_url, playbook, series_limits, series_options
from bot.config.config import Config
from bot.config.whole import read_whole
from routing.flow.backtest import Backtest, Comparison
from routing.oncall.expand import Roster
from routing.rules.read import read_rules
from storage.clock import Clock, SystemClock
from storage.errors import ConfigError
from storage.metrics.local import LocalMetrics
from storage.metrics.port import Metrics
from storage.metrics.remote import RemoteMetrics
from storage.model.person import Override
from storage.series.local import LocalSeries
from storage.sql import overrides
from storage.sql.database import Database


async def backtest_here(
    path: Path, environ: Mapping[str, str], file: Path, since: timedelta, name: str = ""
) -> tuple[Comparison, ...]:
    """Try the rules of `file` on the last `since`, by the configuration at `path`.

    Raises ConfigError where a file is wrong, or a running Tocsin has the data; QueryError and
    MetricsUnavailable as `bot.backtested.backtest`.
    """
    whole, groups = read_whole(path, environ), read_rules([file])
    check(groups, since, name)
    clock = SystemClock()
    now = clock.utc_now()
    async with AsyncExitStack() as opened:
        metrics = await _history(whole.config, clock, opened)
        running = await _overrides(whole.config, clock, opened)
        roster = Roster(playbook=playbook(whole.config), overrides=running, now=now)
        trial = Backtest(metrics=metrics, roster=roster, start=now - since, end=now)
        return await trial.compare(groups, whole.groups, name)


async def _history(config: Config, clock: Clock, opened: AsyncExitStack) -> Metrics:
    """Open what answers queries by this configuration."""
    if (answering := config.storage.metrics.prometheus) is not None:
        remote = RemoteMetrics(answering.options())
        opened.push_async_callback(remote.close)
        return remote
    directory = config.storage.directory / "samples"
    if not directory.is_dir():
        raise ConfigError(f"{directory}: no samples are stored here; --config names another")
    limits = series_limits(config)
    series = await LocalSeries.open(directory, series_options(config, lambda: limits), clock)
    opened.push_async_callback(series.close)
    metrics = LocalMetrics(series)
    opened.callback(metrics.close)
    return metrics


async def _overrides(config: Config, clock: Clock, opened: AsyncExitStack) -> tuple[Override, ...]:
    """Return who stands in for whom now; nobody where there is no database yet."""
    url = database_url(config)
    if "://" not in url and not Path(url).expanduser().exists():
        return ()
    database = await Database.open(url)
    opened.push_async_callback(database.close)
    async with database.reading() as tx:
        return tuple(await overrides.active(tx, clock.utc_now()))
