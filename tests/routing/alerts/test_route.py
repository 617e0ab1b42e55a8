"""Which way an alert goes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from routing.alerts.route import branches_of, group_of
from routing.playbook import Route
from storage.model.flaps import Flapping
from storage.model.labels import Labels, Matcher, MatchOp
from tests.routing.town import PLAYBOOK, POLICY

PAYMENTS = Route(
    matchers=(Matcher(name="team", op=MatchOp.EQUAL, value="payments"),),
    policy="payments",
    group_by=("alertname", "region"),
)
ALSO = Route(matchers=(Matcher(name="team", op=MatchOp.REGEX, value="pay.*"),), policy="late")
GONE = Route(matchers=(), policy="deleted")
BOOK = replace(
    PLAYBOOK,
    routes=(PAYMENTS, ALSO),
    policies={
        "default": POLICY,
        "payments": replace(POLICY, name="payments"),
        "late": replace(POLICY, name="late"),
    },
)


# fmt: off
TABLE = [
    pytest.param({"alertname": "A", "team": "payments", "region": "eu", "pod": "1"},
        'payments{alertname="A", region="eu"}', id="first-route-that-takes-it"),
    pytest.param({"alertname": "A", "team": "payments"},
        'payments{alertname="A"}', id="absent-label-is-a-group-of-its-own"),
    pytest.param({"alertname": "A", "team": "payroll"},
        'late{alertname="A"}', id="next-route"),
    pytest.param({"alertname": "A"}, 'default{alertname="A"}', id="nothing-matches"),
    pytest.param({}, "default{}", id="no-labels-at-all"),
    pytest.param({"alertname": 'x"} or {y="'}, 'default{alertname="x\\"} or {y=\\""}',
        id="text-cannot-forge-a-group"),
]
# fmt: on


@pytest.mark.parametrize(("labels", "group"), TABLE)
def test_group(labels: dict[str, str], group: str) -> None:
    key = group_of(Labels.of(labels), BOOK)
    assert str(key) == group
    assert branches_of(Labels.of(labels), BOOK)[0].policy.name == key.policy


def test_a_route_to_a_policy_that_is_gone_is_passed_over() -> None:
    book = replace(PLAYBOOK, routes=(GONE,))
    assert group_of(Labels.of(alertname="A"), book).policy == "default"


def equals(name: str, value: str) -> Matcher:
    return Matcher(name=name, op=MatchOp.EQUAL, value=value)


MINUTE = timedelta(minutes=1)
TREE = replace(
    BOOK,
    routes=(
        Route(matchers=(equals("audit", "yes"),), policy="late", group_by=("...",), goes_on=True),
        Route(
            matchers=(equals("team", "payments"),),
            policy="payments",
            group_wait=MINUTE,
            mute=("nights",),
            routes=(
                Route(matchers=(equals("severity", "info"),), group_by=("region",)),
                Route(matchers=(equals("region", "eu"),), policy="late", goes_on=True),
                Route(matchers=(equals("region", "eu"),), group_wait=2 * MINUTE),
                Route(matchers=(equals("region", "eu"),), policy="never reached"),
            ),
        ),
        Route(matchers=(), policy="late"),
    ),
)


# fmt: off
WAYS = [
    pytest.param({"alertname": "A"}, ['late{alertname="A"} 0:00:00 (2,)'], id="the-last-route"),
    pytest.param({"alertname": "A", "team": "payments"},
        ['payments{alertname="A"} 0:01:00 (1,)'], id="no-child-takes-it"),
    pytest.param({"alertname": "A", "team": "payments", "severity": "info", "region": "us"},
        ['payments{region="us"} 0:01:00 (1, 0)'], id="a-child-inherits"),
    pytest.param({"alertname": "A", "team": "payments", "region": "eu"},
        ['late{alertname="A"} 0:01:00 (1, 1)', 'payments{alertname="A"} 0:02:00 (1, 2)'],
        id="continue"),
    pytest.param({"alertname": "A", "audit": "yes"},
        ['late{alertname="A", audit="yes"} 0:00:00 (0,)', 'late{alertname="A"} 0:00:00 (2,)'],
        id="two-groups-of-one-policy"),
]
# fmt: on


@pytest.mark.parametrize(("labels", "ways"), WAYS)
def test_an_alert_goes_down_the_tree(labels: dict[str, str], ways: list[str]) -> None:
    found = branches_of(Labels.of(labels), TREE)
    assert [f"{way.key} {way.policy.group_wait} {way.path}" for way in found] == ways


def test_time_intervals_are_not_inherited() -> None:
    (own,) = branches_of(Labels.of(alertname="A", team="payments"), TREE)
    (child,) = branches_of(Labels.of(team="payments", severity="info"), TREE)
    assert (own.mute, child.mute) == (("nights",), ())


def test_two_ways_into_one_group_are_one() -> None:
    twice = Route(matchers=(), policy="late", goes_on=True)
    assert len(branches_of(Labels.of(alertname="A"), replace(BOOK, routes=(twice, twice)))) == 1


def test_every_route_stands_in_the_list_of_ways_with_what_it_inherits() -> None:
    assert [way.policy for way in TREE.ways()] == [
        "late", "payments", "payments", "late", "payments", "never reached", "late",
    ]  # fmt: skip


def test_waits_are_inherited_and_stand_above_the_policys() -> None:
    never, often = Flapping(times=0), Flapping(times=9)
    hour, day = timedelta(hours=1), timedelta(days=1)
    child = Route(matchers=(), repeat_interval=day)
    parent = Route(matchers=(), group_interval=hour, flapping=never, routes=(child,))
    book = replace(BOOK, routes=(parent,), flapping_of={"B": often})
    (way,) = branches_of(Labels.of(alertname="A"), book)
    policy = way.policy
    assert (policy.group_interval, policy.repeat_interval, policy.flapping) == (hour, day, never)
    (named,) = branches_of(Labels.of(alertname="B"), book)
    assert named.policy.flapping == often
