"""What a message tells about services and changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from routing.catalogue import Catalogue
from routing.delivery.surroundings import change_facts, service_facts, service_links
from storage.model.alert import Alert
from storage.model.change import Change
from storage.model.labels import Labels
from storage.model.services import Service

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CATALOGUE = Catalogue.of(
    [
        Service(
            name="checkout",
            owner="shop team",
            tier="1",
            users="40,000 customers an hour",
            runbook="https://wiki/checkout",
            dashboards={"overview": "https://grafana/d/1"},
        ),
        Service(name="web", depends_on=("checkout",)),
    ]
)
DEPLOYED = Change(
    source="ci",
    key="7",
    service="checkout",
    version="4.2",
    environment="production",
    by="grace",
    at=NOON - 3 * MINUTE,
)


def alert(**labels: str) -> Alert:
    return Alert(labels=Labels.of({"alertname": "Slow", **labels}), starts_at=NOON)


def test_what_was_deployed_shortly_before_and_since() -> None:
    later = replace(DEPLOYED, key="8", version="4.3", outcome="failed", at=NOON + 2 * MINUTE)
    longer_ago = replace(DEPLOYED, key="6", at=NOON - 61 * MINUTE)
    assert change_facts([later, DEPLOYED, longer_ago], NOON) == [
        (
            "Changed",
            "checkout 4.3 failed to deploy to production by grace, 2 min after it began\n"
            "checkout 4.2 was deployed to production by grace, 3 min before it began",
        )
    ]
    assert change_facts([longer_ago], NOON) == []


def test_many_changes_are_counted() -> None:
    many = [replace(DEPLOYED, key=str(n)) for n in range(5)]
    [(_, text)] = change_facts(many, NOON)
    assert text.splitlines()[-1] == "and 2 more"
    assert len(text.splitlines()) == 4


def test_whose_it_is_and_whom_it_hits() -> None:
    assert service_facts([alert(service="checkout")], CATALOGUE) == [
        ("Service", "checkout, tier 1, owner shop team, 40,000 customers an hour"),
        ("Also hit", "web"),
    ]
    both = [alert(service="checkout"), alert(service="web")]
    assert [name for name, _ in service_facts(both, CATALOGUE)] == ["Service"]
    assert service_facts([alert(service="unknown")], CATALOGUE) == []


def test_links_for_alerts_that_name_none() -> None:
    assert service_links([alert(service="checkout")], CATALOGUE) == {
        "Runbook": "https://wiki/checkout",
        "Dashboard": "https://grafana/d/1",
    }
    assert service_links([alert()], CATALOGUE) == {}


def test_text_of_others_stays_in_its_line() -> None:
    nasty = replace(DEPLOYED, by="eve\n<!channel>", version="4\r\n5")
    [(_, text)] = change_facts([nasty], NOON)
    assert "\r" not in text
    assert len(text.splitlines()) == 1
