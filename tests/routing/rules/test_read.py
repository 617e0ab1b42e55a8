"""Rule files: Prometheus' own format loads unchanged; every fault is told, with its place."""

from datetime import timedelta
from pathlib import Path

import pytest

from routing.rules.check import findings
from routing.rules.read import parse_rules, read_rules
from routing.rules.rule import Needs, family_of
from storage.errors import ConfigError

SHOP = """\
groups:
  - name: shop
    interval: 30s
    limit: 10
    query_offset: 5s
    labels: {team: payments, tier: "1"}
    rules:
      - record: job:errors:rate1m
        expr: sum by (job) (rate(errors_total[1m]))
        labels: {tier: 2}
      - alert: ErrorsHigh
        expr: |
          job:errors:rate1m{job="shop"}
            > 5
        for: 1m30s
        keep_firing_for: 5m
        labels:
          severity: critical
        annotations:
          summary: "{{ $labels.job }} fails {{ $value | humanize }} times a second"
          runbook_url: https://wiki.example.com/errors
  - name: hosts
    rules:
      - alert: CpuHot
        expr: (cpu_busy) > 0.9
"""


def test_a_file_written_for_prometheus_loads_unchanged(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SHOP)
    shop, hosts = read_rules([tmp_path / "shop.yaml"])
    recorded, alert = shop.rules
    assert (shop.name, shop.interval, shop.limit) == ("shop", timedelta(seconds=30), 10)
    assert shop.query_offset == timedelta(seconds=5)
    assert hosts.interval == timedelta(seconds=15)
    assert recorded.records
    assert {name: made.text for name, made in recorded.labels.items()} == {
        "team": "payments",
        "tier": "2",
    }
    assert (alert.name, alert.hold, alert.keep_firing_for) == (
        "ErrorsHigh",
        timedelta(seconds=90),
        timedelta(minutes=5),
    )
    assert list(alert.labels) == ["team", "tier", "severity"]
    assert alert.where == f"{tmp_path}/shop.yaml:11:9"


def test_what_judging_needs_is_worked_out_from_the_query() -> None:
    recorded, errors, hot = (rule for group in parse_rules(SHOP, "f") for rule in group.rules)
    assert not Needs.of(recorded).alone
    assert Needs.of(recorded).window == 60.0
    assert Needs.of(hot).alone
    assert Needs.of(hot).evidence == "(cpu_busy)"
    assert Needs.of(errors).evidence == 'job:errors:rate1m{job="shop"}'
    assert not Needs.of(hot).absence
    grouped = parse_rules(SHOP.replace("> 5", "> 5_000"), "f")[0].rules[1]
    assert Needs.of(grouped).evidence == Needs.of(errors).evidence


@pytest.mark.parametrize(
    ("expr", "absence"),
    [
        ("absent(up)", True),
        ("absent_over_time(up[5m]) and on() hour() > 8", True),
        ('(count(redis_instance_info{role="master"}) or vector(0)) < 1', True),
        ("(sum(rate(orders_total[5m])) or vector(0)) < 1 and on() hour() >= 9", True),
        ("vector(1) unless on() up == 1", True),
        ("(sum(errors) or vector(0)) > 5", False),
        ("sum(errors) or vector(0) > 5", False),
        ("(sum(errors) or vector(0)) / sum(requests) > 0.05", False),
        ("rate(errors[5m]) > 1_000 and on() day_of_week() == 6", False),
        ("up == 0", False),
    ],
)
def test_absence_is_whatever_holds_where_there_are_no_series(expr: str, absence: bool) -> None:
    text = f"groups: [{{name: a, rules: [{{alert: A, expr: '{expr}'}}]}}]"
    assert Needs.of(parse_rules(text, "f")[0].rules[0]).absence is absence


def test_a_rule_is_named_by_name_labels_and_query_alone() -> None:
    before = parse_rules(SHOP, "a")[0].rules[1]
    moved = parse_rules(SHOP.replace("1m30s", "2m").replace("summary", "text"), "b")[0].rules[1]
    edited = parse_rules(SHOP.replace("> 5", "> 6"), "a")[0].rules[1]
    assert before.key == moved.key
    assert before.key != edited.key
    assert before.family == edited.family == family_of(edited.key)


