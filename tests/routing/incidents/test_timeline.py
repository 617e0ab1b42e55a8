"""The record as a story."""

import pytest

from routing.incidents.timeline import LONGEST_LINE, named, newest, story
from storage.model.audit import AuditRow
from storage.model.incident import IncidentId
from tests.fakes import NOON
from tests.routing.town import PEOPLE


def row(id: int, because: str, what: str = "acknowledged") -> AuditRow:
    return AuditRow(
        id=id, incident=IncidentId(1), at=NOON, actor="ada", via="cli", what=what, because=because
    )


SENTENCES = [
    ("acknowledged by ada", "acknowledged by Ada"),
    ("acknowledged by ada: on it", "acknowledged by Ada: on it"),
    ("the snooze by bob is over", "the snooze by Bob is over"),
    ("resolved by itself", "resolved by itself"),
    ("asked adamant", "asked adamant"),
    ("asked ada by sms", "asked Ada by sms"),
]


@pytest.mark.parametrize(("said", "read"), SENTENCES)
def test_names_stand_for_ids(said: str, read: str) -> None:
    assert named(said, PEOPLE) == read


def test_rooms_are_told_what_happened_and_not_every_aside() -> None:
    rows = [row(1, "alerts began to fire", "opened"), row(2, "asked ada by sms", "sent")]
    rows += [row(3, "acknowledge by bob refused", "refused"), row(4, "acknowledged by ada")]
    told = story(rows, PEOPLE)
    assert [(line.id, line.text) for line in told] == [
        (1, "Alerts began to fire"),
        (4, "Acknowledged by Ada"),
    ]
    assert [line.id for line in story(rows, PEOPLE, whole=True)] == [1, 2, 3, 4]
    assert [line.id for line in newest(told, 1)] == [4]


def test_a_note_stays_one_line_of_text() -> None:
    (line,) = story([row(1, "noted by ada: first\n\x1b[2Jsecond " + "x" * 900)], PEOPLE)
    assert line.text.startswith("Noted by Ada: first [2Jsecond xxx")
    assert len(line.text) == LONGEST_LINE
