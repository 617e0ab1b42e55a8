"""Whatever comes in whatever order: the end is what the order explains, and nothing is told twice.

A plain twin of the product keeps a set of firing alerts and a list of silences, and says after
each event what must hold. It knows nothing of timers: what will be sent is asked of the product
before time passes, and must then come true.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from routing.alerts.flap import said
from routing.flow.ahead import ahead_of
from routing.flow.silence import SilenceDesk
from routing.incidents.events import Acknowledge
from storage.errors import NotAllowed
from storage.model.flaps import Flapping
from storage.model.incident import Incident, Status
from storage.model.labels import Matcher, MatchOp
from storage.model.silence import Silence, SilenceId
from storage.sql import alerts, standing
from tests.fakes import Sent
from tests.routing.town import ADA, PLAYBOOK, POLICY, Town, alert, resolved, town

T = TypeVar("T")
M = timedelta(minutes=1)
NAMES = ("a", "b", "c")
ALERTS = {name: alert("Slow" if name != "c" else "Full", i=name) for name in NAMES}
"""Two of one group, and one of its own."""
FLAPPING = Flapping(times=3, within=15 * M, calm=10 * M)
POLICIES = {"default": replace(POLICY, group_interval=5 * M, flapping=FLAPPING)}
SILENT = 30 * M

names = st.sampled_from(NAMES)


class WhateverComes(RuleBasedStateMachine):
    """The town, and its twin: who fires, which silences run until when."""

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.open = asyncio.Runner(), AsyncExitStack()
        self.folder = Path(mkdtemp())
        (self.folder / "town").mkdir()
        playbook = replace(PLAYBOOK, policies=POLICIES)
        entering = self.open.enter_async_context(town(self.folder / "town", playbook))
        self.here: Town = self.do(entering)
        self.firing: set[str] = set()
        self.silences: list[tuple[SilenceId, str, datetime]] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.do(self.ends_well())
        finally:
            self.do(self.open.aclose())
            self.runner.close()
            shutil.rmtree(self.folder)

    # what comes

    @rule(name=names, dies=st.booleans())
    def fire(self, name: str, *, dies: bool) -> None:
        """It fires, for the first time or still; perhaps we die before anybody heard of it."""
        began = replace(ALERTS[name], starts_at=self.now)
        is_news = name not in self.firing
        self.firing.add(name)
        self.play(self.here.fire(began), dies=dies, may_ring=is_news)

    @rule(name=names, dies=st.booleans())
    def resolve(self, name: str, *, dies: bool) -> None:
        self.firing.discard(name)
        over = replace(resolved(ALERTS[name]), ends_at=self.now)
        self.play(self.here.fire(over), dies=dies)

    @rule(name=names, times=st.integers(3, 4), stays=st.booleans())
    def come_and_go(self, name: str, times: int, *, stays: bool) -> None:
        for _ in range(times):
            self.fire(name, dies=False)
            self.resolve(name, dies=False)
            self.here.clock.advance(20)
        if stays:
            self.fire(name, dies=False)

    @rule(name=names)
    def silence(self, name: str) -> None:
        made = self.do(self.desk.make(_silence(name, self.now), actor=ADA, via="cli"))
        self.silences.append((made.id, name, self.now + SILENT))
        self.play()

    @precondition(lambda self: self.silences)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        it = data.draw(st.sampled_from(self.silences))
        if self.now < it[2]:
            self.do(self.desk.expire(it[0], actor=ADA, via="cli"))
        self.silences.remove(it)
        self.play(may_ring=True)

    @rule()
    def acknowledge(self) -> None:
        for incident in self.do(self.here.open_incidents()):
            ack = Acknowledge(ADA, hold=20 * M)
            with suppress(NotAllowed):
                self.do(self.here.desk.apply(incident.id, ack, actor=ADA, via="cli"))
        self.play()

    @rule(minutes=st.sampled_from([2, 4, 6, 12, 33]))
    def wait(self, minutes: int) -> None:
        """Time passes, and what the product said beforehand happens."""
        end = self.now + minutes * M
        expected = self.do(self.pages_until(end))
        quiet = not any(self.now < until <= end for *_, until in self.silences)
        before = self.pages()
        self.do(self.here.turn(minutes * 60, by=600))
        if minutes < 5 and quiet:  # nothing that is due can have brought a second thing with it
            assert Counter(self.pages()) - Counter(before) == expected

    @rule()
    def restart(self) -> None:
        self.play(dies=True)

    # what must hold

    def play(
        self, work: Coroutine[Any, Any, None] | None = None, *, dies: bool = False,
        may_ring: bool = False,
    ) -> None:  # fmt: skip
        """Let it happen and be told; it rings nobody unless it may, or a step waited for it."""
        waiting = self.do(self.pages_until(self.now))
        before = Counter(self.pages())
        if work is not None:
            self.do(work)
        if dies:
            self.here.restart()
        self.do(self.here.turn())
        rang = Counter(self.pages()) - before - waiting
        assert may_ring or not rang, rang

    @invariant()
    def it_stands_as_the_order_explains(self) -> None:
        self.do(self.stands())

    @invariant()
    def nothing_is_told_twice(self) -> None:
        for channel in (self.here.slack, self.here.sms):
            told = [it for it in channel.sent if it.message.purpose != "room"]
            assert len({it.key for it in told}) == len(told)
            assert "nothing fires" not in str([it.message.facts for it in channel.pages])
        last: dict[int | None, object] = {}
        for sent in self.here.slack.rooms:
            assert last.get(sent.message.incident) != _said(sent), "an edit without news"
            last[sent.message.incident] = _said(sent)

    async def stands(self) -> None:
        muted = {name for _, name, until in self.silences if self.now < until} & self.firing
        heard = self.firing - muted
        opened = await self.here.open_incidents()
        async with self.here.database.reading() as tx:
            known = {it.alert.labels.get("i"): it for it in await standing.firing_after(tx, "", 9)}
            inside = await alerts.of_incidents(tx, [it.id for it in opened])
        assert set(known) == self.firing
        assert {name for name, it in known.items() if it.mutes} == muted
        fires = [one for some in inside.values() for one in some if one.is_firing]
        told = {one.labels.get("i"): one.muted for one in fires}
        assert len(told) == len(fires), "each is in one incident"
        assert heard <= set(told) <= self.firing
        assert {name for name, by in told.items() if not by} == heard
        for incident in opened:
            here = {it.labels.get("i") for it in inside[incident.id] if it.is_firing}
            self.is_true(incident, here, muted)

    def is_true(self, incident: Incident, firing: set[str], muted: set[str]) -> None:
        """Say that an open incident is what its alerts make it, and that its room shows that."""
        assert incident.firing == len(firing)
        assert firing or incident.flaps.since, "open and nothing fires: it flaps"
        if firing:
            assert bool(incident.muted) == (firing <= muted)
        if firing and firing <= muted:
            assert incident.status is not Status.TRIGGERED
        elif firing:
            assert incident.status is not Status.MUTED
        shown = [it for it in self.here.slack.rooms if it.message.incident == incident.id]
        if shown:
            assert shown[-1].message.status is incident.status
        else:
            assert incident.muted, "nobody was told"
        told = dict(shown[-1].message.facts)["State"] if shown else ""
        assert ("flapping" in told) == bool(incident.flaps.since and shown)
        assert not told or said(incident.flaps) in told

    async def ends_well(self) -> None:
        """All is over, and calm: nothing is open, nothing waits, every room says so."""
        for name in NAMES:
            await self.here.fire(replace(resolved(ALERTS[name]), ends_at=self.now))
        await self.here.turn(11 * 60, by=600)
        assert await self.here.open_incidents() == []
        numbers = {it.message.incident for it in self.here.slack.rooms}
        for number in sorted(it for it in numbers if it):
            assert list(await self.here.running(number)) == []
            assert "waiting" not in {it.status for it in await self.here.owed(number)}
            shown = [it for it in self.here.slack.rooms if it.message.incident == number]
            assert shown[-1].message.status is Status.RESOLVED

    # how it is asked

    @property
    def now(self) -> datetime:
        return self.here.clock.utc_now()

    @property
    def desk(self) -> SilenceDesk:
        return SilenceDesk(self.here.database, self.here.clock, self.here.playbook)

    def pages(self) -> list[str]:
        """Every page so far, as `ahead` would say it, less the number of the incident."""
        sent = [*self.here.slack.pages, *self.here.sms.pages]
        steps = (it.key.split("/") for it in sent)
        return [f"page to {s[6].title()} by {s[7]} (step {int(s[5]) + 1})" for s in steps]

    async def pages_until(self, end: datetime) -> Counter[str]:
        """What the product says that it will page by then, as things stand."""
        found: Counter[str] = Counter()
        for incident in await self.here.open_incidents():
            async with self.here.database.reading() as tx:
                due = await ahead_of(tx, incident, self.here.clock, self.here.playbook())
            for it in due:
                if it.at <= end and it.what.startswith("page to "):
                    whom, _, rest = it.what.partition(" by ")
                    ways, _, step = rest.partition(" (")
                    found.update(f"{whom} by {way} ({step}" for way in ways.split(" and "))
        return found


def _said(sent: Sent) -> object:
    message = sent.message
    return (message.title, message.status, message.facts, message.lines, message.summary)


def _silence(name: str, now: datetime) -> Silence:
    return Silence(
        id=SilenceId(0),
        uuid="",
        matchers=(Matcher("i", MatchOp.EQUAL, name),),
        starts_at=now,
        ends_at=now + SILENT,
        created_by=ADA,
        updated_at=now,
    )


TestWhateverComes = WhateverComes.TestCase
TestWhateverComes.settings = settings(
    max_examples=6,
    stateful_step_count=10,
    deadline=None,
    # A story is short; to make it shorter would take longer than to read it.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
