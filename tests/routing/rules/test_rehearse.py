"""The verdicts of rule tests, beside promtool's own on the same files."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from routing.rules.read import read_rules
from routing.rules.rehearsal import read_rehearsal
from routing.rules.rehearse import rehearse
from storage.errors import ConfigError

RULES = """
groups:
- name: records
  rules:
  - {record: "job:requests:rate5m", expr: "sum by (job) (rate(requests_total[5m]))"}
  - {record: "job:twice", expr: "job:requests:rate5m * 2", labels: {kind: double}}
- name: alerts
  rules:
  - alert: Down
    expr: up == 0
    for: 5m
    labels: {severity: page, seen: "{{ $value }}"}
    annotations: {summary: "{{ $labels.instance }} is down in {{ $externalLabels.dc }}"}
  - alert: Busy
    expr: job:requests:rate5m > 1
    annotations:
      summary: '{{ $value | humanize }}/s, {{ with query "up" }}{{ len . }}{{ end }}'
  - {alert: Sticky, expr: "temperature > 30", keep_firing_for: 3m, labels: {severity: page}}
  - {alert: Foresight, expr: "temperature offset -1m > 30"}
  - {alert: Later, expr: "temperature @ 60 > 30"}
  - {alert: Missing, expr: "absent(up)"}
  - {alert: Twice, expr: "temperature > 100"}
  - {alert: Twice, expr: "temperature < -100"}
  - {alert: Loud, expr: 'ALERTS{alertname="Sticky", alertstate="firing"} == 1'}
