"""Reload: configuration and rules are read anew and swapped whole, or stay as they are, whole.

Incidents in flight keep the copy of the policy that they were opened with.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.config.build import playbook, report_schedules, report_settings, series_limits
from bot.config.config import Config
from bot.config.scrape import ScrapeSection
from bot.config.whole import Whole, read_whole
from bot.reports.schedule import Schedule
from bot.web.parts import Keys
from routing.flow.current import Current
from routing.playbook import Playbook
from routing.rules.rule import RuleGroup
from storage.clock import Clock
from storage.errors import ConfigError, StorageUnavailable
from storage.series.options import SourceLimits
from storage.sql import audit
from storage.sql.database import Database

log = structlog.get_logger(__name__)

REFUSED: Final = "reload refused; the old configuration stays in force"

LONGEST_REASON: Final = 1_000
"""Characters of a refusal that go into the record; the answer and the log have all of them."""

AT_START: Final = {
    "server": ("listen", "link_secret", "max_body", "max_unpacked"),
    "console": ("enabled",),
    **dict.fromkeys(
        ("storage", "channels", "mail", "own_host", "heartbeat", "commands", "log"), ()
    ),
}
"""Sections (or keys of one) that are used at the start alone: a change waits for a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a reload did. waits: keys that changed and wait for a restart."""

    text: str
    waits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What is swapped, all of it together."""

    playbook: Current[Playbook]
    rules: Current[tuple[RuleGroup, ...]]
    keys: Current[Keys]
    scrape: Current[tuple[ScrapeSection, ...]]
    limits: Current[dict[str, SourceLimits]]
    settings: Current[Mapping[str, Any]]
    schedules: Current[tuple[Schedule, ...]]


class Reloader:
    """Reloads, one at a time.

    started:    what this process was started with.
    config:     what is in force.
    keys_of:    who may come in by a configuration.
    learn:      tells the log which secrets to strike out.
    successful: whether the last reload (or the start) was.
    succeeded_at: Unix seconds of the last success.
    """

    def __init__(
        self,
        started: Whole,
        environ: Mapping[str, str],
        in_force: InForce,
        database: Database,
        clock: Clock,
        *,
        keys_of: Callable[[Config], Keys],
        learn: Callable[[Iterable[str]], None],
    ) -> None:
        self._started, self._environ, self._in_force = started, environ, in_force
        self._database, self._clock = database, clock
        self._keys_of, self._learn = keys_of, learn
        self._turn = asyncio.Lock()
        self.config = started.config
        self.successful, self.succeeded_at = True, clock.utc_now().timestamp()

    async def reload(self, *, actor: str, via: str) -> Reloaded:
        """Put what the files say now in force; raises ConfigError, and then nothing has changed."""
        async with self._turn:
            try:
                whole = await asyncio.to_thread(read_whole, self._started.path, self._environ)
                self._learn(whole.config.secrets())
                done = self._swap(whole)
            except ConfigError as error:
                self.successful = False
                # Where in the program it was refused says nothing to the people who read this.
                log.error(REFUSED, reason=str(error))  # noqa: TRY400
                await self._record(actor, via, "reload refused", str(error))
                raise
            except Exception:
                self.successful = False
                log.exception(REFUSED)
                raise
            self.successful, self.succeeded_at = True, self._clock.utc_now().timestamp()
            log.info("reloaded", what=str(whole), waits=done.waits)
            await self._record(actor, via, "reloaded", done.text)
            return done

    def _swap(self, whole: Whole) -> Reloaded:
        started = self._started.config
        refuse_new_channels(started, whole)
        in_effect = effective(started, whole.config)
        # All of it is built before any of it is swapped: what fails here leaves the old whole.
        after, keys, limits, settings, schedules = (
            playbook(in_effect),
            self._keys_of(in_effect),
            series_limits(in_effect),
            report_settings(in_effect),
            report_schedules(in_effect),
        )
        lines = [f"Reloaded: {whole}.", *_rule_changes(self._in_force.rules(), whole.groups)]
        self._in_force.playbook.swap(after)
        self._in_force.keys.swap(keys)
        self._in_force.scrape.swap(whole.config.scrape)
        self._in_force.limits.swap(limits)
        self.config = in_effect
        self._in_force.settings.swap(settings)
        self._in_force.schedules.swap(schedules)
        if whole.groups != self._in_force.rules():
            self._in_force.rules.swap(whole.groups)
        waits = tuple(waiting(started, whole.config))
        if waits:
            lines.append(f"Changed, and in force only after a restart: {', '.join(waits)}.")
        return Reloaded(text="\n".join(lines), waits=waits)

    async def _record(self, actor: str, via: str, what: str, because: str) -> None:
        """Write it into the record; what was decided does not wait for a database that is away."""
        try:
            async with self._database.transaction() as tx:
                await audit.append(
                    tx,
                    incident=None,
                    at=self._clock.utc_now(),
                    actor=actor,
                    via=via,
                    what=what,
                    because=because[:LONGEST_REASON],
                )
        except StorageUnavailable as error:
            log.warning("the reload could not be recorded", reason=str(error))


def refuse_new_channels(started: Config, whole: Whole) -> None:
    """Refuse what names a channel that is not open: its pages would reach nobody."""
    added = sorted(whole.config.channels.keys() - started.channels.keys())
    if added:
        raise ConfigError(
            f"{whole.path} channels: {', '.join(added)} was not there at the start; "
            "a channel is opened at the start alone: restart Tocsin"
        )


def effective(started: Config, new: Config) -> Config:
    """Return the new configuration with what is used at the start alone as it was then."""
    return new.model_copy(
        update={
            section: getattr(new, section).model_copy(
                update={key: getattr(getattr(started, section), key) for key in keys}
            )
            if keys
            else getattr(started, section)
            for section, keys in AT_START.items()
        }
    )


def waiting(started: Config, new: Config) -> Iterator[str]:
    """Name the keys that differ from the start and are used there alone."""
    for section, keys in AT_START.items():
        before, after = getattr(started, section), getattr(new, section)
        if section == "channels":
            names = sorted(before)
            yield from (f"channels.{n}" for n in names if before[n] != after.get(n))
        elif before is None or after is None:
            yield from [section] if before is not after else []
        else:
            for key in keys or type(before).model_fields:
                if getattr(before, key) != getattr(after, key):
                    yield f"{section}.{key}"


def _rule_changes(before: Iterable[RuleGroup], after: Iterable[RuleGroup]) -> Iterator[str]:
    """Say how many rules are new and how many gone."""
    old = {rule.key for group in before for rule in group.rules}
    new = {rule.key for group in after for rule in group.rules}
    if old != new:
        yield f"Rules: {len(new - old)} new, {len(old - new)} gone, {len(old & new)} as before."
