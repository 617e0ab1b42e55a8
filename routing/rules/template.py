"""Templates of rule files: parsed when the file is read, expanded for each alert, with limits.

A label's value is data: it is printed as it is, `{{` included, and never parsed. `query` is
answered from what was loaded before: where an answer is missing, `expand` raises Wanted, the
shell loads it and expands again. Nothing here runs code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from routing.rules import template_parse
from routing.rules.go_format import shown
from routing.rules.template_functions import FUNCTIONS, Row, text, truth
from routing.rules.template_time import Moment, Span, call_method
from routing.rules.template_tree import (
    Branch,
    Call,
    Dot,
    Fields,
    Include,
    Leave,
    Literal,
    Method,
    Node,
    Operand,
    Pipe,
    Show,
    Text,
    Variable,
)
from routing.rules.template_words import TemplateError
from storage.model.labels import Labels

__all__ = [
    "NOWHERE",
    "Outside",
    "Row",
    "Template",
    "TemplateError",
    "Wanted",
    "expand",
    "parse_template",
]

MOST_STEPS: Final = 10_000
MOST_OUTPUT: Final = 65_536
"""Characters of the whole text, and of each value on the way."""
MOST_INSIDE: Final = 20
"""Defined templates that stand in one another."""
MOST_WORK: Final = 4 * 1024 * 1024
"""Characters that all functions of one expansion may read and write together."""

KNOWN: Final = {
    **{name: (fewest, most) for name, (fewest, most, _) in FUNCTIONS.items()},
    "and": (1, 50),
    "or": (1, 50),
    "query": (1, 1),
    "tmpl": (2, 2),
}


class Wanted(Exception):
    """The template asks for the answer of a query that was not loaded yet."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self.query = query


@dataclass(frozen=True, slots=True)
class Template:
    """A template that parses. Two templates of equal text are equal."""

    text: str
    nodes: tuple[Node, ...] = field(compare=False)
    defined: Mapping[str, tuple[Node, ...]] = field(default_factory=dict, compare=False)

    @property
    def is_plain(self) -> bool:
        """Say whether it expands to itself."""
        return all(isinstance(node, Text) for node in self.nodes)