# fmt: off
@pytest.mark.parametrize(("text", "fault"), [
    ("groups: 3", "f:1:9 groups: found 3; expected a list of groups"),
    ("group: []", "f:1:1 group: no such key; did you mean 'groups'? known: groups"),
    ("groups: [{rules: []}]", "f:1:10 groups[0]: 'name' is missing; expected the group's name"),
    ("groups: [{name: a, intervall: 5s}]",
     "f:1:20 groups[0].intervall: no such key; did you mean 'interval'? "
     "known: interval, labels, limit, name, query_offset, rules"),
    ("groups: [{name: a, interval: 5}]",
     "f:1:30 groups[0].interval: '5' has no unit; expected a duration such as "
     "30s, 5m, 1h30m, 7d (did you mean '5s'?)"),
    ("groups: [{name: a}, {name: a}]",
     "f:1:28 groups[1].name: a group called 'a' stands already at f:1:17; expected another name"),
    ("groups: [{name: a, limit: x}]",
     "f:1:27 groups[0].limit: found 'x'; expected a whole number, 0 for no limit"),
])
def test_a_fault_of_a_group_is_told(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_rules(text, "f")
    assert str(refused.value) == fault


@pytest.mark.parametrize(("rule", "fault"), [
    ("{expr: up}", "4:5 groups[0].rules[0]: found neither; expected one of 'alert' and 'record'"),
    ("{alert: A}", "4:5 groups[0].rules[0]: 'expr' is missing; expected a PromQL expression"),
    ("{alert: A, expr: 'sum(up'}", "f:4:26 groups[0].rules[0].expr: "),
    ("{alert: A, expr: 'rte(up[5m])'}", "did you mean 'rate'?"),
    ("{alert: A, expr: 'up[5m]'}",
     "4:22 groups[0].rules[0].expr: found a range vector; expected an instant vector or a number"),
    ("{alert: A, expr: up, for: 5 min}", "(did you mean '5m'?)"),
    ("{record: 'a{b}', expr: up}", "found 'a{b}'; expected a metric's name, without braces"),
    ("{alert: A, expr: up, labels: {__name__: x}}", "expected the name of a label to set"),
    ("{record: a, expr: up, for: 5m}", "no such key; "),
    ("{alert: A, expr: up, annotations: {x: '{{ $lables.a }}'}}",
     "4:47 groups[0].rules[0].annotations.x: the template does not parse: "
     "the variable $lables is not declared; did you mean '$labels'?"),
])
def test_a_fault_of_a_rule_is_told_with_its_place(rule: str, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_rules(f"groups:\n- name: a\n  rules:\n  - {rule}\n", "f")
    assert fault in str(refused.value)
    assert str(refused.value).count("\n") == 0
# fmt: on


def test_a_fault_inside_a_block_names_the_line_of_the_file() -> None:
    text = SHOP.replace("> 5", "> humanise(5)")
    with pytest.raises(ConfigError, match=r"^shop:14:15 groups\[0\].rules\[1\].expr: no function"):
        parse_rules(text, "shop")


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    good, bad, broken = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    good.write_text(SHOP)
    bad.write_text(SHOP.replace("for: 1m30s", "for: soon").replace("name: hosts", "nam: hosts"))
    broken.write_text("groups: [")
    with pytest.raises(ConfigError) as refused:
        read_rules([good, bad, broken, tmp_path / "missing.yaml"])
    lines = str(refused.value).splitlines()
    assert [line.split(" ")[0].removeprefix(str(tmp_path)) for line in lines] == [
        "/b.yaml:15:14",
        "/b.yaml:22:5",
        "/b.yaml:22:5",
        "/c.yaml:1:10:",
        "/missing.yaml:",
    ]


ONE = (
    '{alert: Full, expr: "disk > 9", labels: {severity: critical}, '
    "annotations: {summary: s, runbook_url: r}}"
)
NEAR = ONE.replace("> 9", "> 8")
WARNING = NEAR.replace("critical", "warning")


def test_the_same_rule_twice_is_read_and_advised_against() -> None:
    listed = "".join(f"  - {rule}\n" for rule in (ONE, NEAR, WARNING, ONE))
    (group,) = parse_rules(f"groups:\n- name: a\n  rules:\n{listed}", "f")
    assert len({rule.key for rule in group.rules}) == 4
    assert list(map(str, findings([group]))) == [
        "f:5:5: Full: another query has this name and these labels, at f:4:5: their alerts look "
        "alike; tell them apart by a label",
        "f:7:5: Full: the same rule stands already at f:4:5; take one away",
    ]


def test_advice_for_rules_that_page_without_help() -> None:
    told = [str(finding) for finding in findings(parse_rules(SHOP, "f"))]
    assert told == [
        "f:24:9: CpuHot: no label 'severity', so it counts as a warning; "
        "one of critical, warning, informational, predictive, info",
        "f:24:9: CpuHot: no annotation 'summary': "
        "the message can say no more than the alert's name",
        "f:24:9: CpuHot: no annotation 'runbook_url': who is rung at night has nothing to follow",
    ]
    page = SHOP.replace("severity: critical", "severity: critcal")
    assert "did you mean 'critical'?" in str(findings(parse_rules(page, "f"))[0])
