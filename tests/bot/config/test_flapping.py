"""What counts as flapping, as people write it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.config.alerts import AlertsSection, flapping_of
from bot.config.routes import RouteSection
from storage.model.flaps import NEVER, Flapping

M = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({}, Flapping(times=3, within=15 * M, calm=10 * M)),
        ({"times": 5, "calm": "1h"}, Flapping(times=5, within=15 * M, calm=60 * M)),
        ("off", NEVER),
        (False, NEVER),
        ("on", Flapping()),
    ],
)
def test_it_is_read(written: Any, meant: Flapping) -> None:
    section = AlertsSection.model_validate({"flapping": written, "flapping_of": {"A": written}})
    assert flapping_of(section.flapping) == flapping_of(section.flapping_of["A"]) == meant
    assert RouteSection.model_validate({"flapping": written}).built().flapping == meant


def test_a_route_that_says_nothing_inherits() -> None:
    assert RouteSection.model_validate({}).built().flapping is None


@pytest.mark.parametrize(
    "written", [{"times": 1}, {"times": "x"}, {"within": "0s"}, {"often": 3}, "sometimes", 3]
)
def test_what_makes_no_sense_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        AlertsSection.model_validate({"flapping": written})
