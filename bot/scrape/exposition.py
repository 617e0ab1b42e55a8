"""The text that targets expose -> readings: Prometheus' text format 0.0.4 and OpenMetrics 1.0.

A target repeats its series in every scrape, so a series is taken apart once and then known by its
text. Unlike a client library's parser this one leaves names as they are exposed, as Prometheus
does: a counter `jobs` is not renamed to `jobs_total`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.ingest.go_numbers import openmetrics
from storage.errors import BotError
from storage.model.labels import Labels

OPENMETRICS = "application/openmetrics-text"
BUCKET, QUANTILE = "le", "quantile"

_LINE = re.compile(
    r"""(?P<series>(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)
        (?:[ \t]*+\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*+")*+)\}|(?=[ \t])))
        [ \t]*+(?P<value>[^ \t\#]++)
        (?:[ \t]++(?P<time>[^ \t\#]++))?[ \t]*+(?:\#.*)?""",
    re.VERBOSE,
)
_LABEL = re.compile(
    r'[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"((?:[^"\\]|\\.)*+)"[ \t]*+(?:,[ \t]*+|\Z)'
)
_ESCAPE = re.compile(r'\\([\\n"])')

Merge = Callable[[str, dict[str, str]], Labels]
"""(name, exposed labels) -> the labels that are stored."""


class Unreadable(BotError):
    """A target exposes something that is no exposition; says the line and what is wrong."""


class TooManySamples(Unreadable):
    """A target exposes more samples than its job allows."""


@dataclass(slots=True)
class Exposed:
    """What one scrape exposed: labels and value, and for each the time, where one was given.

    samples:  in the order of the lines.  times: Unix seconds, beside `samples`; None: now.
    metadata: metric name -> {"type", "help", "unit"}.
    """

    samples: list[tuple[Labels, float]] = field(default_factory=list)
    times: list[float | None] = field(default_factory=list)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)


class Reader:
    """Reads the expositions of one target, one after the other."""

    def __init__(self, merge: Merge, most: int) -> None:
        self._merge, self._most = merge, most
        self._known: dict[str, Labels] = {}

    def read(self, body: bytes, kind: str) -> Exposed:
        """Read an exposition of the given content type; raises Unreadable, and then keeps nothing.

        Over the sample limit counts as unreadable, too.
        """
        try:
            lines = body.decode().split("\n")
        except UnicodeDecodeError as error:
            raise Unreadable(f"not UTF-8 at byte {error.start}") from error
        is_openmetrics = kind.partition(";")[0].strip().lower() == OPENMETRICS
        if is_openmetrics:
            lines = _until_end(lines)
        reading = _Reading(self._merge, self._known, 1.0 if is_openmetrics else 1000.0)
        for number, line in enumerate(lines, 1):
            try:
                reading.line(line)
            except ValueError as error:
                raise Unreadable(f"line {number}: {error}") from error
            if len(reading.exposed.samples) > self._most:
                raise TooManySamples(
                    f"line {number}: more than {self._most} samples; see sample_limit"
                )
        self._known = reading.seen
        return reading.exposed


class _Reading:
    """The state of reading one exposition. a_second: how many of the units of explicit times."""

    def __init__(self, merge: Merge, known: dict[str, Labels], a_second: float) -> None:
        self._merge, self._known, self._a_second = merge, known, a_second
        self._family = self._kind = ""
        self.seen: dict[str, Labels] = {}
        self.exposed = Exposed()

    def line(self, line: str) -> None:
        """Read one line; raises ValueError saying what is wrong."""
        series, _, value = line.rpartition(" ")
        labels = self._known.get(series)
        if labels is not None:
            self._add(series, labels, _value(value), None)
        elif line.startswith("#"):
            self._comment(line)
        elif line.strip(" \t"):
            self._sample(line)

    def _sample(self, line: str) -> None:
        found = _LINE.fullmatch(line.strip(" \t"))
        if found is None:
            raise ValueError(f"{_shown(line)}: expected a series and its value")
        series, time = found["series"], found["time"]
        labels = self._known.get(series) or self.seen.get(series)
        if labels is None:
            labels = self._merge(found["name"], self._labels(found["name"], found["labels"] or ""))
        at = None if time is None else _value(time) / self._a_second
        self._add(series, labels, _value(found["value"]), at)

    def _add(self, series: str, labels: Labels, value: float, at: float | None) -> None:
        self.seen[series] = labels
        self.exposed.samples.append((labels, value))
        self.exposed.times.append(at)

    def _labels(self, name: str, text: str) -> dict[str, str]:
        labels: dict[str, str] = {}
        at = 0
        while at < len(text) and text[at:].strip(" \t"):
            found = _LABEL.match(text, at)
            if found is None:
                raise ValueError(f'{_shown(text[at:])}: expected a label such as code="200"')
            key, value = found.groups()
            if key in labels:
                raise ValueError(f"{name}: the label {key} comes twice")
            labels[key] = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], value)
            at = found.end()
        return self._normal(name, labels)

    def _normal(self, name: str, labels: dict[str, str]) -> dict[str, str]:
        """Write bounds and quantiles one way (`1.0`), however the target writes them."""
        belongs = name.removesuffix("_bucket") == self._family
        key = {"histogram": BUCKET, "gaugehistogram": BUCKET, "summary": QUANTILE}.get(self._kind)
        if belongs and key in labels:
            try:
                labels[key] = openmetrics(float(labels[key]))
            except ValueError:
                return labels
        return labels

    def _comment(self, line: str) -> None:
        words = line[1:].strip(" \t").split(None, 2)
        if len(words) < 2 or words[0] not in ("HELP", "TYPE", "UNIT"):
            return
        word, name, *rest = words
        told = self.exposed.metadata.setdefault(name, {"type": "unknown", "help": "", "unit": ""})
        text = rest[0] if rest else ""
        if word == "TYPE":
            self._family, self._kind = name, text
            text = "unknown" if text == "untyped" else text
        elif word == "HELP":
            text = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)
        told[word.lower()] = text


def _until_end(lines: list[str]) -> list[str]:
    """Return the lines before `# EOF`, which proves that nothing is missing."""
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or lines[-1] != "# EOF":
        raise Unreadable("it does not end with `# EOF`: cut off")
    return lines[:-1]


def _value(text: str) -> float:
    """Read a number as Go does, which knows no spaces and no `1_000` here."""
    if "_" in text or text != text.strip():
        raise ValueError(f"{_shown(text)}: expected a number")
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{_shown(text)}: expected a number") from error


def _shown(text: str) -> str:
    return repr(text[:80])
