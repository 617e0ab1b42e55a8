"""Rules as public collections and mixins write them: read unchanged, judged as promtool judges."""

import subprocess
from pathlib import Path

from routing.rules.check import findings
from routing.rules.read import read_rules
from routing.rules.rehearsal import read_rehearsal
from routing.rules.rehearsal_words import verdict_text
from routing.rules.rehearse import rehearse
from tests.peers import program

HERE = Path(__file__).with_name("collections")
TESTS = HERE / "tests.yml"


def test_they_are_read_unchanged() -> None:
    groups = read_rules(sorted(HERE.glob("[!t]*.yml")))
    assert sum(len(group.rules) for group in groups) == 30
    assert not [it for it in findings(groups) if "alike" in it.text or "already" in it.text]


def test_they_fire_with_the_words_that_are_expected() -> None:
    rehearsal = read_rehearsal(TESTS)
    played = rehearse(rehearsal, read_rules(rehearsal.rule_files))
    assert not any(failures for _, failures in played), verdict_text("tests.yml", played)


def test_promtool_is_of_the_same_opinion() -> None:
    asked = [program("promtool"), "test", "rules", str(TESTS)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr
