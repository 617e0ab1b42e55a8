"""Which service an alert is about, and what hangs on it."""

import pytest

from routing.catalogue import Catalogue
from storage.model.labels import Labels
from storage.model.services import Service

CHECKOUT = Service(name="checkout", owner="shop", tier="1", depends_on=("payments",), also=("co",))
PAYMENTS = Service(name="payments", depends_on=("database",))
DATABASE = Service(name="database", depends_on=("checkout",), also=("pg", "payments"))
WEB = Service(name="web", depends_on=("checkout",))
CATALOGUE = Catalogue.of([CHECKOUT, PAYMENTS, DATABASE, WEB])


@pytest.mark.parametrize(("labels", "service"), [
    pytest.param({"service": "checkout"}, CHECKOUT, id="by-its-name"),
    pytest.param({"service": "co"}, CHECKOUT, id="by-another-name"),
    pytest.param({"service": "payments"}, PAYMENTS, id="its-own-name-wins"),
    pytest.param({"job": "pg", "service": "unknown"}, DATABASE, id="by-another-label"),
    pytest.param({"job": "pg", "app": "web"}, WEB, id="the-surer-label-wins"),
    pytest.param({"job": "node"}, None, id="none"),
])  # fmt: skip
def test_service_of(labels: dict[str, str], service: Service | None) -> None:
    assert CATALOGUE.service_of(Labels.of(labels)) == service


def test_what_hangs_on_it_also_through_others_and_in_a_ring() -> None:
    assert CATALOGUE.hit_by(DATABASE) == ("payments", "checkout", "web")
    assert CATALOGUE.hit_by(WEB) == ()


def test_routes_see_owner_and_tier_but_never_instead_of_the_alerts_own() -> None:
    enriched = CATALOGUE.enriched(Labels.of(app="co", tier="9"))
    assert dict(enriched) == {"app": "co", "service": "checkout", "owner": "shop", "tier": "9"}
    assert CATALOGUE.enriched(Labels.of(job="node")) == Labels.of(job="node")


def test_a_name_that_nobody_has_is_its_own() -> None:
    assert CATALOGUE.named("co") == "checkout"
    assert CATALOGUE.named("other") == "other"
    assert Catalogue().name_of(Labels.of(service="other", job="x")) == "other"
