"""Whatever comes in whatever order: the end is what the order explains, and nothing is told twice.

A plain twin of the product keeps a set of firing alerts and a list of silences, and says after
each event what must hold.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.flow.silence import SilenceDesk
from routing.incidents.events import Acknowledge
from storage.errors import NotAllowed
from storage.model.incident import Status
from storage.model.labels import Matcher, MatchOp
from storage.model.silence import Silence, SilenceId
from storage.sql import alerts, standing
from tests.routing.town import ADA, Town, alert, resolved, town

NAMES = ("a", "b", "c")
ALERTS = {name: alert("Slow" if name != "c" else "Full", i=name) for name in NAMES}
MINUTES = 17

names = st.sampled_from(NAMES)
events = st.one_of(
    st.tuples(st.just("fire"), names),
    st.tuples(st.just("fire"), names),
    st.tuples(st.just("resolve"), names),
    st.tuples(st.just("silence"), names),
    st.tuples(st.just("expire"), names),
    st.tuples(st.just("acknowledge"), names),
    st.tuples(st.just("wait"), names),
    st.tuples(st.just("restart"), names),
)


@dataclass
class Twin:
    """What ought to be: who fires, which silences run until when, what was news."""

    firing: set[str] = field(default_factory=set)
    silences: list[tuple[int, str, datetime]] = field(default_factory=list)

    def muted(self, now: datetime) -> set[str]:
        return {name for _, name, until in self.silences if now < until} & self.firing

    def heard(self, now: datetime) -> set[str]:
        return self.firing - self.muted(now)


async def play(place: Town, twin: Twin, event: tuple[str, str]) -> None:
    what, name = event
    now = place.clock.utc_now()
    desk = SilenceDesk(place.database, place.clock, place.playbook)
    match what:
        case "fire":
            await place.fire(replace(ALERTS[name], starts_at=now))
            twin.firing.add(name)
        case "resolve":
            await place.fire(replace(resolved(ALERTS[name]), ends_at=now))
            twin.firing.discard(name)
        case "silence":
            made = await desk.make(_silence(name, now), actor=ADA, via="cli")
            assert made.ends_at is not None
            twin.silences.append((made.id, name, made.ends_at))
        case "expire":
            running = [it for it in twin.silences if it[1] == name and now < it[2]]
            for it in running:
                await desk.expire(SilenceId(it[0]), actor=ADA, via="cli")
                twin.silences.remove(it)
        case "acknowledge":
            for incident in await place.open_incidents():
                try:
                    await place.desk.apply(incident.id, Acknowledge(ADA), actor=ADA, via="cli")
                except NotAllowed:
                    continue
        case "wait":
            await place.turn(60 * MINUTES, by=300)
        case "restart":
            place.restart()
    await place.turn()


def _silence(name: str, now: datetime) -> Silence:
    return Silence(
        id=SilenceId(0),
        uuid="",
        matchers=(Matcher("i", MatchOp.EQUAL, name),),
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        created_by=ADA,
        updated_at=now,
    )


async def compare(place: Town, twin: Twin) -> None:
    """Say that the product is where the order of events explains it to be."""
    now = place.clock.utc_now()
    heard, muted = twin.heard(now), twin.muted(now)
    async with place.database.reading() as tx:
        stands = {it.alert.labels.get("i"): it for it in await standing.firing(tx)}
        opened = await place.open_incidents()
        inside = await alerts.of_incidents(tx, [it.id for it in opened])
    assert set(stands) == twin.firing
    assert {name for name, it in stands.items() if it.mutes} == muted
    told = {
        one.labels.get("i"): one.muted for some in inside.values() for one in some if one.is_firing
    }
    assert heard <= set(told) <= twin.firing
    assert {name for name, by in told.items() if not by} == heard
    for incident in opened:
        firing = {it.labels.get("i") for it in inside[incident.id] if it.is_firing}
        assert firing
        assert bool(incident.muted) == (firing <= muted)
        if firing <= muted:
            assert incident.status is not Status.TRIGGERED
            assert not [it for it in await place.running(incident.id) if it.kind == "escalate"]
        else:
            assert incident.status is not Status.MUTED


def nothing_is_told_twice(place: Town) -> None:
    """No page has another's name, and each round of asking had a cause of its own."""
    keys = [(sent.key, sent.address) for sent in (*place.sms.pages, *place.slack.pages)]
    assert len(keys) == len(set(keys))


@settings(max_examples=12, deadline=None)
@given(st.lists(events, min_size=3, max_size=14))
def test_the_end_is_what_the_order_of_events_explains(story: list[tuple[str, str]]) -> None:
    async def run() -> None:
        with TemporaryDirectory() as folder:
            inner = Path(folder) / "town"
            inner.mkdir()
            async with town(inner) as place:
                twin = Twin()
                for event in story:
                    before = len(place.sms.pages)
                    quiet = not twin.heard(place.clock.utc_now())
                    await play(place, twin, event)
                    await compare(place, twin)
                    if quiet and event[0] in ("silence", "resolve", "restart", "acknowledge"):
                        assert len(place.sms.pages) == before
                nothing_is_told_twice(place)

    asyncio.run(run())