def parse_template(source: str) -> Template:
    """Read a template; raises TemplateError with the place of what is wrong.

    >>> str(expand(parse_template("{{ $value | humanize }}B"), labels={}, value=1234567.0))
    '1.235MB'
    """
    parsed = template_parse.parse(source, KNOWN)
    return Template(source, parsed.nodes, parsed.defined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a template knows of the installation: `$externalLabels` and `$externalURL`."""

    labels: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


NOWHERE: Final = Outside()


def expand(
    template: Template,
    *,
    labels: Mapping[str, str] | Labels,
    value: float,
    answers: Mapping[str, Sequence[Row] | str] | None = None,
    outside: Outside = NOWHERE,
) -> str:
    """Write the template for one series.

    answers: query -> what it returned, or why it did not.  Raises Wanted for a query that is
    not among them, and TemplateError where a function refuses or a limit is reached.
    """
    run = _Run(dict(labels), value, answers or {}, outside, template.defined)
    run.nodes(template.nodes, run.root)
    return "".join(run.written)


class _Left(Exception):
    """`break` or `continue` on its way to the loop."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class _Run:
    """One expansion: its variables, what it wrote, and what it may still spend."""

    def __init__(
        self,
        labels: Mapping[str, str],
        value: float,
        answers: Mapping[str, Sequence[Row] | str],
        outside: Outside,
        defined: Mapping[str, tuple[Node, ...]],
    ) -> None:
        self.root = {
            "Labels": labels,
            "Value": value,
            "ExternalLabels": outside.labels,
            "ExternalURL": outside.url,
        }
        given = (self.root, labels, value, outside.labels, outside.url)
        self._scopes: list[dict[str, Any]] = [dict(zip(template_parse.GIVEN, given, strict=True))]
        self._answers, self._defined, self._inside = answers, defined, 0
        self._steps, self._work, self._length = 0, 0, 0
        self.written: list[str] = []

    def nodes(self, nodes: Sequence[Node], dot: Any) -> None:
        for node in nodes:
            self._step()
            match node:
                case Text(plain):
                    self._write(plain)
                case Show(pipe):
                    value = self._pipe(pipe, dot)
                    if not pipe.names:
                        self._write(shown(value))
                case Leave(word):
                    raise _Left(word)
                case Branch():
                    self._branch(node, dot)
                case Include(name, pipe, at):
                    self._include(name, None if pipe is None else self._pipe(pipe, dot), at)

    def _branch(self, node: Branch, dot: Any) -> None:
        self._scopes.append({})
        try:
            if node.word == "range":
                self._range(node, dot)
                return
            value = self._pipe(node.pipe, dot)
            inner = value if node.word == "with" and truth(value) else dot
            self._block(node.body if truth(value) else node.otherwise, inner)
        finally:
            self._scopes.pop()

    def _include(self, name: str, dot: Any, at: int) -> None:
        """Write what is defined under a name; it sees `.` and `$` alone."""
        if name not in self._defined:
            raise TemplateError(f"no template is called {name!r}", at)
        self._inside += 1
        if self._inside > MOST_INSIDE:
            raise TemplateError(f"templates stand in one another over {MOST_INSIDE} times", at)
        outer, self._scopes = self._scopes, [{"$": dot}]
        try:
            self.nodes(self._defined[name], dot)
        finally:
            self._scopes = outer
            self._inside -= 1

    def _tmpl(self, name: Any, dot: Any, at: int) -> str:
        """Return what is defined under a name as a text."""
        outer, self.written = self.written, []
        try:
            self._include(text(name), dot, at)
            return "".join(self.written)
        finally:
            self.written = outer

    def _block(self, nodes: Sequence[Node], dot: Any) -> None:
        self._scopes.append({})
        try:
            self.nodes(nodes, dot)
        finally:
            self._scopes.pop()

    def _range(self, node: Branch, dot: Any) -> None:
        found = self._pipe(Pipe(node.pipe.steps), dot)
        pairs = _pairs(found)
        for key, item in pairs:
            self._step()
            names = node.pipe.names
            for name, value in zip(names[::-1], (item, key), strict=False):
                self._set(name, value, declares=node.pipe.declares)
            try:
                self._block(node.body, item)
            except _Left as left:
                if left.word == "break":
                    break
        if not pairs:
            self._block(node.otherwise, dot)

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        piped: tuple[Any, ...] = ()
        for step in pipe.steps:
            piped = (self._step_of(step, dot, piped),)
        for name in pipe.names:
            self._set(name, piped[0], declares=pipe.declares)
        return piped[0]

    def _step_of(self, step: Operand, dot: Any, piped: tuple[Any, ...]) -> Any:
        """Return the value of one step of a pipe, given that of the step before."""
        match step:
            case Call():
                return self._call(step, dot, piped)
            case Method():
                return self._method(step, dot, piped)
        return self._of(step, dot)

    def _method(self, method: Method, dot: Any, piped: tuple[Any, ...]) -> Any:
        self._step()
        value = self._of(method.of, dot)
        if not isinstance(value, Moment | Span):
            raise TemplateError(f"{shown(value)} has no method {method.name}", method.at)
        args = (*(self._of(arg, dot) for arg in method.args), *piped)
        self._spend(args)
        found = call_method(value, method.name, args)
        self._spend((found,))
        return found

    def _of(self, operand: Operand, dot: Any) -> Any:
        self._step()
        match operand:
            case Literal(value):
                return value
            case Dot():
                return dot
            case Variable(name):
                return next(scope[name] for scope in reversed(self._scopes) if name in scope)
            case Fields(of, names):
                value = self._of(of, dot)
                for name in names:
                    value = _field(value, name)
                return value
            case Call():
                return self._call(operand, dot, ())
            case Method():
                return self._method(operand, dot, ())
            case Pipe():
                return self._pipe(operand, dot)

    def _call(self, call: Call, dot: Any, piped: tuple[Any, ...]) -> Any:
        self._step()
        if call.name in {"and", "or"}:
            return self._either(call, dot, piped)
        args = (*(self._of(arg, dot) for arg in call.args), *piped)
        if call.name == "query":
            return self._query(text(args[0]))
        if call.name == "tmpl":
            return self._tmpl(args[0], args[1], call.at)
        self._spend(args)
        try:
            found = FUNCTIONS[call.name][2](*args)
        except TemplateError as error:
            raise TemplateError(f"{call.name}: {error}", call.at) from error
        self._spend((found,))
        return found

    def _either(self, call: Call, dot: Any, piped: tuple[Any, ...]) -> Any:
        value: Any = None
        for arg in call.args:
            value = self._of(arg, dot)
            if truth(value) is (call.name == "or"):
                return value
        return piped[0] if piped else value

    def _query(self, query: str) -> list[Row]:
        if query not in self._answers:
            raise Wanted(query)
        found = self._answers[query]
        if isinstance(found, str):
            raise TemplateError(f"query {query!r}: {found}")
        return list(found)

    def _set(self, name: str, value: Any, *, declares: bool) -> None:
        if declares:
            self._scopes[-1][name] = value
            return
        next(scope for scope in reversed(self._scopes) if name in scope)[name] = value

    def _write(self, plain: str) -> None:
        self._length += len(plain)
        if self._length > MOST_OUTPUT:
            raise TemplateError(f"the text grew beyond {MOST_OUTPUT} characters")
        self.written.append(plain)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TemplateError(f"took more than {MOST_STEPS} steps")

    def _spend(self, values: Sequence[Any]) -> None:
        for value in values:
            size = len(value) if isinstance(value, str | list | dict) else 1
            if size > MOST_OUTPUT:
                raise TemplateError(f"a value grew beyond {MOST_OUTPUT} characters")
            self._work += size
        if self._work > MOST_WORK:
            raise TemplateError(f"worked on more than {MOST_WORK} characters")


def _field(value: Any, name: str) -> Any:
    if isinstance(value, Row) and name in {"Labels", "Value"}:
        return value.labels if name == "Labels" else value.value
    if isinstance(value, Moment | Span):
        return call_method(value, name, ())
    if isinstance(value, Mapping):
        return value.get(name, "")
    raise TemplateError(f"{shown(value)} has no field {name}")


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    raise TemplateError(f"range cannot walk over {shown(value)}")
