"""YAML that people write -> values that know their file, line and column.

One loader for configuration and rules. YAML 1.2: `22:30` and `no` are text. A document is data
from outside: tags, repeated keys, documents that unfold without end, and those beyond the limits
below are refused before they cost time or memory.

    document = read_document(Path("rules/shop.yaml"))
    faults = Faults()
    if (top := faults.mapping(document)) and (groups := top.get("groups")):
        for group in faults.sequence(groups):
            ...
            faults.add(group, "found 'x'; expected a group name")
    faults.raise_all()      # one ConfigError with every fault, in the order of the file
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from storage.errors import ConfigError, nearest

MAX_BYTES = 1024 * 1024
MAX_NODES = 30_000  # keys too; aliases as often as they are used; well over 1,000 rules
MAX_DEPTH = 64
MAX_FAULTS = 200  # more than anybody reads

_PLACE = re.compile(r"(.+?):(\d+)(?::(\d+))?[: ]")

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value and where it stands. Always a Scalar, a Sequence or a Mapping.

    line, column: of its first character, counted from 1.
    path:         the way to it, e.g. `groups[0].rules[2].expr`; empty for the whole document.
    """

    file: str
    line: int
    column: int
    path: str

    @property
    def where(self) -> str:
        """Return `config.yaml:12:3`."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(Node):
    """A single value.

    value:     by YAML 1.2's core schema; quoted and block texts are always text.
    text:      as written, less quotes and indentation: `+4930123456` keeps its plus.
    text_line: the line of the first line of the text; in a block (`|`, `>`) the one after `line`.
    text_column: the column of its first character, after a quote; 0 in a block: not known.
    """

    value: Plain
    text: str
    text_line: int
    text_column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Node):
    """A list of values; iterate over it."""

    items: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        """Iterate over the items."""
        return iter(self.items)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping(Node):
    """Named values; keys are texts, each stands once. Iterate over it for (key, value) nodes."""

    entries: dict[str, tuple[Scalar, Node]]

    def get(self, name: str) -> Node | None:
        """Return the value of `name`, or None where the key is missing."""
        entry = self.entries.get(name)
        return entry[1] if entry else None

    def __iter__(self) -> Iterator[tuple[Scalar, Node]]:
        """Iterate over (key, value), in the order of the file."""
        return iter(self.entries.values())

    def __contains__(self, name: str) -> bool:
        """Say whether the key is there."""
        return name in self.entries


@dataclass(slots=True)
class Faults:
    """Gathers every fault, so that a person hears of all of them at once."""

    _found: list[tuple[tuple[str, int, int], str]] = field(default_factory=list)

    def add(self, at: Node | str, text: str) -> None:
        """Note a fault: `found ...; expected ...`. `at` is the node, or words that say where."""
        if isinstance(at, Node):
            order = (at.file, at.line, at.column)
            self._found.append((order, f"{' '.join(filter(None, (at.where, at.path)))}: {text}"))
        else:
            self._found.append(((at, 0, 0), f"{at}: {text}"))

    def take(self, error: ConfigError) -> None:
        """Note the faults that another reader raised."""
        for line in str(error).splitlines():
            place = _PLACE.match(line)
            order = (place[1], int(place[2]), int(place[3] or 0)) if place else (line, 0, 0)
            self._found.append((order, line))

    def lines(self) -> list[str]:
        """Return the faults, one line each, by file and place; none twice, 200 at most."""
        found = list(dict.fromkeys(line for _, line in sorted(self._found)))
        more = len(found) - MAX_FAULTS
        return [*found[:MAX_FAULTS], *([f"and {more} more"] if more > 0 else [])]

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return bool(self._found)

    def raise_all(self) -> None:
        """Raise ConfigError with every fault on a line of its own; nothing happens without."""
        if self._found:
            raise ConfigError("\n".join(self.lines()))

    def mapping(self, node: Node, expected: str = "a mapping") -> Mapping | None:
        """Return `node` as a mapping, or note the fault and return None."""
        if isinstance(node, Mapping):
            return node
        self.add(node, f"found {describe(node)}; expected {expected}")
        return None

    def sequence(self, node: Node, expected: str = "a list") -> tuple[Node, ...]:
        """Return the items of a list, or note the fault and return none."""
        if isinstance(node, Sequence):
            return node.items
        self.add(node, f"found {describe(node)}; expected {expected}")
        return ()

    def text(self, node: Node, expected: str = "a text") -> Scalar | None:
        """Return `node` as a scalar that is not null, or note the fault and return None."""
        if isinstance(node, Scalar) and node.value is not None:
            return node
        self.add(node, f"found {describe(node)}; expected {expected}")
        return None

    def only(self, mapping: Mapping, known: Iterable[str]) -> None:
        """Note each key that is not among `known`, with the nearest guess."""
        names = sorted(known)
        for key, _ in mapping:
            if key.text not in names:
                hint = nearest(key.text, names)
                self.add(key, f"no such key; {hint}known: {', '.join(names)}")


def describe(node: Node) -> str:
    """Say in a few words what stands there: `'abc'`, `12`, `nothing`, `a list of 3`."""
    if isinstance(node, Sequence):
        return f"a list of {len(node)}"
    if isinstance(node, Mapping):
        keys = ", ".join(list(node.entries)[:5])
        return f"a mapping ({keys})" if keys else "an empty mapping"
    assert isinstance(node, Scalar)
    if node.value is None:
        return "nothing"
    shown = node.text if len(node.text) <= 80 else f"{node.text[:79]}…"
    return repr(shown) if isinstance(node.value, str) else shown


def read_document(path: Path) -> Node:
    """Read the one YAML document in the file; an empty file is a Scalar None.

    Raises ConfigError (file:line:column, what was found, what is right).
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES // 1024} KiB, the limit")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text") from error
    return parse_document(text, str(path))


