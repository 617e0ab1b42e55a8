"""Samples as JSON: `POST /ingest/json`, for scripts and whoever has no Prometheus."""

import math
from typing import Any

from bot.ingest.format import BadPayload, IngestFormat, TooLarge
from bot.ingest.json_body import MOST_OF_SAMPLES, read_json
from storage.model.labels import NAME, Labels
from storage.model.sample import Batch, Sample


def decode(body: bytes, limit: int) -> Batch:
    """Read `[{"name": "queue_depth", "labels": {"queue": "mail"}, "time": 1.7e9, "value": 12}]`.

    Also takes `{"complete": true, "samples": [...]}`, by which the sender vouches that these are
    all of its series at that moment, so that rules which combine them are judged at once.
    time: Unix seconds.  value: any JSON number, in the metric's own unit.
    All or nothing: raises BadPayload naming the first bad sample, and nothing is stored.
    """
    if len(body) > limit:
        raise TooLarge(f"the body has {len(body)} bytes; at most {limit} are taken")
    entries, complete = _entries(read_json(body, MOST_OF_SAMPLES))
    return Batch([_sample(at, entry) for at, entry in enumerate(entries)], complete=complete)


def _entries(read: Any) -> tuple[list[Any], bool]:
    if isinstance(read, dict):
        odd = sorted(set(read) - {"complete", "samples"})
        if odd:
            raise BadPayload(f"unknown key {odd[0]!r}; known: complete, samples")
        entries, complete = read.get("samples"), read.get("complete", False)
        if not isinstance(complete, bool):
            raise BadPayload(f"complete: expected true or false, got {complete!r}")
    else:
        entries, complete = read, False
    if not isinstance(entries, list):
        raise BadPayload(f"expected a list of samples, got {type(entries).__name__}")
    return entries, complete


def _sample(position: int, entry: Any) -> Sample:
    where = f"sample {position}"
    if not isinstance(entry, dict):
        raise BadPayload(f"{where}: expected name, time, value; got {type(entry).__name__}")
    odd = sorted(set(entry) - {"name", "labels", "time", "value"})
    if odd:
        raise BadPayload(f"{where}: unknown key {odd[0]!r}; known: labels, name, time, value")
    name, labels = entry.get("name"), entry.get("labels", {})
    if not isinstance(name, str) or not name:
        raise BadPayload(f"{where}: needs a name")
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        raise BadPayload(f"{where}: labels are a mapping of text to text")
    if NAME in labels or "" in labels:
        raise BadPayload(f"{where}: a label needs a name, and the metric's stands in `name`")
    time = _number(where, "time", entry)
    if not math.isfinite(time):
        raise BadPayload(f"{where}: time: expected Unix seconds, got {time}")
    try:
        "".join((name, *labels, *labels.values())).encode()
    except UnicodeEncodeError as error:
        raise BadPayload(f"{where}: a name or a label is not Unicode text") from error
    return Sample(
        Labels.of({NAME: name, **labels}), time=time, value=_number(where, "value", entry)
    )


def _number(where: str, key: str, entry: dict[str, Any]) -> float:
    if key not in entry:
        raise BadPayload(f"{where}: needs a {key}")
    got = entry[key]
    if isinstance(got, bool) or not isinstance(got, int | float):
        raise BadPayload(f"{where}: {key}: expected a number, got {type(got).__name__}")
    try:
        return float(got)
    except OverflowError as error:
        raise BadPayload(f"{where}: {key}: the number is too large") from error


FORMAT = IngestFormat(
    name="json",
    path="/ingest/json",
    readers={"application/json": decode},
    encodings=("", "gzip"),
)
