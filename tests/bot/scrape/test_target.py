"""Where a target is asked, what is put on its samples, and when its turn is."""

from itertools import pairwise
from typing import Any

import pytest

from bot.config.scrape import ScrapeSection
from bot.scrape.target import merge, target
from storage.model.labels import Labels


def job(**more: Any) -> ScrapeSection:
    return ScrapeSection(**{"job": "node", "targets": ("web1:9100",), **more})


@pytest.mark.parametrize(
    ("section", "labels", "url"),
    [
        ({}, {}, "http://web1:9100/metrics"),
        ({"scheme": "https", "path": "/probe"}, {}, "https://web1:9100/probe"),
        ({"params": {"m": ("a", "b c")}}, {}, "http://web1:9100/metrics?m=a&m=b+c"),
        ({}, {"__scheme__": "https", "__metrics_path__": "/x"}, "https://web1:9100/x"),
        ({"params": {"m": ("a",)}}, {"__param_m": "z"}, "http://web1:9100/metrics?m=z"),
        ({}, {"__param_target": "http://a/"}, "http://web1:9100/metrics?target=http://a/"),
    ],
)
def test_where_it_is_asked(section: dict[str, Any], labels: dict[str, str], url: str) -> None:
    assert target(job(**section), "web1:9100", labels).url == url


def test_what_is_put_on_its_samples() -> None:
    section = job(labels={"cluster": "a"})
    found = target(section, "web1:9100", {"rack": "r1", "cluster": "b", "__meta_x": "y"})
    assert dict(found.labels) == {
        "job": "node",
        "instance": "web1:9100",
        "cluster": "b",
        "rack": "r1",
    }
    named = target(section, "web1:9100", {"instance": "web1"})
    assert named.labels.get("instance") == "web1"


@pytest.mark.parametrize(
    ("honor", "exposed", "expected"),
    [
        (False, {"code": "200"}, {"code": "200", "instance": "i", "job": "node"}),
        (False, {"job": "x"}, {"exported_job": "x", "instance": "i", "job": "node"}),
        (
            False,
            {"job": "x", "exported_job": "y"},
            {"exported_exported_job": "x", "exported_job": "y", "instance": "i", "job": "node"},
        ),
        (False, {"job": ""}, {"instance": "i", "job": "node"}),
        (True, {"job": "x"}, {"instance": "i", "job": "x"}),
        (True, {"job": ""}, {"instance": "i", "job": "node"}),
    ],
)
def test_merge(honor: bool, exposed: dict[str, str], expected: dict[str, str]) -> None:
    one = target(job(), "i")
    assert merge(one, "up", exposed, honor=honor) == Labels.of({**expected, "__name__": "up"})


def test_turns_are_spread_over_the_interval_and_stay() -> None:
    offsets = sorted(target(job(), f"web{n}:9100").offset(10.0) for n in range(500))
    assert 0 <= offsets[0] < 1
    assert 9 < offsets[-1] < 10
    assert max(b - a for a, b in pairwise(offsets)) < 0.5
    assert target(job(), "a").offset(10.0) == target(job(), "a").offset(10.0)
