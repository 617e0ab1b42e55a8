"""Which incidents hear of an alert."""

from dataclasses import replace

import pytest

from routing.alerts.place import Place, place_of, worded
from storage.model.alert import Alert
from storage.model.incident import IncidentId
from storage.model.silence import Mute, MuteKind
from storage.model.standing import Held
from tests.fakes import NOON
from tests.routing.town import alert, resolved

ONE = IncidentId(1)
FIRING, OVER = alert(), resolved(alert())
SILENT = replace(FIRING, no_data_since=NOON)
QUIET = Mute(kind=MuteKind.SILENCE, by="silence 12 by ada", until=NOON)
SAID = "silence 12 by ada until 2026-03-02 12:00 UTC"
HUSHED = replace(FIRING, muted=SAID)


def held(
    group: str = "a", *, firing: bool = True, is_open: bool = True, hushed: bool = False
) -> Held:
    given = (HUSHED if hushed else FIRING) if firing else OVER
    return Held(incident=ONE, group=group, is_open=is_open, alert=given)


# fmt: off
TABLE = [
    pytest.param(FIRING, [], True, (), (), Place(groups=("a", "b")), id="begins"),
    pytest.param(FIRING, [], True, (), ("a",), Place(groups=("b",), waiting=("a",)),
        id="one-way-is-muted"),
    pytest.param(FIRING, [], True, (), ("a", "b"), Place(waiting=("a", "b")), id="all-muted"),
    pytest.param(FIRING, [], False, ("a", "b"), ("b",), Place(groups=("a",), waiting=("b",)),
        id="a-mute-ends"),
    pytest.param(FIRING, [], False, ("old",), (), Place(groups=("a", "b")),
        id="who-was-never-heard-goes-by-the-routes-of-now"),
    pytest.param(FIRING, [held()], False, ("b",), ("a",),
        Place(told=((ONE, HUSHED),), groups=("b",)), id="heard-here-muted-there"),
    pytest.param(FIRING, [held(hushed=True)], False, (), (), Place(told=((ONE, FIRING),)),
        id="unmuted"),
    pytest.param(FIRING, [held(hushed=True)], False, (), ("a",), Place(), id="muted-still"),
    pytest.param(SILENT, [held()], False, (), (), Place(told=((ONE, SILENT),)), id="no-data"),
    pytest.param(FIRING, [held("old")], False, (), (), Place(), id="stays-where-it-fires"),
    pytest.param(FIRING, [held("old", firing=False)], True, (), (), Place(groups=("old",)),
        id="goes-back-to-the-open-incident-of-other-routes"),
    pytest.param(FIRING, [held("old", firing=False)], True, (), ("old",),
        Place(waiting=("old",)), id="goes-back-when-its-mute-ends"),
    pytest.param(FIRING, [held("a", firing=False)], True, (), (), Place(groups=("a", "b")),
        id="back-by-the-same-routes"),
    pytest.param(FIRING, [held(is_open=False)], True, (), (),
        Place(groups=("b",)), id="a-quiet-incident-has-it"),
    pytest.param(OVER, [held()], False, ("b",), ("a",), Place(told=((ONE, OVER),)),
        id="over-where-it-fires-and-nobody-waits"),
    pytest.param(OVER, [held(firing=False)], False, (), (), Place(), id="over-long-ago"),
]
# fmt: on


@pytest.mark.parametrize(("given", "holders", "began", "waiting", "muted", "place"), TABLE)
def test_place(
    given: Alert,
    holders: list[Held],
    began: bool,
    waiting: tuple[str, ...],
    muted: tuple[str, ...],
    place: Place,
) -> None:
    found = place_of(
        given,
        holders,
        began=began,
        waiting=waiting,
        routed=("a", "b"),
        mute_in=lambda group: QUIET if group in muted else None,
    )
    assert found == place


def test_a_mute_in_words() -> None:
    assert worded(QUIET) == SAID
    assert worded(replace(QUIET, until=None)) == "silence 12 by ada"
