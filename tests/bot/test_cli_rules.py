"""`tocsin rules test`: what is printed, and the exit codes."""

from pathlib import Path

import pytest

from bot.cli import main

RULES = """
groups:
- name: g
  rules:
  - alert: Hot
    expr: temperature > 30
    labels: {severity: page}
    annotations: {summary: "{{ $value }} C"}
"""
TEST = """
rule_files: [rules.yml]
tests:
- name: summer
  input_series: [{series: 'temperature{room="x"}', values: 20 31}]
  alert_rule_test:
  - eval_time: 1m
    alertname: Hot
    exp_alerts: [{exp_labels: {room: x, severity: page}, exp_annotations: {summary: 31 C}}]
  promql_expr_test:
  - {expr: temperature * 2, eval_time: 1m, exp_samples: [{labels: '{room="x"}', value: 62}]}
"""


def run(*files: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["rules", "test", *map(str, files)])
    return int(ended.value.code or 0)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "rules.yml").write_text(RULES)
    path = tmp_path / "test.yml"
    path.write_text(TEST)
    return path


def test_success(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written) == 0
    assert capsys.readouterr().out == f"Unit Testing:  {written}\n  SUCCESS\n\n"


def test_failures_say_what_was_expected_and_what_came(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written.write_text(TEST.replace("severity: page", "severity: ticket").replace("62", "63"))
    assert run(written) == 1
    assert (
        capsys.readouterr().out
        == f"""Unit Testing:  {written}
  FAILED:
    name: summer,
    alertname: Hot, time: 1m,
        exp:[
            0:
              Labels:{{alertname="Hot", room="x", severity="ticket"}}
              Annotations:{{summary="31 C"}}
            ],
        got:[
            0:
              Labels:{{alertname="Hot", room="x", severity="page"}}
              Annotations:{{summary="31 C"}}
            ]

    name: summer,
    expr: 'temperature * 2', time: 1m,
        exp: {{room="x"}} 63
        got: {{room="x"}} 62

"""
    )


def test_a_rule_that_stumbles_fails_its_test(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (written.parent / "rules.yml").write_text(
        "groups:\n- {name: g, limit: 1, rules: [{alert: Many, expr: temperature}]}"
    )
    written.write_text(TEST.replace("20 31}", "20 31}, {series: temperature, values: 1 1}"))
    assert run(written) == 1
    assert "rule: Many, time: 0s, err: exceeded limit of 1 with 2" in capsys.readouterr().out


def test_every_file_is_played_and_the_worst_counts(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = written.with_name("broken.yml")
    broken.write_text(TEST.replace("20 31", "20 thirty").replace("eval_time: 1m", "eval_time: 1"))
    assert run(broken, written) == 2
    said = capsys.readouterr().out
    assert f"{broken}:5:" in said
    assert "'thirty' is no value of a series" in said
    assert "'1' has no unit" in said
    assert f"Unit Testing:  {written}\n  SUCCESS" in said


def test_a_pattern_without_files_is_told(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written.write_text(TEST.replace("[rules.yml]", "[rules.yml, more/*.yml]"))
    assert run(written) == 0
    assert "no file is found by 'more/*.yml'" in capsys.readouterr().err


def test_last_bits_count_unless_the_file_says_otherwise(written: Path) -> None:
    third = "promql_expr_test:\n  - {expr: 'vector(0.1) + 0.2', exp_samples: [{value: 0.3}]}"
    text = TEST[: TEST.index("promql_expr_test")] + third
    written.write_text(text)
    assert run(written) == 1
    written.write_text(f"fuzzy_compare: true\n{text}")
    assert run(written) == 0
