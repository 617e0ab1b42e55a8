"""Labels of a series or an alert, their fingerprint, and matchers over them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import starmap
from typing import Any, NewType, Self

import re2

from storage.errors import QueryError

Fingerprint = NewType("Fingerprint", str)
NAME = "__name__"
_PLAIN = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
"""Names that need no quotes."""


class Labels(tuple[tuple[str, str], ...]):
    """A set of labels: pairs of name and value, sorted by name, hashable.

    Build with `Labels.of`; the constructor trusts its input to be sorted and free of empty
    values (an empty value means that the label is absent, as in Prometheus).
    """

    @classmethod
    def read(cls, pairs: Iterable[Iterable[str]]) -> Self:
        """Build from pairs that were labels before; the same pair becomes the same object."""
        return cls(starmap(_shared, pairs))

    @classmethod
    def of(cls, pairs: Mapping[str, str] | None = None, /, **more: str) -> Self:
        """Build from a mapping and keywords; empty values are left out.

        >>> Labels.of({"job": "api"}, __name__="up").get("job")
        'api'
        """
        merged = {**(pairs or {}), **more}
        return cls(sorted((name, value) for name, value in merged.items() if value != ""))

    def get(self, name: str, default: str = "") -> str:
        """Return the value of `name`, or `default` where the label is absent."""
        for key, value in self:
            if key == name:
                return value
        return default

    @property
    def name(self) -> str:
        """The metric's name (`__name__`), or an empty text."""
        return self.get(NAME)

    def without(self, *names: str) -> "Labels":
        """Return these labels less `names`."""
        return Labels([pair for pair in self if pair[0] not in names])

    def keep(self, *names: str) -> "Labels":
        """Return only the labels among `names`."""
        return Labels([pair for pair in self if pair[0] in names])

    def with_(self, pairs: Mapping[str, str]) -> "Labels":
        """Return these labels with `pairs` set; an empty value removes the label."""
        return Labels.of({**dict(self), **pairs})

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """16 hexadecimal digits that name this set of labels; stable across runs and machines."""
        return _fingerprint(self)

    def items(self) -> Iterator[tuple[str, str]]:
        """Iterate over (name, value), sorted by name."""
        return iter(self)

    def __str__(self) -> str:
        """Write as Prometheus does: `up{job="api"}`."""
        inner = ", ".join(f'{k}="{_escape(v)}"' for k, v in self if k != NAME)
        return f"{self.name}{{{inner}}}" if inner or not self.name else self.name


def _shared(name: str, value: str) -> tuple[str, str]:
    return _known_pair(name, value) if len(value) <= 256 else (name, value)


@lru_cache(maxsize=65_536)
def _known_pair(name: str, value: str) -> tuple[str, str]:
    """Return the one pair of this name and value: most series share most of their labels."""
    return name, value


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@lru_cache(maxsize=65_536)
def _fingerprint(labels: Labels) -> Fingerprint:
    digest = blake2b(digest_size=8)
    for name, value in labels:
        digest.update(f"{len(name)}:{name}{len(value)}:{value}".encode())
    return Fingerprint(digest.hexdigest())


class MatchOp(StrEnum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@lru_cache(maxsize=4_096)
def compiled(pattern: str) -> Any:
    """Compile `pattern` as Go would, anchored at both ends; linear time. Raises QueryError."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        return re2.compile(f"^(?:{pattern})$", options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise QueryError(f"regular expression {pattern!r}: {text}") from error


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label, e.g. `code=~"5.."`. An absent label has the value ''."""

    name: str
    op: MatchOp
    value: str

    def __post_init__(self) -> None:
        """Refuse a pattern that does not compile, when it is written and not when it is used."""
        if self.op in (MatchOp.REGEX, MatchOp.NOT_REGEX):
            compiled(self.value)

    def matches_value(self, value: str) -> bool:
        """Say whether a label with this value satisfies the condition."""
        match self.op:
            case MatchOp.EQUAL:
                return value == self.value
            case MatchOp.NOT_EQUAL:
                return value != self.value
            case MatchOp.REGEX:
                return compiled(self.value).match(value) is not None
            case MatchOp.NOT_REGEX:
                return compiled(self.value).match(value) is None

    def matches(self, labels: Labels) -> bool:
        """Say whether `labels` satisfy the condition."""
        return self.matches_value(labels.get(self.name))

    def __str__(self) -> str:
        name = self.name if _PLAIN.fullmatch(self.name) else f'"{_escape(self.name)}"'
        return f'{name}{self.op.value}"{_escape(self.value)}"'
