"""Files that list targets: read when they change; a broken one keeps what it listed before."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.config.scrape import ScrapeSection
from bot.scrape.files import TargetFiles, read_targets
from storage.errors import ConfigError


@pytest.fixture
def section(tmp_path: Path) -> ScrapeSection:
    return ScrapeSection(job="node", files=(tmp_path / "*.json", tmp_path / "*.yaml"))


def listed(files: TargetFiles) -> list[str]:
    return sorted(target.url for target in files.look())


def test_json_and_yaml_are_read(section: ScrapeSection, tmp_path: Path) -> None:
    groups = [{"targets": ["web1:9100", "web2:9100"], "labels": {"rack": "a"}}]
    (tmp_path / "a.json").write_text(json.dumps(groups))
    (tmp_path / "b.yaml").write_text("- targets: [web3:9100]\n- targets: ['web1:9100']\n")
    found = TargetFiles(section).look()
    assert [(it.url, it.labels.get("rack")) for it in found] == [
        ("http://web1:9100/metrics", "a"),
        ("http://web2:9100/metrics", "a"),
        ("http://web3:9100/metrics", ""),
        ("http://web1:9100/metrics", ""),
    ]


def test_changes_are_seen(section: ScrapeSection, tmp_path: Path) -> None:
    files, path = TargetFiles(section), tmp_path / "a.yaml"
    assert listed(files) == []
    path.write_text("- targets: [a:1]\n")
    assert listed(files) == ["http://a:1/metrics"]
    path.write_text("- targets: [a:1, b:1]\n")
    assert listed(files) == ["http://a:1/metrics", "http://b:1/metrics"]
    path.unlink()
    assert listed(files) == []


def test_a_broken_file_keeps_its_targets_and_is_told_once(
    section: ScrapeSection, tmp_path: Path
) -> None:
    files, path = TargetFiles(section), tmp_path / "a.yaml"
    path.write_text("- targets: [a:1]\n")
    assert listed(files) == ["http://a:1/metrics"]
    path.write_text("- targets: [a:1\n")
    with capture_logs() as logs:
        assert listed(files) == listed(files) == ["http://a:1/metrics"]
    assert [line["event"] for line in logs] == ["targets not read"]
    path.write_text("- targets: [b:1]\n")
    assert listed(files) == ["http://b:1/metrics"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("targets: []", "expected a list of groups"),
        ("- a", "expected a mapping of targets and labels"),
        ("- {target: []}", "target: no such key; did you mean 'targets'"),
        ("- {targets: a}", "expected a list of addresses"),
        ("- {targets: ['http://a/metrics']}", "expected an address such as web1:9100"),
        ("- {targets: [[a]]}", "expected a text"),
        ("- {targets: [a], labels: [b]}", "expected a mapping of labels"),
        ("- {targets: [a], labels: {b: [c]}}", "expected a text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    section: ScrapeSection, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "bad").write_text(text)
    with pytest.raises(ConfigError, match=reason) as refused:
        read_targets(section, tmp_path / "bad")
    assert str(refused.value).startswith(f"{tmp_path / 'bad'}:1:")
