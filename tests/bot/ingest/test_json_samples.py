"""JSON samples: one good payload, and a sentence for each bad one."""

import json
from typing import Any

import pytest

from bot.ingest import json_samples
from bot.ingest.format import BadPayload, TooLarge
from storage.model.labels import Labels
from storage.model.sample import Batch, Sample

GOOD = {"name": "queue_depth", "labels": {"queue": "mail"}, "time": 1.7e9, "value": 12}
READ = Sample(Labels.of({"__name__": "queue_depth", "queue": "mail"}), 1.7e9, 12.0)


def decode(entries: Any) -> Batch:
    return json_samples.decode(json.dumps(entries).encode(), 10_000)


def test_reads_a_list() -> None:
    assert decode([GOOD]) == Batch([READ])


def test_reads_a_whole_scrape() -> None:
    assert decode({"complete": True, "samples": [GOOD]}) == Batch([READ], complete=True)


def test_labels_may_be_left_out() -> None:
    assert decode([{"name": "up", "time": 1, "value": 0}]) == Batch(
        [Sample(Labels.of(__name__="up"), 1.0, 0.0)]
    )


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        pytest.param("x", "expected a list of samples, got str", id="not-a-list"),
        pytest.param(
            {"complete": True}, "expected a list of samples, got NoneType", id="no-samples"
        ),
        pytest.param(
            {"complete": 1, "samples": []},
            "complete: expected true or false, got 1",
            id="odd-complete",
        ),
        pytest.param(
            {"sample": []}, "unknown key 'sample'; known: complete, samples", id="odd-key"
        ),
        pytest.param(
            [GOOD, 7], "sample 1: expected name, time, value; got int", id="not-a-mapping"
        ),
        pytest.param([{**GOOD, "name": ""}], "sample 0: needs a name", id="no-name"),
        pytest.param(
            [{**GOOD, "vaule": 1}],
            "sample 0: unknown key 'vaule'; known: labels, name, time, value",
            id="typo",
        ),
        pytest.param([{"name": "up", "time": 1}], "sample 0: needs a value", id="no-value"),
        pytest.param(
            [{**GOOD, "value": "12"}],
            "sample 0: value: expected a number, got str",
            id="text-for-a-number",
        ),
        pytest.param(
            [{**GOOD, "value": True}],
            "sample 0: value: expected a number, got bool",
            id="truth-for-a-number",
        ),
        pytest.param(
            [{**GOOD, "value": 10**400}],
            "sample 0: value: the number is too large",
            id="endless-number",
        ),
        pytest.param(
            [{**GOOD, "time": float("inf")}],
            "sample 0: time: expected Unix seconds, got inf",
            id="no-time",
        ),
        pytest.param(
            [{**GOOD, "labels": {"a": 1}}],
            "sample 0: labels are a mapping of text to text",
            id="odd-label",
        ),
        pytest.param(
            [{**GOOD, "labels": {"__name__": "x"}}],
            "sample 0: a label needs a name, and the metric's stands in `name`",
            id="second-name",
        ),
        pytest.param(
            [{**GOOD, "labels": {"a": "\ud800"}}],
            "sample 0: a name or a label is not Unicode text",
            id="half-a-character",
        ),
    ],
)
def test_says_what_is_wrong(entries: Any, reason: str) -> None:
    with pytest.raises(BadPayload) as refused:
        decode(entries)
    assert str(refused.value) == reason


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadPayload, match="not JSON"):
        json_samples.decode(b"[" * 200_000, 1 << 20)


def test_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge, match="the body has 11 bytes; at most 10"):
        json_samples.decode(b"[         ]", 10)
