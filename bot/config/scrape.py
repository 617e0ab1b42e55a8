"""The section `scrape`: jobs whose targets are asked for their samples."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.config.fields import Folder, PositiveDuration, Size, Switch
from bot.config.limits import LimitsSection
from bot.config.remote import BasicSection
from bot.config.secret import Secret
from storage.model.alert import Severity

Text = Annotated[str, Field(min_length=1, max_length=200)]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TARGET = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
MISSES = 3
"""Intervals without a sample after which a job counts as silent."""


def parse_target(text: str) -> str:
    """Read the address of a target, such as `web1:9100`; raises ValueError."""
    if "://" in text:
        raise ValueError(
            f"found {text[:80]!r}; expected an address such as web1:9100: the scheme and the path "
            "stand in `scheme` and `path`"
        )
    if not _TARGET.fullmatch(text):
        raise ValueError(f"found {text[:80]!r}; expected an address such as web1:9100")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or re.search(r"[\s?#]", text):
        raise ValueError("expected a path such as /metrics; parameters stand in `params`")
    return text


def _labels(labels: dict[str, str]) -> dict[str, str]:
    for name in labels:
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            raise ValueError(f"found the label {name[:80]!r}; expected a name such as cluster")
        if name == "job":
            raise ValueError("found the label job; expected it in `job`")
    return labels


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected certificates in PEM format")
    return path


TargetAddress = Annotated[Text, AfterValidator(parse_target)]


class ScrapeSection(BaseModel):
    """One job: targets of a kind, asked every `interval`; it is the source of their samples.

    files:    patterns of files that list more targets, in Prometheus' file_sd format.
    labels:   put on every sample.  honor_labels: what a target says of itself wins over them.
    sample_limit, body_limit: an answer with more samples or bytes is refused as a whole.
    expect:   silence longer than this opens an incident of `severity`; none: 3 intervals.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    job: Text
    targets: tuple[TargetAddress, ...] = ()
    files: tuple[Folder, ...] = ()
    interval: PositiveDuration = timedelta(seconds=15)
    timeout: PositiveDuration = timedelta(seconds=10)
    scheme: Literal["http", "https"] = "http"
    path: Annotated[Text, AfterValidator(_path)] = "/metrics"
    params: dict[Text, tuple[Text, ...]] = {}
    basic: BasicSection | None = None
    bearer: Secret | None = None
    ca_file: Annotated[Folder, AfterValidator(_file)] | None = None
    labels: Annotated[dict[Text, Text], AfterValidator(_labels)] = {}
    honor_labels: Switch = False
    sample_limit: Annotated[int, Field(ge=1)] = 100_000
    body_limit: Size = 16 * 1024**2
    expect: PositiveDuration | None = None
    severity: Severity = Severity.WARNING
    limits: LimitsSection = LimitsSection()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.targets and not self.files:
            raise ValueError("found no targets; expected some in `targets` or `files`")
        if self.timeout > self.interval:
            raise ValueError(
                "found a timeout longer than the interval; expected it to be as long at most"
            )
        if self.basic is not None and self.bearer is not None:
            raise ValueError("expected one of basic and bearer")
        return self

    @property
    def silence(self) -> timedelta:
        """How long this job may be silent."""
        return self.expect or MISSES * self.interval
