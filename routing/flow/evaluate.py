"""Rules meet samples: what arrived wakes the rules it feeds; what they say goes to the receiver.

A rule that looks at each series alone is judged as soon as its samples arrive. One that
combines series is judged on its interval, or earlier once the scrape it needs is whole, and
never on half a scrape. States move on only when the transaction that tells their alerts has
succeeded; what storage refused is judged again on the next tick.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from routing.flow.current import Current
from routing.flow.judge_alerts import AlertSeries
from routing.flow.judge_memory import Door, Memory
from routing.flow.judge_query import (
    AHEAD,
    Wording,
    evidence_for,
    perhaps_half_stored,
    rows_of,
    unclear_for,
)
from routing.flow.judge_record import Append, Recorder
from routing.flow.judge_seat import JudgeStatus, Seat, Stopwatch
from routing.flow.judge_silence import SILENCE, SilenceWatch
from routing.flow.judge_words import told_of
from routing.playbook import Playbook
from routing.rules.alert_series import ALERTS, FOR_STATE
from routing.rules.feeds import Feeds, Watched
from routing.rules.lifecycle import Look, Now
from routing.rules.rule import RuleGroup
from routing.rules.scrapes import SETTLE
from routing.rules.sight import LONGEST_REFILL, look, look_at_answer
from routing.rules.sources import Sources
from routing.rules.verdict import each_judged
from storage.clock import Clock, Steady
from storage.errors import BotError, StaleIncident, StorageUnavailable
from storage.metrics.port import Metrics
from storage.model.alert import Trace
from storage.model.labels import NAME, Labels
from storage.model.sample import Appended
from storage.sql.database import Database

log = structlog.get_logger()

GATHER: Final = 0.1
"""Seconds for which arrivals are gathered before a group is judged again."""

BEFORE: Final = 0.001
"""Seconds by which "just before" a scrape lies before it: sample times are milliseconds."""

QUIET: Final = 60.0
"""Seconds between two lines of the log about a database that refuses."""

PATIENCE: Final = 10.0
"""Seconds for which a tick waits for what it began; slower groups go on by themselves."""


class Judge:
    """Judges all rule groups in force.

    append: stores what recording rules answer, and `ALERTS`; without it neither is written.
    gather: seconds for which arrivals are gathered before a group is judged again.
    answered_by: the source that another system counts as, where `metrics` asks one: its answers
            are news, samples that arrive here are none, and rules are judged on their interval.
    """

    def __init__(
        self,
        metrics: Metrics,
        receiver: Door,
        database: Database,
        clock: Clock,
        playbook: Current[Playbook],
        groups: Current[tuple[RuleGroup, ...]],
        *,
        append: Append | None = None,
        gather: float = GATHER,
        answered_by: str = "",
    ) -> None:
        self._metrics, self._database, self._clock = metrics, database, clock
        self._groups, self._gather, self._answered_by = groups, gather, answered_by
        self._sources = Sources(lambda: playbook().sources, clock.steady())
        self._feeds = Feeds(self._sources)
        self._memory = Memory(receiver)
        self._silence = SilenceWatch(self._sources, self._memory, playbook)
        self._recorder = Recorder(metrics, append) if append else None
        self._alert_series = AlertSeries(append) if append else None
        self._in_force: tuple[RuleGroup, ...] | None = None
        self._seats: dict[str, Seat] = {}
        self._judged_at: dict[str, float] = {}
        self._half_stored: set[str] = set()
        self._silent: tuple[str, ...] = ()
        self._stopwatch, self._each = Stopwatch(), Stopwatch()
        self._told_outage: Steady | None = None
        self._idle_at = None if groups() else clock.utc_now()

    async def restore(self) -> None:
        """Remember what was pending and firing before the restart; before anything arrives.

        Raises StorageUnavailable.
        """
        await self._memory.load(self._database)
        self._reload()
        await self._adopt()
        if not self._answered_by:
            at = self._clock.utc_now().timestamp()
            self._half_stored = await perhaps_half_stored(self._metrics, self._feeds, at)

    async def arrived(self, source: str, appended: Appended, complete: bool) -> None:
        """Wake the rules that these samples feed; returns soon, judging goes on by itself.

        complete: the sender vouches that the request held whole scrapes.
        """
        self._reload()
        steady = self._clock.steady()
        if self._answered_by:
            if appended.fresh:
                self._sources.heard(source, steady, appended.fresh[-1].time)
            return
        for _ in self._feeds.learn(source, appended):
            await asyncio.sleep(0)  # let others have their turn
        alone, whole = self._feeds.take(source, appended, steady, complete=complete)
        self._wish(alone | whole)
        self._wake(self._seats.values())

    def answered(self) -> None:
        """Note that the other system answers: its silence would be an alert of its own."""
        if self._answered_by:
            now = self._now()
            self._sources.heard(self._answered_by, now.steady, now.wall.timestamp())

    async def tick(self) -> None:
        """Judge what is due: intervals, settled scrapes, silent sources, what was refused."""
        self._reload()
        steady = self._clock.steady()
        if steady - self._sources.started >= SETTLE:
            self._wish(self._half_stored)
            self._half_stored = set()
        self._wish(self._feeds.scrapes.settle(steady) | self._fell_silent(steady))
        for seat in self._seats.values():
            seat.wishes |= seat.retry
            seat.retry.clear()
            if steady >= seat.due:
                seat.wishes.update(seat.keys)
                interval = seat.group.interval.total_seconds()
                missed = (steady - seat.due) // interval
                seat.due = Steady(seat.due + (missed + 1) * interval)
                seat.missed += int(missed)
        if not self._seats:
            self._idle_at = self._clock.utc_now()
        self._wake(self._seats.values())
        await self._settle_accounts()
        await self.drain(PATIENCE)

    async def drain(self, timeout: float | None = None) -> None:
        """Wait until everything that was asked for is judged, or `timeout` seconds passed."""
        running = [seat.task for seat in self._seats.values() if seat.task and not seat.task.done()]
        if running:
            await asyncio.wait(running, timeout=timeout)

    async def close(self) -> None:
        """Stop judging; what was not judged yet is, after the next start."""
        running = [seat.task for seat in self._seats.values() if seat.task and not seat.task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def status(self) -> JudgeStatus:
        """Return how judging is doing."""
        steady, seats = self._clock.steady(), self._seats.values()
        moments = [seat.last_judged for seat in seats if seat.last_judged]
        return JudgeStatus(
            last_judged=max(moments, default=None if seats else self._idle_at),
            late=tuple(seat.group.name for seat in seats if seat.is_late(steady)),
            groups=tuple(seat.status(self._memory.of) for seat in seats),
            durations=self._stopwatch.read(),
            evaluations=self._each.read(),
        )

    def silent(self) -> tuple[str, ...]:
        """Return the expected sources that are silent now."""
        return self._sources.silent(self._clock.steady())

    def _now(self) -> Now:
        return Now(wall=self._clock.utc_now(), steady=self._clock.steady())

    def _reload(self) -> None:
        """Put the groups of the configuration in force, if they were swapped."""
        groups = self._groups()
        if groups is self._in_force:
            return
        self._in_force = groups
        self._feeds.watch(groups)
        steady, before, self._seats = self._clock.steady(), self._seats, {}
        for group in groups:
            keys = tuple(rule.key for rule in group.rules)
            seat = before.get(group.key) or Seat(group, keys, due=steady, since=steady)
            seat.group, seat.keys = group, keys
            seat.problems = {key: why for key, why in seat.problems.items() if key in keys}
            seat.timed = {key: found for key, found in seat.timed.items() if key in keys}
            self._seats[group.key] = seat
            seat.wishes.update(keys)

    async def _adopt(self) -> None:
        rules = [watched.rule for watched in self._feeds.rules.values()]
        await self._memory.adopt(rules, frozenset({SILENCE}), self._now())

    def _fell_silent(self, steady: Steady) -> set[str]:
        """Return the rules that a source feeds which just fell silent, or is not any more."""
        heard = {*self._sources.voices(), *self._sources.silent(steady)}
        silent = tuple(sorted(s for s in heard if self._sources.is_silent(s, steady)))
        changed = set(silent) ^ set(self._silent)
        for source in changed & set(silent):
            self._feeds.scrapes.forget(source)
        self._silent = silent
        return {key for source in changed for key in self._feeds.fed_by(source)}

    async def _settle_accounts(self) -> None:
        """Tell of silent sources, and of rules that are gone."""
        try:
            await self._silence.tell(self._now())
            await self._adopt()
            if self._alert_series is not None:
                at = self._clock.utc_now().timestamp()
                await self._alert_series.end(self._feeds.rules, at)
        except (StorageUnavailable, StaleIncident) as error:
            self._refused(error)

    def _wish(self, keys: Iterable[str]) -> None:
        """Ask for rules to be judged; those that are gone meanwhile are passed over."""
        for key in keys:
            if (watched := self._feeds.rules.get(key)) is not None:
                self._seats[watched.group].wishes.add(key)

    def _wake(self, seats: Iterable[Seat]) -> None:
        for seat in seats:
            if seat.wishes and (seat.task is None or seat.task.done()):
                seat.task = asyncio.create_task(self._work(seat), name=f"judge {seat.group.name}")

    async def _work(self, seat: Seat) -> None:
        while seat.wishes:
            pause = seat.not_before - self._clock.steady()
            if pause > 0:
                await asyncio.sleep(pause)
            try:
                await self._judge(seat, seat.take())
            except Exception:
                log.exception("rule group not judged", group=seat.group.name)
                return

    async def _judge(self, seat: Seat, keys: list[str]) -> None:
        """Judge the rules that were asked for, in order, each whatever becomes of the others."""
        began = self._clock.steady()
        for key in keys:
            watched = self._feeds.rules.get(key)
            if watched is None or (watched.rule.records and self._recorder is None):
                continue
            started = self._clock.steady()
            try:
                await self._judge_one(seat, watched, keys)
            except (StorageUnavailable, StaleIncident) as error:
                seat.retry.add(key)
                self._refused(error)
            except BotError as error:
                self._failed(seat, watched, str(error))
            except Exception as error:
                log.exception("rule stumbled", rule=watched.rule.name)
                self._failed(seat, watched, repr(error))
            else:
                self._worked(seat, watched)
            took = self._each.add(self._clock.steady() - started)
            seat.judged_one(key, self._clock.utc_now(), took)
        self._stopwatch.add(self._clock.steady() - began)
        seat.done(self._clock.utc_now(), began, self._clock.steady(), self._gather)

    async def _judge_one(self, seat: Seat, watched: Watched, keys: list[str]) -> None:
        at = self._moment(watched, seat.group.query_offset)
        if at is None:
            return
        if watched.rule.records:
            await self._record(seat, watched, at, keys)
        else:
            await self._judge_alert(seat, watched, at)
        self._judged_at[watched.key] = at

    def _moment(self, watched: Watched, offset: timedelta) -> float | None:
        """Return the instant to judge at (Unix seconds), or None while it is better to wait."""
        now = self._clock.utc_now().timestamp()
        newest = watched.newest if watched.newest <= now + AHEAD else now
        at = max(now, newest) - offset.total_seconds()
        if watched.needs.alone:
            return at
        if watched.key in self._half_stored:
            return None
        horizon = self._feeds.scrapes.horizon(watched.key)
        if horizon is None or at < horizon:
            return at
        before = horizon - BEFORE
        return before if before > self._judged_at.get(watched.key, 0.0) else None

    async def _judge_alert(self, seat: Seat, watched: Watched, at: float) -> None:
        now, key = self._now(), watched.key
        rows = await rows_of(self._metrics, watched.rule.expr, at)
        self.answered()
        seat.answered(key, len(rows))
        evidence, held = await self._evidence(watched, rows, at)
        states = self._memory.of(key)
        as_of = Steady(now.steady - max(0.0, now.wall.timestamp() - at))

        def seen(labels: Labels, value: float | None, remembered: tuple[str, ...]) -> Look:
            known, steady = self._sources, now.steady
            found = (
                look_at_answer(labels, value, self._answered_by, steady, evidence, as_of)
                if self._answered_by
                else look(watched, labels, value, remembered, known, steady, evidence, as_of)
            )
            return replace(found, unclear=True) if labels.without(NAME) in held else found

        moves = each_judged(watched.rule, states, rows, seen, now)
        trace = Trace(
            sampled=watched.newest if 0 < watched.newest <= at else None,
            stored=watched.stored,
            judged=now.wall.timestamp(),
        )
        wording = Wording(self._metrics, watched, at)
        told = await told_of(watched.rule, moves, wording, now, trace)
        if watched.key in self._feeds.rules:
            moved = [(key, move) for move in told.moves]
            if self._alert_series is not None and not watched.rule.shadow:
                await self._alert_series.recall(watched.rule, states, wording)
            await self._memory.commit(moved, told.alerts, told.notes)
            await self._tell_in_series(seat, watched, wording, at)

    async def _tell_in_series(
        self, seat: Seat, watched: Watched, wording: Wording, at: float
    ) -> None:
        """Write what is pending and firing as series, and wake the rules that look at them."""
        if self._alert_series is None or watched.rule.shadow:
            return
        states, every = self._memory.of(watched.key), seat.group.interval.total_seconds()
        steady = self._clock.steady()
        appended = await self._alert_series.write(watched.rule, states, wording, at, steady, every)
        if appended is not None and any(map(self._feeds.watches, (ALERTS, FOR_STATE))):
            self._wish(self._feeds.take_recorded(watched, appended))
            self._wake(other for other in self._seats.values() if other is not seat)

    async def _evidence(
        self, watched: Watched, rows: list[tuple[Labels, float]], at: float
    ) -> tuple[frozenset[Labels] | None, frozenset[Labels]]:
        """Ask for evidence where something would end: all is well, or is nothing known?

        Second, the series (less their names) that the rule's `clear_when` does not let end.
        """
        seen = {labels.fingerprint for labels, _ in rows}
        if self._memory.of(watched.key).keys() <= seen:
            return None, frozenset()
        held = await unclear_for(self._metrics, watched, at)
        answering, steady = self._answered_by, self._clock.steady()
        if answering and not self._sources.is_back_since(answering, steady, LONGEST_REFILL):
            return None, held
        return await evidence_for(self._metrics, watched, at), held

    async def _record(self, seat: Seat, watched: Watched, at: float, keys: list[str]) -> None:
        """Store the rule's answer, unless all that feed it are silent: old news is no news.

        keys: the rules of this round; what comes later in it sees the answer without a wish.
        """
        steady = self._clock.steady()
        sources = watched.sources
        if self._recorder is None or (
            sources and all(self._sources.is_silent(source, steady) for source in sources)
        ):
            return
        appended = await self._recorder.record(watched, at, seat.group.limit)
        seat.answered(watched.key, appended.stored)
        fed = self._feeds.take_recorded(watched, appended)
        self._wish(fed - set(keys[keys.index(watched.key) :]))
        self._wake(other for other in self._seats.values() if other is not seat)

    def _failed(self, seat: Seat, watched: Watched, why: str) -> None:
        seat.errors += 1
        if seat.problems.get(watched.key) != why:
            log.warning("rule cannot be judged", rule=watched.rule.name, reason=why)
        seat.problems[watched.key] = why

    def _worked(self, seat: Seat, watched: Watched) -> None:
        if seat.problems.pop(watched.key, None) is not None:
            log.info("rule is judged again", rule=watched.rule.name)

    def _refused(self, error: BotError) -> None:
        steady = self._clock.steady()
        if self._told_outage is None or steady - self._told_outage >= QUIET:
            log.warning("alerts wait for the database", reason=str(error))
            self._told_outage = steady
