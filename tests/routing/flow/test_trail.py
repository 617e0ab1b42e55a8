"""What an alert's trail says of its way stays true, whatever is reloaded, ended or repeated."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from routing.alerts.inhibit import InhibitRule
from routing.alerts.intervals import Range, Times
from routing.alerts.route import branches_of
from routing.alerts.trail import MOST_NOTES, Episode, Quiet, Scribe, Way, episodes_of
from routing.playbook import Playbook, Route
from storage.model.alert import Alert, Origin
from storage.model.incident import IncidentId
from storage.model.labels import Matcher, MatchOp
from storage.model.silence import Mute, MuteKind, Silence, SilenceId
from storage.model.standing import Standing
from storage.sql import alerts, silences, standing
from tests.fakes import NOON
from tests.routing.town import PLAYBOOK, Town, alert, resolved

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SHOP = Matcher("team", MatchOp.EQUAL, "shop")
CRITICAL = Matcher("severity", MatchOp.REGEX, "critical|page")
TREE = replace(
    PLAYBOOK,
    routes=(
        Route(
            matchers=(SHOP,),
            group_by=("alertname", "team"),
            routes=(Route(matchers=(CRITICAL,)),),
        ),
    ),
)
WAY = Way(
    path=(0, 0),
    levels=('team="shop"', 'severity=~"critical|page"'),
    policy="default",
    by=("alertname", "team"),
)
PLAIN = Way(policy="default", by=("alertname",))


async def trail_of(here: Town, given: Alert) -> str:
    async with here.database.reading() as tx:
        return (await standing.by_fingerprints(tx, [given.fingerprint]))[
            given.fingerprint
        ].alert.trail


async def episodes(here: Town, given: Alert) -> Sequence[Episode]:
    return episodes_of(await trail_of(here, given))


async def test_where_it_came_from_and_which_way_it_went(here: Town) -> None:
    here.playbook.swap(TREE)
    origin = Origin(door="rules", rule="rules/shop.yaml:3:9", group="shop", expr="up == 0")
    told = replace(alert(team="shop"), origin=origin)
    await here.fire(told)
    (episode,) = await episodes(here, told)
    assert episode == Episode(
        came=NOON,
        source="rules",
        door="rules",
        rule="rules/shop.yaml:3:9",
        group="shop",
        expr="up == 0",
        ways=(WAY,),
    )
    assert (await here.incident()).group == WAY.group(told.labels)


async def test_a_reload_does_not_change_what_was(here: Town) -> None:
    here.playbook.swap(TREE)
    await here.fire(alert(team="shop"))
    here.playbook.swap(PLAYBOOK)
    here.restart()
    await here.fire(alert(team="shop"))
    await here.turn(60)
    (episode,) = await episodes(here, alert(team="shop"))
    assert episode.ways == (WAY,)
    await here.fire(resolved(alert(team="shop")))
    here.clock.advance(7_200)
    await here.fire(alert(team="shop"))
    before, now = await episodes(here, alert(team="shop"))
    assert (before.ways, now.ways) == ((WAY,), (PLAIN,))
    async with here.database.reading() as tx:
        (of_first,) = await alerts.of_incident(tx, IncidentId(1))
    (as_told,) = episodes_of(of_first.trail)
    assert (as_told.ways, as_told.over, as_told.by) == ((WAY,), NOON + MINUTE, "rules")


async def test_a_silence_is_noted_from_its_beginning_to_its_end(here: Town) -> None:
    made = Silence(
        id=SilenceId(0),
        uuid="u1",
        matchers=(Matcher("alertname", MatchOp.EQUAL, "CheckoutSlow"),),
        starts_at=NOON,
        ends_at=NOON + HOUR,
        created_by="ada",
        updated_at=NOON,
    )
    async with here.database.transaction() as tx:
        silence = await silences.create(tx, made)
    await here.fire()
    mute = Mute(kind=MuteKind.SILENCE, by="silence 1 by ada", until=NOON + HOUR, id="u1")
    (episode,) = await episodes(here, alert())
    assert episode.quiet == (Quiet(mute=mute, since=NOON),)
    here.clock.advance(600)
    async with here.database.transaction() as tx:
        await silences.save(tx, replace(silence, ends_at=NOON + 2 * HOUR))
    await here.turn(1)
    here.clock.advance(600)
    async with here.database.transaction() as tx:
        await silences.save(tx, replace(silence, ends_at=here.clock.utc_now()))
    ended = here.clock.utc_now()
    await here.turn(0)
    (episode,) = await episodes(here, alert())
    longer = replace(mute, until=NOON + 2 * HOUR)
    assert episode.quiet == (Quiet(mute=longer, since=NOON, to=ended),)


async def test_what_hides_it_and_what_time_it_was_are_noted(here: Town) -> None:
    source = Matcher("alertname", MatchOp.EQUAL, "NodeDown")
    target = Matcher("severity", MatchOp.EQUAL, "warning")
    nights = Times(minutes=(Range(0, 1440),))
    here.playbook.swap(
        replace(
            PLAYBOOK,
            inhibit=(InhibitRule(source=(source,), target=(target,)),),
            intervals={"nights": (nights,)},
            routes=(Route(matchers=(target,), mute=("nights",)),),
        )
    )
    await here.fire(alert("NodeDown"), alert("Slow", "warning"))
    (episode,) = await episodes(here, alert("Slow", "warning"))
    assert [(it.mute.kind, it.mute.by, it.to) for it in episode.quiet] == [
        (MuteKind.INHIBITED, "hidden by NodeDown", None),
        (MuteKind.TIME, "the time interval nights", None),
    ]
    here.clock.advance(60)
    await here.fire(resolved(alert("NodeDown")))
    (episode,) = await episodes(here, alert("Slow", "warning"))
    assert [it.to for it in episode.quiet] == [NOON + MINUTE, None]


async def test_a_repetition_notes_nothing(here: Town) -> None:
    told = replace(alert(), expires_at=NOON + HOUR)
    await here.fire(told)
    before = await trail_of(here, told)
    for _ in range(5):
        here.clock.advance(30)
        await here.fire(replace(told, value=3.0, expires_at=NOON + 2 * HOUR))
    assert await trail_of(here, told) == before != ""


async def test_who_did_not_repeat_it_is_said_at_its_end(here: Town) -> None:
    await here.fire(replace(alert(), expires_at=NOON + MINUTE))
    await here.turn(90)
    (episode,) = await episodes(here, alert())
    assert (episode.over is not None, episode.by) == (True, "")


QUIETS = st.lists(
    st.builds(
        Mute,
        kind=st.sampled_from(list(MuteKind)),
        by=st.text(max_size=20),
        until=st.none() | st.just(NOON + HOUR),
        id=st.sampled_from(["a", "b", "c"]),
    ),
    max_size=3,
    unique_by=lambda mute: (mute.kind, mute.id),
)


@given(
    steps=st.lists(
        st.tuples(st.booleans(), QUIETS, st.text(max_size=20), st.booleans()), max_size=60
    )
)
def test_any_life_leaves_a_short_trail_whose_end_is_how_it_stands(
    steps: list[tuple[bool, list[Mute], str, bool]],
) -> None:
    books: dict[bool, Playbook] = {True: TREE, False: PLAYBOOK}
    trail, fires, mutes = "", False, list[Mute]()
    for minute, (firing, quiet, source, book) in enumerate(steps):
        if not firing and not fires:
            continue
        told = replace(alert(team="shop"), trail=trail, source=source)
        began, fires = firing and not fires, firing
        mutes = quiet if firing else []
        it = Standing(alert=told if firing else resolved(told), updated_at=NOON)
        scribe = Scribe(books[book], NOON + minute * MINUTE)
        ways = branches_of(told.labels, books[book])
        trail = scribe.noted(it, began, ways, mutes).trail
        assert scribe.noted(replace(it, alert=replace(it.alert, trail=trail)), False, ways, mutes)
        assert trail.count("\n") < MOST_NOTES
        newest = episodes_of(trail)[-1]
        assert (newest.over is None) == firing
        if firing:
            assert newest.ways == ((WAY,) if book else (PLAIN,))
            going = [it.mute for it in newest.quiet if it.to is None]
            assert {(m.kind, m.id) for m in going} == {(m.kind, m.id) for m in mutes}


def test_a_trail_from_before_there_were_trails_is_none() -> None:
    assert episodes_of("") == ()
