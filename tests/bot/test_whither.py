"""Where an alert would go, whom that pages, and what keeps it quiet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.whither import read_labels, told
from routing.alerts.mute import Mutes
from routing.catalogue import Catalogue
from routing.oncall.expand import Roster
from routing.playbook import Playbook, Route
from routing.whither import ways_of
from storage.model.flaps import Flapping
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.person import ContactPoint, Person, PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind
from storage.model.services import Service
from storage.model.silence import Silence, SilenceId

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ADA, BOB = PersonId("ada"), PersonId("bob")


def person(id: PersonId) -> Person:
    points = [ContactPoint(channel=c, address=f"{id}-{c}") for c in ("console", "sms")]
    return Person(id=id, name=id.title(), contacts=tuple(points))


def policy(name: str, *people: PersonId) -> Policy:
    steps = tuple(
        Step(
            after=timedelta(minutes=5 * place),
            targets=(Target(kind=TargetKind.PERSON, name=id),),
        )
        for place, id in enumerate(people)
    )
    return Policy(name=name, steps=steps, rooms=(Room(channel="console", address="#ops"),))


def equal(name: str, value: str) -> Matcher:
    return Matcher(name, MatchOp.EQUAL, value)


PLAYBOOK = Playbook(
    people={id: person(id) for id in (ADA, BOB)},
    oncall={},
    policies={it.name: it for it in (policy("all", ADA), policy("shop", BOB, ADA))},
    default="all",
    chat=frozenset({"console"}),
    routes=(
        Route(
            matchers=(equal("owner", "shop team"),),
            policy="shop",
            routes=(Route(matchers=(equal("severity", "critical"),), goes_on=True),),
        ),
    ),
    catalogue=Catalogue.of([Service(name="checkout", owner="shop team")]),
)


def said(labels: str, *, playbook: Playbook = PLAYBOOK, mutes: Mutes | None = None) -> list[str]:
    found = read_labels(labels.split())
    roster = Roster(playbook=playbook, overrides=(), now=NOON)
    ways = ways_of(found, roster, mutes.of(found) if mutes else (), frozenset())
    return told(found, ways, playbook)


def test_the_whole_way_is_said() -> None:
    assert said("alertname=Slow severity=critical service=checkout") == [
        "The catalogue adds owner=shop team.",
        'routes[0].routes[0] (owner="shop team", severity="critical") -> policy shop, '
        'group shop{alertname="Slow"}',
        "  at once: Bob by console and sms",
        "  after 5 min: Ada by console and sms",
        "  unanswered: again after 15 min; what joins later: at once",
        "  shown in console #ops",
    ]


def test_what_no_route_takes() -> None:
    assert said("alertname=Slow severity=info") == [
        'no route takes it -> policy all, group all{alertname="Slow"}',
        "  at once: Ada by console",
        "  told once; what joins later: at once",
        "  shown in console #ops",
    ]


def test_what_a_route_says_about_waits_and_flapping() -> None:
    route = Route(
        matchers=(),
        group_interval=timedelta(minutes=10),
        repeat_interval=timedelta(hours=4),
        flapping=Flapping(times=5, within=timedelta(minutes=30)),
    )
    lines = said("alertname=Slow severity=info", playbook=replace(PLAYBOOK, routes=(route,)))
    assert lines[2] == (
        "  unanswered: again after 4 h; what joins later: after 10 min; flapping: 5 times in 30 min"
    )


def test_what_is_silenced_says_by_whom() -> None:
    silence = Silence(
        id=SilenceId(3),
        uuid="u",
        matchers=(equal("alertname", "Slow"),),
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=1),
        created_by="ada",
        updated_at=NOON,
    )
    lines = said("alertname=Slow", mutes=Mutes.at([silence], NOON))
    assert "  quiet now: silence 3 by Ada until 2026-03-02 13:00 UTC" in lines


def test_several_ways_are_several_paragraphs() -> None:
    both = replace(
        PLAYBOOK,
        routes=(
            Route(matchers=(), policy="shop", goes_on=True),
            Route(matchers=(), policy="all", group_by=("...",)),
        ),
    )
    lines = said("alertname=Slow a=b", playbook=both)
    assert [line for line in lines if not line.startswith(" ")] == [
        'routes[0] (takes everything) -> policy shop, group shop{alertname="Slow"}',
        'routes[1] (takes everything) -> policy all, group all{a="b", alertname="Slow"}',
    ]


def test_labels_are_equalities() -> None:
    assert read_labels(['a="b"', "c=d"]) == Labels.of(a="b", c="d")
    assert read_labels(['a="b', 'c"', "d=“e", "f”", "k8s.io/x=y"]) == Labels.of(
        {"a": "b c", "d": "e f", "k8s.io/x": "y"}
    )
    assert read_labels(["a=b c", "d=e"]) == Labels.of(a="b c", d="e")  # from a shell


@pytest.mark.parametrize("odd", ["a!=b", "a=~b", "a", "", "=b"])
def test_what_is_no_label_is_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="expected labels"):
        read_labels(odd.split())
