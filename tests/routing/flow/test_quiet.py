"""What is muted rings nobody; when that ends and it fires still, it rings, whatever happened."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from routing.alerts.inhibit import InhibitRule
from routing.alerts.intervals import Range, Times, active_at
from routing.alerts.mute import by_time_on
from routing.alerts.route import branches_of
from routing.incidents.events import Acknowledge
from routing.playbook import Route
from storage.model.alert import Alert
from storage.model.incident import IncidentId, Status
from storage.model.labels import Matcher, MatchOp
from storage.model.silence import MuteKind, Silence, SilenceId, SilenceKind
from storage.model.standing import Standing
from storage.sql import silences, standing
from tests.fakes import NOON
from tests.routing.town import ADA, Town, alert, resolved

ONE = IncidentId(1)
HOUR = timedelta(hours=1)


def equals(name: str, value: str) -> Matcher:
    return Matcher(name, MatchOp.EQUAL, value)


async def silence(here: Town, *matchers: Matcher, until: datetime = NOON + HOUR) -> Silence:
    made = Silence(
        id=SilenceId(0),
        uuid=str(matchers),
        matchers=matchers or (equals("alertname", "CheckoutSlow"),),
        starts_at=here.clock.utc_now(),
        ends_at=until,
        created_by="ada",
        updated_at=here.clock.utc_now(),
    )
    async with here.database.transaction() as tx:
        return await silences.create(tx, made)


async def stands(here: Town, given: Alert) -> Standing:
    async with here.database.reading() as tx:
        return (await standing.by_fingerprints(tx, [given.fingerprint]))[given.fingerprint]


async def test_a_silenced_alert_is_kept_and_told_when_the_silence_ends(here: Town) -> None:
    await silence(here)
    await here.fire(alert())
    await here.turn(3_590, by=600)
    assert (await here.open_incidents(), here.sms.pages) == ([], [])
    (mute,) = (await stands(here, alert())).mutes
    assert (mute.kind, mute.by, mute.until) == (
        MuteKind.SILENCE,
        "silence 1 by ada",
        NOON + HOUR,
    )
    await here.turn(20, by=5)
    assert [sent.message.title for sent in here.sms.pages] == ["#1 CheckoutSlow"]
    assert (await stands(here, alert())).mutes == ()


async def test_over_kill_9_nothing_is_lost(here: Town) -> None:
    await silence(here)
    await here.fire(alert())
    await here.turn(60)
    here.restart()
    here.clock.advance(3_600)
    here.restart()
    await here.turn(1)
    assert [sent.message.title for sent in here.sms.pages] == ["#1 CheckoutSlow"]


async def test_what_resolves_under_a_silence_is_never_told(here: Town) -> None:
    await silence(here)
    await here.fire(alert())
    await here.fire(resolved(alert()))
    await here.turn(3_700, by=600)
    assert (here.slack.sent, here.sms.sent) == ([], [])


async def test_what_rings_stops_and_begins_again_at_the_end(here: Town) -> None:
    await here.fire(alert())
    await here.turn(100)
    await silence(here)
    await here.turn(1)
    incident = await here.incident()
    said = "silence 1 by ada until 2026-03-02 13:00 UTC"
    in_words = "silence 1 by Ada until 2026-03-02 13:00 UTC"
    assert (incident.status, incident.muted) == (Status.MUTED, said)
    assert await here.running() == []
    assert dict(here.slack.rooms[-1].message.facts)["State"] == f"muted, {in_words}"
    await here.turn(3_400, by=600)
    assert [sent.key for sent in here.sms.pages] == ["incident/1/round/0/step/0/ada/sms"]
    await here.turn(200, by=10)
    assert (await here.incident()).status is Status.TRIGGERED
    assert [sent.key for sent in here.sms.pages][1:] == ["incident/1/round/1/step/0/ada/sms"]


async def test_who_has_it_keeps_it_and_rings_nobody_while_it_is_muted(here: Town) -> None:
    await here.fire(alert())
    await here.turn()
    ack = Acknowledge(by=ADA, hold=timedelta(minutes=10))
    await here.desk.apply(ONE, ack, actor=ADA, via="cli")
    await silence(here)
    await here.turn(601, by=60)
    assert (await here.incident()).status is Status.MUTED
    await here.turn(3_100, by=600)
    assert (await here.incident()).status is Status.TRIGGERED
    assert len(here.sms.pages) == 2


async def test_resolved_while_muted_tells_nobody_and_the_room_is_true(here: Town) -> None:
    await here.fire(alert())
    await here.turn()
    await silence(here)
    await here.turn()
    await here.fire(resolved(alert()))
    await here.turn()
    assert here.slack.notices == []
    assert dict(here.slack.rooms[-1].message.facts)["State"].startswith("resolved by itself")


async def test_a_group_of_which_some_is_heard_rings_on(here: Town) -> None:
    await here.fire(alert(i="1"), alert(i="2"))
    await here.turn()
    await silence(here, equals("i", "1"))
    await here.turn()
    assert (await here.incident()).status is Status.TRIGGERED
    await silence(here, equals("i", "2"))
    await here.turn()
    assert (await here.incident()).status is Status.MUTED
    await here.fire(alert(i="3"))
    await here.turn()
    assert (await here.incident()).status is Status.TRIGGERED


async def test_a_louder_alert_hides_a_quieter_one_in_any_order(here: Town) -> None:
    rule = InhibitRule(
        source=(equals("alertname", "NodeDown"),),
        target=(Matcher("severity", MatchOp.REGEX, "warning|info"),),
        equal=("node",),
    )
    here.playbook.swap(replace(here.playbook(), inhibit=(rule,)))
    early, late = alert("Slow", "warning", node="a"), alert("Full", "warning", node="a")
    down, other = alert("NodeDown", node="a"), alert("Slow", "warning", node="b")
    await here.fire(early)
    await here.turn()
    await here.fire(down, other)
    await here.fire(late)
    await here.turn()
    (mute,) = (await stands(here, late)).mutes
    assert (mute.kind, mute.by, mute.id) == (
        MuteKind.INHIBITED,
        "hidden by NodeDown",
        down.fingerprint,
    )
    named = {it.title: it.status for it in await here.open_incidents()}
    assert named == {
        "Slow (2 alerts)": Status.TRIGGERED,
        "NodeDown node=a": Status.TRIGGERED,
    }
    await here.fire(resolved(other))
    assert (await here.incident(1)).status is Status.MUTED
    await here.fire(resolved(down))
    await here.turn()
    assert {it.title for it in await here.open_incidents()} == {"Slow (2 alerts)", "Full node=a"}
    assert (await here.incident(1)).status is Status.TRIGGERED


async def test_rules_of_inhibition_that_a_reload_brings_hold_for_what_fires(here: Town) -> None:
    await here.fire(alert("NodeDown"), alert("Slow", "warning"))
    await here.turn()
    rule = InhibitRule(
        source=(equals("alertname", "NodeDown"),), target=(equals("alertname", "Slow"),)
    )
    here.playbook.swap(replace(here.playbook(), inhibit=(rule,)))
    await here.turn()
    assert [it.title for it in await here.open_incidents() if it.status is Status.MUTED] == ["Slow"]
    here.playbook.swap(replace(here.playbook(), inhibit=()))
    await here.turn()
    assert {it.status for it in await here.open_incidents()} == {Status.TRIGGERED}


async def test_a_route_is_quiet_in_its_time_and_tells_at_its_end(here: Town) -> None:
    lunch = Times(minutes=(Range(720, 750),))
    way = Route(matchers=(equals("team", "shop"),), policy="default", mute=("lunch",))
    here.playbook.swap(replace(here.playbook(), routes=(way,), intervals={"lunch": (lunch,)}))
    await here.fire(alert(team="shop"), alert("Other"))
    await here.turn(1_700, by=300)
    assert [it.title for it in await here.open_incidents()] == ["Other"]
    assert (await stands(here, alert(team="shop"))).waiting == (
        'default{alertname="CheckoutSlow"}',
    )
    await here.turn(200, by=30)
    assert len(await here.open_incidents()) == 2


async def test_what_a_route_further_down_hears_is_heard_though_another_is_quiet(here: Town) -> None:
    """Nothing of the shop at lunch, but what is critical at any time: both lead into one group."""
    lunch = Times(minutes=(Range(720, 750),))
    quiet = Route(
        matchers=(equals("team", "shop"),), policy="default", mute=("lunch",), goes_on=True
    )
    urgent = Route(matchers=(equals("severity", "critical"),), policy="default")
    routes = (quiet, urgent)
    here.playbook.swap(replace(here.playbook(), routes=routes, intervals={"lunch": (lunch,)}))
    await here.fire(alert(team="shop"), alert("Slow", "warning", team="shop"))
    await here.turn()
    assert [it.title for it in await here.open_incidents()] == ["CheckoutSlow team=shop"]


def test_two_routes_into_one_group_are_quiet_only_while_both_are(here: Town) -> None:
    spans = {"first": (720, 750), "second": (740, 760)}
    intervals = {name: (Times(minutes=(Range(*it),)),) for name, it in spans.items()}
    routes = tuple(
        Route(matchers=(), policy="default", mute=(name,), goes_on=True) for name in spans
    )
    (way,) = branches_of(alert().labels, replace(here.playbook(), routes=routes))
    at = partial(active_at, intervals)
    heard = [by_time_on(way, at(NOON + timedelta(minutes=n))) is None for n in (10, 25, 45)]
    assert heard == [True, False, True]  # 12:10, 12:25, 12:45
    mute = by_time_on(way, at(NOON + timedelta(minutes=25)))
    assert mute
    assert mute.until == NOON + timedelta(minutes=30)


async def test_a_window_that_comes_again_stops_what_rings_and_looks_again(here: Town) -> None:
    window = Silence(
        id=SilenceId(0),
        uuid="backups",
        kind=SilenceKind.MAINTENANCE,
        matchers=(equals("alertname", "CheckoutSlow"),),
        starts_at=NOON - timedelta(days=7) + timedelta(minutes=10),
        ends_at=None,
        created_by="config",
        updated_at=NOON,
        rule="FREQ=WEEKLY",
        lasts=timedelta(minutes=30),
    )
    here.playbook.swap(replace(here.playbook(), maintenance=(window,)))
    await here.fire(alert())
    await here.turn(660, by=60)
    assert (await here.incident()).muted == "maintenance backups until 2026-03-02 12:40 UTC"
    await here.turn(1_800, by=60)
    assert (await here.incident()).status is Status.TRIGGERED


async def test_what_says_that_we_are_blind_is_hidden_only_by_its_name(here: Town) -> None:
    blind = alert("SourceSilent", source="web")
    beat = alert("Missed", heartbeat="backup", team="shop")
    await silence(here, Matcher("alertname", MatchOp.REGEX, ".*"))
    await silence(here, equals("team", "shop"))
    await here.fire(blind, beat, alert(team="shop"))
    await here.turn()
    assert {it.title.split()[0] for it in await here.open_incidents()} == {"SourceSilent", "Missed"}
    await silence(here, equals("alertname", "SourceSilent"))
    await silence(here, equals("heartbeat", "backup"))
    await here.turn()
    assert {it.status for it in await here.open_incidents()} == {Status.MUTED}


async def test_a_thousand_alerts_of_a_silenced_storm_open_nothing(here: Town) -> None:
    await silence(here, equals("team", "shop"))
    await here.fire(*(alert(team="shop", i=str(n)) for n in range(1_000)), alert("Other"))
    assert [it.title for it in await here.open_incidents()] == ["Other"]
    async with here.database.reading() as tx:
        assert await standing.count_firing(tx) == 1_001


async def test_intervals_that_a_reload_takes_away_keep_nothing_quiet(here: Town) -> None:
    """Also what rang before, was muted by the time, and would be told after a restart."""
    noon = Times(minutes=(Range(721, 780),))
    way = Route(matchers=(), policy="default", mute=("noon",))
    here.playbook.swap(replace(here.playbook(), routes=(way,), intervals={"noon": (noon,)}))
    await here.fire(alert())
    await here.turn(120, by=30)
    assert (await here.incident()).muted == "the time interval noon until 2026-03-02 13:00 UTC"
    assert [mute.kind for mute in (await stands(here, alert())).mutes] == [MuteKind.TIME]
    here.playbook.swap(replace(here.playbook(), routes=(), intervals={}))
    here.restart()
    await here.turn()
    assert (await here.incident()).status is Status.TRIGGERED
    assert (await stands(here, alert())).mutes == ()


async def test_rooms_show_which_alerts_are_muted_from_when_to_when(here: Town) -> None:
    await here.fire(alert(pod="a"), alert(pod="b"))
    await here.turn()
    await silence(here, equals("pod", "b"), until=NOON + HOUR / 60)
    await here.turn(5)
    assert "2 of 2 firing, 1 of that muted" in dict(here.slack.rooms[-1].message.facts)["Alerts"]
    said = len(here.slack.rooms[-1].message.lines)
    await here.turn(60)
    assert "muted" not in dict(here.slack.rooms[-1].message.facts)["Alerts"]
    assert len(here.slack.rooms[-1].message.lines) == said