"""
UP = '- {series: \'up{instance="a", job="b"}\', values: "1 1 0x20 _x3 stale 1x5"}'
HOT = '- {series: \'temperature{room="x"}\', values: "20 31 20x10"}'
DOWN = """exp_alerts:
    - exp_labels: {severity: page, instance: a, job: b, seen: "0"}
      exp_annotations: {summary: a is down in eu}"""


@dataclass
class Case:
    """The series of one test and what it expects; whether that is what happens."""

    series: str
    expects: str
    passes: bool
    more: str = ""

    def write(self, folder: Path) -> Path:
        (folder / "rules.yml").write_text(RULES)
        path = folder / "test.yml"
        path.write_text(
            f"rule_files: [rules.yml]\nevaluation_interval: 1m\n{self.more}\n"
            f"tests:\n- interval: 1m\n  name: case\n  external_labels: {{dc: eu}}\n"
            f"  input_series:\n  {self.series}\n{self.expects}"
        )
        return path


def alert(at: str, name: str, expects: str = "") -> str:
    return f"  alert_rule_test:\n  - eval_time: {at}\n    alertname: {name}\n    {expects}\n"


def expr(query: str, at: str, *samples: tuple[str, str]) -> str:
    rows = "".join(f"\n    - {{labels: '{labels}', value: {value}}}" for labels, value in samples)
    listed = f"exp_samples:{rows}" if rows else ""
    return f"  promql_expr_test:\n  - expr: '{query}'\n    eval_time: {at}\n    {listed}\n"


def firing(**labels: str) -> str:
    pairs = ", ".join(f"{key}: {value}" for key, value in labels.items())
    return f"exp_alerts: [{{exp_labels: {{{pairs}}}}}]"


REQUESTS = '- {series: \'requests_total{job="b"}\', values: "0+90x40"}\n  ' + UP
STICKY = firing(room="x", severity="page")
CASES = {
    "pending-is-not-firing": Case(UP, alert("6m", "Down"), True),
    "fires-after-for": Case(UP, alert("7m", "Down", DOWN), True),
    "between-two-evaluations": Case(UP, alert("7m30s", "Down", DOWN), True),
    "wrong-time": Case(UP, alert("6m", "Down", DOWN), False),
    "wrong-label": Case(UP, alert("7m", "Down", DOWN.replace("page", "ticket")), False),
    "wrong-annotation": Case(UP, alert("7m", "Down", DOWN.replace("eu", "us")), False),
    "nothing-expected": Case(UP, alert("7m", "Down"), False),
    "stale-ends-it": Case(UP, alert("26m", "Down"), True),
    "a-gap-does-not-end-it": Case(UP, alert("24m", "Down", DOWN), True),
    "kept-firing": Case(HOT, alert("4m", "Sticky", STICKY), True),
    "kept-too-long": Case(HOT, alert("6m", "Sticky", STICKY), False),
    "no-longer-kept": Case(HOT, alert("5m", "Sticky"), True),
    "unknown-name-fires-nothing": Case(HOT, alert("4m", "Nobody"), True),
    "unknown-name-cannot-fire": Case(HOT, alert("4m", "Nobody", STICKY), False),
    "absent": Case(HOT, alert("1m", "Missing", firing()), True),
    "not-absent": Case(UP, alert("1m", "Missing", firing()), False),
    "two-rules-of-one-name": Case(
        '- {series: \'temperature{room="x"}\', values: "200"}\n  '
        '- {series: \'temperature{room="y"}\', values: "-200"}',
        alert("0m", "Twice", 'exp_alerts: [{exp_labels: {room: "y"}}, {exp_labels: {room: "x"}}]'),
        True,
    ),
    "templates-ask": Case(
        REQUESTS,
        alert(
            "10m",
            "Busy",
            'exp_alerts: [{exp_labels: {job: b}, exp_annotations: {summary: "1.5/s, 1"}}]',
        ),
        True,
    ),
    "a-rule-sees-what-others-wrote": Case(
        REQUESTS, expr("job:twice", "10m", ('job:twice{job="b", kind="double"}', "3")), True
    ),
    "alerts-are-series": Case(
        HOT,
        expr("ALERTS_FOR_STATE{alertname!~\"Foresight|Later\"}", "1m",
             ('ALERTS_FOR_STATE{alertname="Sticky", room="x", '
             'severity="page"}', "60"), ('ALERTS_FOR_STATE{alertname="Missing"}', "0"),
             ('ALERTS_FOR_STATE{alertname="Loud", alertstate="firing", room="x", '
              'severity="page"}', "60")),
        True,
    ),
    "an-alert-about-alerts": Case(
        HOT, alert("1m", "Loud", firing(room="x", severity="page", alertstate="firing")),
        True,
    ),
    "wrong-number": Case(REQUESTS, expr("job:twice", "10m", ('{job="b"}', "3")), False),
    "a-number": Case(UP, expr("1 + 1", "0m", ("{}", "2")), True),
    "nothing": Case(UP, expr("up > 1", "5m"), True),
    "something-too-much": Case(UP, expr("up", "5m"), False),
    "infinite-in-yaml": Case(UP, expr("up / 0", "1m", ('{instance="a", job="b"}', ".inf")), True),
    "gaps-and-stale": Case(
        '- {series: x, values: "1+2x2 _ _x2 7 stale 8"}',
        expr("count_over_time(x[20m]) + sum_over_time(x[20m])", "9m", ("{}", "29")),
        True,
    ),
    "falling": Case('- {series: x, values: "10-3x3"}', expr("x", "3m", ("x", "1")), True),
    "repeated": Case('- {series: x, values: "4x3"}', expr("sum_over_time(x[9m])", "3m",
                     ("{}", "16")), True),
    "nothing-is-visible-before-it-is-evaluated": Case(
        '- {series: x, values: "1 2 3"}', expr("x", "90s", ("x", "2")), True
    ),
    "nobody-sees-what-is-to-come": Case(HOT, alert("0m", "Foresight"), True),
    "what-came-before-is-seen-in-its-stead": Case(
        HOT, alert("1m", "Foresight", firing(room="x")), True
    ),
    "a-fixed-moment-is-seen-once-it-came": Case(
        HOT, alert("0m", "Later") + alert("2m", "Later", firing(room="x")).split("test:\n")[1],
        True,
    ),
    "unknown-query": Case(UP, expr("sum(", "1m"), False),
    "unknown-key": Case(UP, alert("6m", "Down") + "  colour: red\n", False),
    "bad-values": Case('- {series: up, values: "1 x 2"}', alert("6m", "Down"), False),
    "bad-series": Case('- {series: "up{a=~\\"b\\"}", values: "1"}', alert("6m", "Down"), False),
    "group-twice": Case(UP, alert("6m", "Down"), False, "group_eval_order: [alerts, alerts]"),
    "alerts-before-records": Case(
        REQUESTS, expr("ALERTS{alertname=\"Busy\"}", "4m"), True,
        "group_eval_order: [alerts, records]",
    ),
    "records-before-alerts": Case(
        REQUESTS,
        expr("ALERTS{alertname=\"Busy\"}", "4m",
             ('ALERTS{alertname="Busy", alertstate="firing", job="b"}', "1")),
        True, "group_eval_order: [records, alerts]",
    ),
}  # fmt: skip


def verdict(path: Path) -> bool:
    try:
        rehearsal = read_rehearsal(path)
        return not any(found for _, found in rehearse(rehearsal, read_rules(rehearsal.rule_files)))
    except ConfigError:
        return False


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_verdict(case: Case, tmp_path: Path) -> None:
    assert verdict(case.write(tmp_path)) is case.passes


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_promtool_agrees(case: Case, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("TOCSIN_CI") == "1":
            pytest.fail("promtool is not installed, and TOCSIN_CI=1 wants every test to run")
        pytest.skip("promtool is not installed")
    path = case.write(tmp_path)
    run = subprocess.run(
        [promtool, "test", "rules", path.name], cwd=tmp_path, capture_output=True, timeout=60
    )
    assert (run.returncode == 0) is case.passes, run.stderr.decode()
