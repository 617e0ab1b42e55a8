"""Which way an alert goes."""

from dataclasses import replace

import pytest

from routing.alerts.route import branches_of, group_of
from routing.playbook import Route
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
