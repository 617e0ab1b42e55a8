"""The tree of a template: what `template_parse` returns and `template` walks."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, truth value or nil that stands in the template itself."""

    value: Any


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`"""


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`"""

    name: str


@dataclass(frozen=True, slots=True)
class Fields:
    """`of.first.second`"""

    of: "Operand"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """`name args...`; a piped value is appended as the last argument."""

    name: str
    args: "tuple[Operand, ...]"
    at: int


@dataclass(frozen=True, slots=True)
class Method:
    """`of.name args...`: what only times and durations have."""

    of: "Operand"
    name: str
    args: "tuple[Operand, ...]"
    at: int


@dataclass(frozen=True, slots=True)
class Pipe:
    """`$names := first | second | ...`; `declares` tells `:=` from `=`."""

    steps: "tuple[Operand, ...]"
    names: tuple[str, ...] = ()
    declares: bool = False


Operand = Literal | Dot | Variable | Fields | Call | Method | Pipe


@dataclass(frozen=True, slots=True)
class Text:
    """What stands between actions, trimmed."""

    text: str


@dataclass(frozen=True, slots=True)
class Show:
    """`{{ pipe }}`"""

    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` or `range` (`word`) over `pipe`."""

    word: str
    pipe: Pipe
    body: "tuple[Node, ...]"
    otherwise: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Leave:
    """`break` or `continue`"""

    word: str


@dataclass(frozen=True, slots=True)
class Include:
    """`template "name" pipe`: what was defined under that name, with the pipe's value as `.`."""

    name: str
    pipe: Pipe | None
    at: int


Node = Text | Show | Branch | Leave | Include
