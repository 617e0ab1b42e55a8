"""The judge: what arrives is judged, silence is not good news, one bad rule harms no other."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import StorageUnavailable
from storage.model.labels import Labels
from storage.model.sample import STALE, Appended
from tests.routing.flow.court import Court, playbook, rules

MINUTE = timedelta(minutes=1)
HOT = "{alert: Hot, expr: cpu > 0.9, labels: {severity: critical}}"
FIRED = ("Hot", "a", "firing")
NO_DATA = ("Hot", "a", "no data")
OVER = ("Hot", "a", "resolved")


async def test_a_sample_over_the_threshold_fires_as_it_arrives() -> None:
    court = Court(HOT)
    await court.send("cpu", 0.5, instance="a")
    assert court.told == []
    court.clock.advance(0.2)
    await court.send("cpu", 0.95, instance="a", job="web")
    (alert,) = court.door.told
    assert alert.labels == Labels.of(alertname="Hot", severity="critical", instance="a", job="web")
    assert (alert.value, alert.starts_at) == (0.95, court.clock.utc_now())
    trace = alert.trace
    assert (trace.sampled, trace.stored, trace.judged) == (court.now, court.now, court.now)


async def test_an_alert_is_told_once_and_resolves() -> None:
    court = Court(HOT, prom=MINUTE)
    for value in (0.95, 0.96, 0.97, 0.1, 0.2):
        await court.send("cpu", value, instance="a")
        await court.turn(30)
    assert court.told == [FIRED, OVER]
    assert court.door.told[1].ends_at is not None
    assert court.door.told[1].starts_at == court.door.told[0].starts_at


async def test_for_is_waited_for_in_elapsed_time() -> None:
    court = Court("{alert: Hot, expr: cpu > 0.9, for: 1m}", prom=MINUTE)
    await court.send("cpu", 0.95, instance="a")
    court.clock.jump(3600)
    await court.send("cpu", 0.95, instance="a")
    await court.turn(10)
    assert court.told == []
    for _ in range(5):
        await court.turn(10)
        await court.send("cpu", 0.95, instance="a")
    assert court.told == [FIRED]


async def test_silence_is_not_good_news() -> None:
    court = Court(HOT, prom=MINUTE)
    await court.send("cpu", 0.95, instance="a")
    last = court.clock.utc_now()
    await court.turn(400)
    assert court.told == [FIRED, ("SourceSilent", "prom", "firing"), NO_DATA] or court.told == [
        FIRED,
        NO_DATA,
        ("SourceSilent", "prom", "firing"),
    ]
    held = next(alert for alert in court.door.told if alert.no_data_since)
    assert held.no_data_since == last
    assert court.judge.silent() == ("prom",)

    await court.send("cpu", 0.1, instance="a")
    await court.turn(1)
    assert court.told[3:] == [OVER, ("SourceSilent", "prom", "resolved")]
    assert court.judge.silent() == ()


async def test_a_window_that_drains_in_silence_resolves_nothing() -> None:
    court = Court("{alert: Errors, expr: 'rate(errors_total[1m]) > 5'}", prom=MINUTE)
    for tick in range(7):
        await court.send("errors_total", tick * 100.0, instance="a")
        await court.turn(10)
    await court.turn(900, step=5)
    assert [what for name, _, what in court.told if name == "Errors"] == ["firing", "no data"]

    # One sample is not enough for a rate: it is no evidence that the errors stopped.
    await court.send("errors_total", 600.0, instance="a")
    assert [what for name, _, what in court.told if name == "Errors"] == ["firing", "no data"]
    await court.turn(10)
    await court.send("errors_total", 601.0, instance="a")
    assert [what for name, _, what in court.told if name == "Errors"][2:] == ["resolved"]


async def test_a_series_that_is_gone_while_its_source_speaks_is_over() -> None:
    court = Court(HOT, prom=MINUTE)
    for _ in range(4):
        await court.send("cpu", 0.95, instance="a")
        await court.turn(30)
    await court.take(court.sample("cpu", STALE, instance="a"), complete=True)
    assert court.told == [FIRED, OVER]


async def test_a_silent_source_holds_only_its_own_series() -> None:
    court = Court(HOT, prom=MINUTE, edge=MINUTE)
    for _ in range(7):
        await court.send("cpu", 0.95, instance="a", source="edge")
        await court.send("cpu", 0.95, instance="b", source="prom")
        await court.turn(10)
    for _ in range(8):
        await court.send("cpu", 0.1, instance="b", source="prom")
        await court.turn(10)
    assert [one for one in court.told if one[0] == "Hot"] == [
        FIRED,
        ("Hot", "b", "firing"),
        ("Hot", "b", "resolved"),
        NO_DATA,
    ]


async def test_a_silent_source_does_not_hide_what_another_shows() -> None:
    court = Court("{alert: Sum, expr: sum(errors) > 5}", prom=MINUTE, edge=MINUTE)
    await court.send("errors", 1, source="edge", instance="edge")
    for _ in range(10):
        await court.send("errors", 1, source="prom")
        await court.turn(10)
    await court.send("errors", 9, source="prom")
    assert ("Sum", "", "firing") in court.told
    await court.send("errors", 0, source="prom")
    await court.turn(400)
    assert ("Sum", "", "resolved") not in court.told


async def test_absence_is_seen_in_silence_but_not_before_anybody_could_speak() -> None:
    court = Court("{alert: Gone, expr: absent(up)}", prom=MINUTE)
    await court.turn(30)
    assert court.told == []
    await court.turn(40)
    assert ("Gone", "", "firing") in court.told
    await court.send("up", 1)
    await court.turn(1)
    assert ("Gone", "", "resolved") in court.told


async def test_a_count_of_what_nobody_ever_sent_is_absence_too() -> None:
    court = Court("{alert: Gone, expr: (count(up) or vector(0)) < 1, for: 1m}", prom=MINUTE)
    await court.turn(30)
    assert court.told == []
    await court.turn(200)
    assert ("Gone", "", "firing") in court.told
    await court.send("up", 1)
    await court.turn(1)
    assert ("Gone", "", "resolved") in court.told


async def test_a_source_that_never_spoke_is_missed() -> None:
    court = Court(HOT, edge=MINUTE)
    await court.turn(60)
    assert court.told == []
    await court.turn(1)
    assert court.told == [("SourceSilent", "edge", "firing")]
    assert court.door.told[0].severity == "warning"
    assert "since Tocsin started" in court.door.told[0].annotations.get("summary")
    court.playbook.swap(playbook())
    await court.turn(1)
    assert court.told[1:] == [("SourceSilent", "edge", "resolved")]
    assert "nobody expects" in court.door.told[1].annotations.get("reason")


async def test_what_storage_refused_is_judged_again() -> None:
    court = Court(HOT)
    court.door.fault = StorageUnavailable("the disk is full")
    await court.send("cpu", 0.95, instance="a")
    await court.turn(3)
    assert court.told == []
    court.door.fault = None
    await court.turn(1)
    assert court.told == [FIRED]


async def test_one_bad_rule_harms_no_other() -> None:
    court = Court(
        """{alert: Bad, expr: 'cpu * on (instance) cpu > 0'}
        """
        + HOT
    )
    await court.take(
        court.sample("cpu", 0.95, instance="a", core="1"),
        court.sample("cpu", 0.95, instance="a", core="2"),
        complete=True,
    )
    assert {name for name, _, _ in court.told} == {"Hot"}
    (group,) = court.judge.status().groups
    assert group.errors == 1
    assert list(group.problems.values())
    await court.turn(60)
    assert court.judge.status().groups[0].last_judged == court.clock.utc_now()


async def test_a_rule_with_more_alerts_than_its_group_allows_is_refused() -> None:
    court = Court(HOT)
    (group,) = court.groups()
    court.groups.swap((replace(group, limit=1),))
    await court.send("cpu", 0.95, instance="a")
    await court.send("cpu", 0.95, instance="b")
    assert court.told == [FIRED]
    assert "limit is 1" in next(iter(court.judge.status().groups[0].problems.values()))


async def test_a_template_that_fails_falls_back_and_the_alert_goes() -> None:
    court = Court(
        "{alert: Hot, expr: cpu > 0.9, annotations: "
        "{summary: '{{ query \"none\" | first | value }}', "
        "other: '{{ with query \"cpu\" }}{{ . | first | value | humanizePercentage }}{{ end }}', "
        "data: '{{ $labels.instance }}'}}"
    )
    await court.send("cpu", 0.95, instance="{{ 7 }}")
    notes = court.door.told[0].annotations
    assert notes.get("summary").startswith('{{ query "none" | first | value }} (this template')
    assert notes.get("other") == "95%"
    assert notes.get("data") == "{{ 7 }}"


async def test_rules_that_are_gone_end_their_alerts_and_edited_ones_go_on() -> None:
    court = Court(HOT + "\n{alert: Full, expr: disk > 0.9}", prom=MINUTE)
    await court.send("cpu", 0.95, instance="a")
    await court.send("disk", 0.95, instance="a")
    assert court.told == [FIRED, ("Full", "a", "firing")]
    court.groups.swap(rules(HOT.replace("0.9", "0.93")))
    await court.turn(1)
    assert court.told[2:] == [("Full", "a", "resolved")]
    assert "no longer in the configuration" in court.door.told[2].annotations.get("reason")
    await court.send("cpu", 0.92, instance="a")
    await court.turn(60)
    assert court.told[3:] == [OVER]


async def test_an_alert_that_two_rules_hold_ends_when_the_last_lets_go() -> None:
    court = Court(
        """{alert: Hot, expr: cpu > 0.9}
        {alert: Hot, expr: max by (instance) (cpu) > 0.8}""",
        prom=MINUTE,
    )
    for value in (0.95, 0.95, 0.85, 0.85, 0.1):
        await court.send("cpu", value, instance="a")
        await court.turn(30)
    assert court.told.count(OVER) == 1
    assert court.told[-1] == OVER
    over = court.door.told[-1].ends_at
    assert over is not None
    assert over >= court.clock.utc_now() - timedelta(seconds=31)


async def test_recorded_series_are_stored_and_judged() -> None:
    court = Court(
        """{record: 'job:errors', expr: sum by (job) (errors), labels: {team: a}}
        {alert: Many, expr: 'job:errors > 5'}""",
        prom=MINUTE,
    )
    await court.take(
        court.sample("errors", 3, job="web", instance="a"),
        court.sample("errors", 4, job="web", instance="b"),
        complete=True,
    )
    assert [(a.name, a.labels.get("job"), a.value) for a in court.door.told] == [("Many", "web", 7)]
    recorded = Labels.of(__name__="job:errors", job="web", team="a")
    assert list(court.series.samples[recorded].values()) == [7.0]
    await court.turn(400)
    assert {what for name, _, what in court.told if name == "Many"} == {"firing", "no data"}


async def test_a_sample_from_the_future_moves_nobody_elses_state() -> None:
    court = Court("{alert: Slow, expr: 'rate(busy[1m]) < 1'}", prom=MINUTE)
    for tick in range(13):
        await court.send("busy", tick * 100.0, instance="a")
        await court.turn(10)
    ahead = court.sample("busy", 1.0, at=court.now + 240, instance="skewed")
    await court.take(ahead, source="other", complete=True)
    await court.turn(5)
    assert court.told == []
    assert court.judge.status().groups[0].problems == {}


async def test_arrivals_are_gathered() -> None:
    asked = 0
    court = Court(HOT)
    instant = court.metrics.instant

    async def counting(query: str, at: float) -> object:
        nonlocal asked
        asked += 1
        return await instant(query, at)

    court.metrics.instant = counting  # type: ignore[assignment,method-assign]
    judge = court.sit(gather=0.05)
    for place in range(20):
        samples = [court.sample("cpu", 0.95, instance=f"i{place}")]
        fresh = court.series.append(samples)
        assert fresh
        await judge.arrived("prom", Appended(stored=1, stored_at=0.0, fresh=fresh), True)
        await asyncio.sleep(0)
    await judge.drain()
    assert len(court.door.told) == 20
    assert asked < 10
    await judge.close()


async def test_what_changes_nothing_costs_no_transaction() -> None:
    court = Court(HOT, prom=MINUTE)
    for value in (0.95, 0.96, 0.97):
        await court.send("cpu", value, instance="a")
        await court.turn(20)
    assert court.door.transactions == 1


async def test_without_rules_the_judge_still_turns() -> None:
    court = Court("{alert: Hot, expr: cpu}")
    court.groups.swap(())
    judge = court.sit()
    await judge.tick()
    assert judge.status().last_judged == court.clock.utc_now()
    assert judge.status().late == ()


async def test_a_group_that_is_not_judged_is_late() -> None:
    court = Court(HOT)
    await court.turn(1)
    assert court.judge.status().late == ()
    court.clock.advance(106)
    assert court.judge.status().late == ("g",)


@pytest.mark.parametrize("reversed_", [False, True])
async def test_the_order_of_series_does_not_matter(reversed_: bool) -> None:
    court = Court(HOT)
    names = [f"i{place}" for place in range(5)]
    ordered = names[::-1] if reversed_ else names
    await court.take(*(court.sample("cpu", 0.95, instance=n) for n in ordered), complete=True)
    assert sorted(court.told) == [("Hot", name, "firing") for name in names]


TALE = st.lists(
    st.tuples(st.sampled_from([5, 10, 45, 100, 400]), st.sampled_from([0.1, 0.95])), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(TALE, st.sampled_from(["cpu", "max_over_time(cpu[1m])", "sum(cpu)"]))
def test_only_a_fresh_sample_that_says_so_ends_an_alert(
    tale: list[tuple[int, float]], query: str
) -> None:
    async def live() -> None:
        court = Court(f"{{alert: Hot, expr: '{query} > 0.9'}}", prom=MINUTE)
        newest, told = 0.0, 0
        for quiet, value in tale:
            await court.turn(quiet, step=5)
            ends = [alert for alert in court.door.told[told:] if alert.name == "Hot"]
            assert newest <= 0.9 or not [a for a in ends if not a.is_firing]
            told = len(court.door.told)
            newest = value
            await court.send("cpu", value, instance="a")
        court.close()

    asyncio.run(live())
