"""Who is on call now, and who follows."""

from datetime import timedelta

import pytest

from routing.oncall.resolve import on_call
from storage.model.person import Override, PersonId
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, CY, PLAYBOOK

HOUR = timedelta(hours=1)


def override(person: PersonId, begins: int, ends: int, oncall: str = "primary") -> Override:
    return Override(
        oncall=oncall,
        person=person,
        starts_at=NOON + begins * HOUR,
        ends_at=NOON + ends * HOUR,
        made_by=person,
    )


# fmt: off
TABLE = [
    pytest.param([], (ADA, BOB), id="as-listed"),
    pytest.param([override(CY, -1, 1)], (CY, ADA, BOB), id="somebody-else-took-it"),
    pytest.param([override(BOB, -1, 1)], (BOB, ADA), id="one-of-the-list-took-it"),
    pytest.param([override(CY, 0, 1)], (CY, ADA, BOB), id="from-its-first-moment"),
    pytest.param([override(CY, -1, 0)], (ADA, BOB), id="not-at-its-end"),
    pytest.param([override(CY, 1, 2)], (ADA, BOB), id="not-yet"),
    pytest.param([override(CY, -3, 1), override(BOB, -1, 1)], (BOB, ADA), id="the-later-one"),
    pytest.param([override(BOB, -1, 1), override(CY, -1, 1)], (CY, ADA, BOB),
        id="of-two-at-once-the-last-made"),
    pytest.param([override(CY, -1, 1, "other")], (ADA, BOB), id="another-list"),
    pytest.param([override(PersonId("gone"), -1, 1)], (ADA, BOB), id="who-left-is-not-asked"),
]
# fmt: on


@pytest.mark.parametrize(("overrides", "people"), TABLE)
def test_on_call(overrides: list[Override], people: tuple[PersonId, ...]) -> None:
    assert on_call("primary", PLAYBOOK, overrides, NOON) == people


def test_an_unknown_list_has_nobody() -> None:
    assert on_call("nightly", PLAYBOOK, [], NOON) == ()
