"""What tables add: for routes and for people, never instead of what the alert says, unless told."""

from dataclasses import replace

import pytest

from routing.alerts.route import branches_of
from routing.catalogue import Catalogue
from routing.delivery.surroundings import lookup_facts, service_facts
from routing.lookups import Lookup, Row, looked_up, with_texts
from routing.playbook import Route
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.services import Service
from tests.routing.town import PLAYBOOK, POLICY, alert

HOSTS = Lookup(
    name="hosts",
    label="instance",
    rows={
        "web-1": Row({"owner": "web team", "service": "checkout"}, {"rack": "r7"}),
        "db-1": Row({"owner": "storage"}, {"summary": "from the table"}),
    },
)
OWNERS = Lookup(
    name="owners", label="service", rows={"checkout": Row({"floor": "3"}, {"contact": "room 12"})}
)


@pytest.mark.parametrize(("labels", "lookup", "seen"), [
    pytest.param({"instance": "web-1"}, HOSTS,
                 {"instance": "web-1", "owner": "web team", "service": "checkout"}, id="added"),
    pytest.param({"instance": "db-1", "owner": "me"}, HOSTS, {"instance": "db-1", "owner": "me"},
                 id="its-own-stays"),
    pytest.param({"instance": "db-1", "owner": "me"}, replace(HOSTS, overwrites=True),
                 {"instance": "db-1", "owner": "storage"}, id="unless-the-table-wins"),
    pytest.param({"instance": "other"}, HOSTS, {"instance": "other"}, id="nobody-knows-it"),
    pytest.param({"job": "x"}, HOSTS, {"job": "x"}, id="without-the-label"),
    pytest.param({"instance": "db-1"},
                 replace(HOSTS, matchers=(Matcher("team", MatchOp.EQUAL, "a"),)),
                 {"instance": "db-1"}, id="not-meant"),
])  # fmt: skip
def test_labels(labels: dict[str, str], lookup: Lookup, seen: dict[str, str]) -> None:
    assert dict(looked_up(Labels.of(labels), [lookup])) == seen


def test_each_table_sees_what_those_before_it_added() -> None:
    seen = looked_up(Labels.of(instance="web-1"), [HOSTS, OWNERS])
    assert seen.get("floor") == "3"
    assert looked_up(Labels.of(instance="web-1"), [OWNERS, HOSTS]).get("floor") == ""


def test_annotations_are_added_and_the_alert_stays_the_same_alert() -> None:
    given = alert(instance="web-1")
    told = with_texts(given, [HOSTS, OWNERS])
    assert told.fingerprint == given.fingerprint
    assert (told.annotations.get("rack"), told.annotations.get("contact")) == ("r7", "room 12")
    own = with_texts(alert(instance="db-1"), [HOSTS])
    assert own.annotations.get("summary") == "CheckoutSlow hurts"
    other = with_texts(alert(instance="db-1"), [replace(HOSTS, overwrites=True)])
    assert other.annotations.get("summary") == "from the table"
    assert with_texts(alert("Other"), [HOSTS]) == alert("Other")


def test_routes_go_by_it_and_services_are_found_by_it() -> None:
    services = [Service(name="checkout", tier="1"), Service(name="web", depends_on=("checkout",))]
    catalogue = Catalogue.of(services, [HOSTS])
    by_owner = Route(matchers=(Matcher("owner", MatchOp.EQUAL, "web team"),), policy="web")
    by_tier = Route(matchers=(Matcher("tier", MatchOp.EQUAL, "1"),), policy="first")
    playbook = replace(
        PLAYBOOK,
        catalogue=catalogue,
        routes=(by_owner,),
        policies={name: replace(POLICY, name=name) for name in ("default", "web", "first")},
    )
    labels = alert(instance="web-1").labels
    assert [it.policy.name for it in branches_of(labels, playbook)] == ["web"]
    [way] = branches_of(labels, replace(playbook, routes=(by_tier,)))
    assert way.policy.name == "first"
    assert dict(service_facts([alert(instance="web-1")], catalogue))["Also hit"] == "web"


def test_people_read_it_where_it_stands_nowhere_else() -> None:
    catalogue = Catalogue.of([], [replace(HOSTS, overwrites=True)])
    told = with_texts(alert(instance="web-1", owner="me"), catalogue.lookups)
    assert lookup_facts([told], catalogue) == [
        ("Looked up", "owner web team, service checkout, rack r7")
    ]
    told = with_texts(alert(instance="db-1"), catalogue.lookups)
    assert lookup_facts([told], catalogue) == [("Looked up", "owner storage")]
    assert lookup_facts([alert()], catalogue) == []
