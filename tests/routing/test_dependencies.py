"""Whose trouble explains whose, straight, through others, in a ring, and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.alerts.depend import hiders_of, parts_of
from routing.alerts.inhibit import InhibitRule, hidden_by, sides_of
from routing.catalogue import Catalogue
from routing.dependencies import Dependencies
from routing.playbook import Playbook
from storage.model.alert import Alert, Severity
from storage.model.labels import Fingerprint, Matcher, MatchOp
from storage.model.services import Service
from storage.model.silence import Side
from tests.routing.town import PLAYBOOK, alert

NAMES = ("web", "shop", "payments", "database", "mail")


def services(**depends_on: str) -> list[Service]:
    return [Service(name=it, depends_on=tuple(on.split())) for it, on in depends_on.items()]


def playbook(known: list[Service], *rules: InhibitRule) -> Playbook:
    changed = {
        "catalogue": Catalogue.of(known),
        "dependencies": Dependencies.of(known, hides=True),
        "inhibit": rules,
    }
    return Playbook(
        people=PLAYBOOK.people, oncall=PLAYBOOK.oncall, policies={}, default="", **changed
    )


def hidden(alerts: list[Alert], by: Playbook) -> dict[Fingerprint, Fingerprint]:
    """Work out from the parts of all alerts which one hides which, as the database does."""
    sides = [side for it in alerts for side in parts_of(it, by)]
    sources: dict[str, list[Side]] = {}
    for side in sides:
        if side.source:
            sources.setdefault(side.key, []).append(side)
    found = {}
    for it in alerts:
        other = hidden_by(sides_of(it, by.inhibit), sources)
        key = next((key for key in hiders_of(it, by) if key in sources), None)
        if other or key:
            found[it.fingerprint] = other or sources[str(key)][0].fingerprint
    return found


@pytest.mark.parametrize(("depends_on", "service", "below"), [
    pytest.param({"web": "shop", "shop": ""}, "web", ("shop",), id="directly"),
    pytest.param({"web": "shop", "shop": "db", "db": ""}, "web", ("shop", "db"), id="nearest"),
    pytest.param({"web": "shop", "shop": "web"}, "web", (), id="a-ring-explains-nothing"),
    pytest.param({"web": "shop db", "shop": "web", "db": ""}, "shop", ("db",), id="below-a-ring"),
    pytest.param({"web": "web"}, "web", (), id="itself"),
    pytest.param({"web": "gone"}, "web", (), id="nobody-knows-it"),
])  # fmt: skip
def test_what_may_explain(depends_on: dict[str, str], service: str, below: tuple[str, ...]) -> None:
    known = Dependencies.of(services(**depends_on))
    assert known.below.get(service, ()) == below
    assert all(service in known.above[it] for it in below)


@pytest.mark.parametrize(("cause", "effect", "is_hidden"), [
    pytest.param("critical", "critical", True, id="as-bad"),
    pytest.param("critical", "warning", True, id="worse"),
    pytest.param("warning", "critical", False, id="nothing-milder-hides-a-critical"),
    pytest.param("warning", "info", True, id="worse-than-news"),
    pytest.param("predictive", "warning", False, id="a-forecast-hides-no-trouble"),
    pytest.param("unknown", "warning", True, id="unknown-is-a-warning"),
])  # fmt: skip
def test_only_what_hurts_as_much_hides(cause: str, effect: str, is_hidden: bool) -> None:
    by = playbook(services(web="database", database=""))
    down, slow = alert("Down", cause, service="database"), alert("Slow", effect, service="web")
    assert hidden([slow, down], by) == ({slow.fingerprint: down.fingerprint} if is_hidden else {})


def test_what_is_always_heard_is_not_hidden() -> None:
    known = [Service(name="web", depends_on=("db",), always_heard=True), Service(name="db")]
    both = [alert("Down", service="db"), alert("Slow", service="web")]
    assert hidden(both, playbook(known)) == {}


def test_what_says_that_we_are_blind_is_not_hidden() -> None:
    by = playbook(services(web="db", db=""))
    beat = alert("Missed", heartbeat="backup", service="web")
    assert hidden([alert("Down", service="db"), beat], by) == {}


def test_what_a_rule_may_hide_explains_nothing_away_unless_that_rule_needs_worse() -> None:
    known = services(web="db", db="")
    slow = Matcher("alertname", MatchOp.EQUAL, "Slow")
    db = Matcher("service", MatchOp.EQUAL, "db")
    both = [alert("Down", "warning", service="db"), alert("Slow", "warning", service="web")]
    assert len(hidden(both, playbook(known, InhibitRule(source=(slow,), target=(db,))))) == 1
    critical = Matcher("severity", MatchOp.EQUAL, "critical")
    rule = InhibitRule(source=(critical,), target=(db,))
    assert hidden(both, playbook(known, rule)) == {both[1].fingerprint: both[0].fingerprint}


edges = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=14)
fires = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from([*Severity])),
    min_size=1,
    max_size=8,
    unique=True,
)
matcher = st.one_of(
    st.builds(Matcher, st.just("service"), st.just(MatchOp.EQUAL), st.sampled_from(NAMES)),
    st.builds(Matcher, st.just("severity"), st.just(MatchOp.EQUAL), st.sampled_from([*Severity])),
)
rule = st.builds(
    lambda source, target: InhibitRule(source=(source,), target=(target,)), matcher, matcher
)


@given(edges=edges, fires=fires, rules=st.lists(rule, max_size=1))
def test_whatever_depends_on_whatever_something_as_bad_is_heard(
    edges: list[tuple[str, str]], fires: list[tuple[str, Severity]], rules: list[InhibitRule]
) -> None:
    depends: dict[str, list[str]] = {name: [] for name in NAMES}
    for name, on in edges:
        depends[name].append(on)
    by = playbook(services(**{name: " ".join(on) for name, on in depends.items()}), *rules)
    alerts = [alert("Bad", severity, service=service) for service, severity in fires]
    muted = hidden(alerts, by)
    named = {it.fingerprint: it for it in alerts}
    assert len(muted) < len(alerts)
    for it in muted:
        cause, seen = it, set[Fingerprint]()
        while cause in muted:
            assert cause not in seen, "hidden in a ring"
            seen.add(cause)
            cause = muted[cause]
        if not rules:
            assert named[cause].severity.rank <= named[it].severity.rank