def parse_document(text: str, file: str) -> Node:
    """Read one YAML document from `text`; `file` is what faults call it. Raises ConfigError."""
    builder = _Builder(file)
    try:
        return builder.document(iter(YAML(typ="safe", pure=True).parse(text)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        context = f" ({error.context})" if error.context else ""
        raise ConfigError(f"{place}: not valid YAML: {error.problem}{context}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"the character {error.character!r}"
        raise ConfigError(f"{file}:{line}: found {found}, which YAML does not allow") from error
    except YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error


class _Builder:
    """Builds nodes from the parser's events, counting what it builds."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._nodes = 0
        self._faults = Faults()
        self._anchors: dict[str, tuple[Node, int]] = {}  # finished ones, and their unfolded size

    def document(self, events: Iterator[Event]) -> Node:
        found: Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent) and found is not None:
                raise self._refuse(event, "found a second document; expected one in a file")
            if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent | AliasEvent):
                found = self._node(event, events, "", 0)
        self._faults.raise_all()
        empty = Scalar(file=self._file, line=1, column=1, path="", value=None, text="", text_line=1)
        return empty if found is None else found  # an empty list is a value, and false

    def _refuse(self, event: Event, text: str) -> ConfigError:
        mark = event.start_mark
        return ConfigError(f"{self._file}:{mark.line + 1}:{mark.column + 1}: {text}")

    def _count(self, event: Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._refuse(event, f"the document unfolds to more than {MAX_NODES} values")

    def _node(self, event: Event, events: Iterator[Event], path: str, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._refuse(event, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        assert isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent)
        if event.tag:
            raise self._refuse(event, f"found the tag {event.tag}; tags are not used here")
        before = self._nodes
        self._count(event, 1)
        node: Node
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, path)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(event, events, path, depth)
        else:
            node = self._mapping(event, events, path, depth)
        if event.anchor:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _alias(self, event: AliasEvent) -> Node:
        if event.anchor not in self._anchors:
            raise self._refuse(event, f"*{event.anchor} refers to nothing that stands before it")
        node, size = self._anchors[event.anchor]
        self._count(event, size)
        return node

    def _scalar(self, event: ScalarEvent, path: str) -> Scalar:
        line = event.start_mark.line + 1
        block = event.style in ("|", ">")
        return Scalar(
            file=self._file,
            line=line,
            column=event.start_mark.column + 1,
            path=path,
            value=event.value if event.style else resolve(event.value),
            text=event.value,
            text_line=line + 1 if block else line,
            text_column=0 if block else event.start_mark.column + (2 if event.style else 1),
        )

    def _sequence(
        self, start: SequenceStartEvent, events: Iterator[Event], path: str, depth: int
    ) -> Sequence:
        items: list[Node] = []
        for event in events:
            if not _opens(event):
                break
            items.append(self._node(event, events, f"{path}[{len(items)}]", depth + 1))
        mark = start.start_mark
        return Sequence(
            file=self._file,
            line=mark.line + 1,
            column=mark.column + 1,
            path=path,
            items=tuple(items),
        )

    def _mapping(
        self, start: MappingStartEvent, events: Iterator[Event], path: str, depth: int
    ) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        merged: dict[str, tuple[Scalar, Node]] = {}
        for event in events:
            if not _opens(event):
                break
            key = self._key(event, path)
            value = self._node(next(events), events, key.path, depth + 1)
            if key.text == "<<" and isinstance(event, ScalarEvent) and not event.style:
                self._merge(value, merged)
            elif key.text in entries:
                first = entries[key.text][0]
                self._faults.add(key, f"the key stands twice; first in line {first.line}")
            else:
                entries[key.text] = (key, value)
        mark = start.start_mark
        entries |= {name: entry for name, entry in merged.items() if name not in entries}
        return Mapping(
            file=self._file, line=mark.line + 1, column=mark.column + 1, path=path, entries=entries
        )

    def _merge(self, value: Node, merged: dict[str, tuple[Scalar, Node]]) -> None:
        """Take in `<<: *other` or `<<: [*one, *other]`; what stands first counts."""
        for one in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(one, Mapping):
                merged |= {name: it for name, it in one.entries.items() if name not in merged}
            else:
                self._faults.add(one, f"found {describe(one)}; expected a mapping to merge")

    def _key(self, event: Event, path: str) -> Scalar:
        if not isinstance(event, ScalarEvent):
            raise self._refuse(event, "found a key that is not a text; quote it if it begins so")
        if event.tag:
            raise self._refuse(event, f"found the tag {event.tag}; tags are not used here")
        self._count(event, 1)
        key = self._scalar(event, f"{path}.{event.value}" if path else event.value)
        if event.anchor:
            self._anchors[event.anchor] = (key, 1)
        return key


def _opens(event: Event) -> bool:
    return isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent | AliasEvent)


_INT = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Plain] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float(f"{sign}inf") for sign in ("", "+", "-") for word in (".inf", ".Inf")},
}


def resolve(text: str) -> Plain:
    """Return what an unquoted text means in YAML 1.2's core schema.

    >>> [resolve(text) for text in ("22:30", "no", "true", "0x1F", "1e3", "~")]
    ['22:30', 'no', True, 31, 1000.0, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
