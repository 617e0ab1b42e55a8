"""Building: what the floors below are handed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.config.build import (
    body_limits,
    database_url,
    playbook,
    series_limits,
    series_options,
)
from routing.delivery.throttle import Pace
from routing.playbook import CHAT, Playbook, Reminder, Route, Source
from routing.recurrence import Recurrence
from storage.model.alert import Severity
from storage.model.flaps import Flapping
from storage.model.labels import Matcher, MatchOp
from storage.model.person import ContactPoint, OnCallList, Permission, Person, PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind
from storage.series.options import SeriesOptions, SourceLimits
from tests.bot.config.town import ENVIRON, SOUND, read

M = timedelta(minutes=1)
ADA, BOB = PersonId("ada"), PersonId("bob")
PRIMARY = Target(kind=TargetKind.ONCALL, name="primary")


def test_the_playbook_says_all_that_is_configured(tmp_path: Path) -> None:
    text = SOUND.replace(
        "[{oncall: primary}]",
        """[{oncall: primary}]
      - {after: 5m, notify: [{person: bob}], by: [sms], repeat: 2, every: 3m}""",
    )
    config = read(
        tmp_path,
        text
        + """\
routes: [{match: [team="x"], policy: shop, group_by: [team]}]
sources: {prom: {expect: 1m, severity: critical}}
server: {public_url: https://tocsin.example.com/}
delivery: {failover_after: 30s}
severities: {warning: [chat, sms]}
""",
    )
    again = Step(after=3 * M, targets=(Target(kind=TargetKind.PERSON, name="bob"),), by=("sms",))
    shop = Policy(
        name="shop",
        rooms=(Room(channel="slack", address="C012ABCDEF"),),
        steps=(
            Step(after=0 * M, targets=(PRIMARY,)),
            Step(after=5 * M, targets=again.targets, by=("sms",)),
            again,
            again,
        ),
        group_interval=5 * M,
        flapping=Flapping(times=3, within=15 * M, calm=10 * M),
    )
    assert playbook(config) == Playbook(
        reminder=Reminder(recurrence=Recurrence(cron="0 9 * * *")),
        people={
            ADA: Person(
                id=ADA,
                name="ada",
                contacts=(
                    ContactPoint(channel="slack", address="U012ABCDEF"),
                    ContactPoint(channel="sms", address="+4930901820"),
                ),
                permission=Permission.ADMIN,
            ),
            BOB: Person(
                id=BOB, name="bob", contacts=(ContactPoint(channel="slack", address="U023ABCDEF"),)
            ),
        },
        oncall={"primary": OnCallList(name="primary", people=(ADA, BOB))},
        policies={"shop": shop},
        default="shop",
        routes=(
            Route(
                matchers=(Matcher("team", MatchOp.EQUAL, "x"),), policy="shop", group_by=("team",)
            ),
        ),
        by_severity={
            Severity.CRITICAL: (CHAT, "sms"),
            Severity.WARNING: (CHAT, "sms"),
            Severity.INFORMATIONAL: (CHAT,),
            Severity.PREDICTIVE: (CHAT,),
        },
        chat=frozenset({"slack"}),
        sources={
            "prom": Source(name="prom", expect=M, severity=Severity.CRITICAL),
            "own_host": Source(name="own_host", expect=M, severity=Severity.WARNING),
        },
        failover_after=M / 2,
        pace=Pace(3, 60.0),
        link="https://tocsin.example.com",
    )


def test_contacts_are_tried_in_the_order_written_and_chat_first_otherwise(tmp_path: Path) -> None:
    text = SOUND.replace("  sms:", "  console: {}\n  sms:").replace(
        "bob: {slack: U023ABCDEF",
        "bob: {contacts: [sms, slack], slack: U023ABCDEF, phone: +14155552671, "
        "addresses: {sms: '+14155552672'}",
    )
    people = playbook(read(tmp_path, text)).people
    assert [(p.channel, p.address) for p in people[ADA].contacts] == [
        ("slack", "U012ABCDEF"), ("console", "ada"), ("sms", "+4930901820"),
    ]  # fmt: skip
    assert [(p.channel, p.address) for p in people[BOB].contacts] == [
        ("sms", "+14155552672"), ("slack", "U023ABCDEF"),
    ]  # fmt: skip


def test_an_own_host_that_is_off_is_not_expected(tmp_path: Path) -> None:
    config = read(tmp_path, SOUND + "own_host: {enabled: false}\n")
    assert playbook(config).sources == {}


def test_the_defaults_of_the_store_are_its_own(tmp_path: Path) -> None:
    found = series_options(read(tmp_path), dict)
    assert replace(found, limits_of=SeriesOptions().limits_of) == SeriesOptions()
    samples = "storage: {samples: {retention: 1d, max_size: 1GiB, max_series: 5}}\n"
    found = series_options(read(tmp_path, SOUND + samples), dict)
    assert found == SeriesOptions(
        retention=timedelta(days=1),
        retention_bytes=2**30,
        max_series=5,
        limits_of=found.limits_of,
    )


SOURCES = """\
sources: {wild: {limits: {series: 10, labels: 9, label_bytes: 99, body: 1KiB}}, tame: {}}
scrape:
  - {job: node, targets: [a], limits: {series: 20}}
  - {job: shop, targets: [a], interval: 30s}
"""


def test_no_source_uses_up_the_room_of_all(tmp_path: Path) -> None:
    config = read(tmp_path, SOUND + SOURCES)
    limits_of = series_options(config, lambda: series_limits(config)).limits_of
    found = {name: limits_of(name).series for name in ("wild", "tame", "node", "shop", "local", "")}
    half = 500_000
    assert found == {
        "wild": 10, "tame": half, "node": 20, "shop": half, "local": half, "": None,
    }  # fmt: skip
    set_ = SOUND + SOURCES + "storage: {samples: {max_series_per_source: 7}}\n"
    assert series_limits(read(tmp_path, set_))["tame"].series == 7
    assert limits_of("wild") == SourceLimits(series=10, labels=9, label_bytes=99)
    assert body_limits(config) == {"wild": 1024}


def test_a_job_is_a_source_that_is_expected(tmp_path: Path) -> None:
    sources = playbook(read(tmp_path, SOUND + SOURCES)).sources
    assert sources["node"].expect == timedelta(seconds=45)
    assert sources["shop"].expect == timedelta(seconds=90)


def test_the_database_is_a_file_among_the_data_unless_set(tmp_path: Path) -> None:
    assert database_url(read(tmp_path)) == str(tmp_path / "data" / "tocsin.db")
    environ = {**ENVIRON, "DATABASE_URL": "postgresql://x/y"}
    assert database_url(read(tmp_path, SOUND, environ)) == "postgresql://x/y"
    named = SOUND + "storage: {database: other.db}\n"
    assert database_url(read(tmp_path, named)) == str(tmp_path / "other.db")
    here = {**ENVIRON, "DATABASE_URL": "here.db"}
    assert database_url(read(tmp_path, named, here)) == str(Path("here.db").absolute())
