"""What the alerts of an incident say together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.alerts.group import summed_up, title_of
from storage.model.alert import Alert, Category, Severity
from storage.model.labels import Labels
from tests.fakes import NOON
from tests.routing.town import alert, resolved

SILENT = replace(alert(), no_data_since=NOON)


# fmt: off
TITLES = [
    pytest.param([alert()], "CheckoutSlow", id="one"),
    pytest.param([alert(instance="web-1", job="shop")], "CheckoutSlow instance=web-1 job=shop",
        id="one-with-labels"),
    pytest.param([alert(i="1"), alert(i="2"), alert(i="3")], "CheckoutSlow (3 alerts)",
        id="many"),
    pytest.param([alert(i="1"), resolved(alert(i="2"))], "CheckoutSlow (2 alerts)",
        id="keeps-still-while-they-resolve"),
    pytest.param([alert("A", "warning"), alert("B"), alert("B", i="2")],
        "B and others (3 alerts)", id="different-names"),
    pytest.param([alert("Disk\nfull\u202e\x1b[31m")], "Disk full [31m", id="one-line"),
    pytest.param([alert("")], "hurts", id="without-a-name"),
    pytest.param([alert("x" * 500)], "x" * 119 + "…", id="long"),
]
# fmt: on


@pytest.mark.parametrize(("alerts", "title"), TITLES)
def test_title(alerts: list[Alert], title: str) -> None:
    assert title_of(alerts) == title


def test_the_most_urgent_firing_alert_gives_severity_and_category() -> None:
    told = summed_up(
        [
            alert("A", "warning", category="capacity"),
            resolved(alert("B", "critical", category="errors")),
            alert("C", "info"),
        ]
    )
    assert (told.firing, told.total) == (2, 3)
    assert (told.severity, told.category) == (Severity.WARNING, Category.CAPACITY)


def test_no_data_only_where_all_that_fires_lacks_it() -> None:
    later = replace(SILENT, labels=Labels.of(alertname="B"), no_data_since=NOON + timedelta(60))
    assert summed_up([SILENT, later]).no_data_since == later.no_data_since
    assert summed_up([SILENT, alert("C")]).no_data_since is None
    assert summed_up([SILENT, resolved(alert("C"))]).no_data_since == NOON


@given(st.permutations([alert("A"), alert("B", "info"), resolved(alert("C")), SILENT]))
def test_the_order_in_which_alerts_come_says_nothing(alerts: Sequence[Alert]) -> None:
    assert summed_up(alerts) == summed_up(sorted(alerts, key=lambda it: it.fingerprint))
