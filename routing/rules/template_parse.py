"""Go's template language, the part that rule files use: text -> tree.

Known: fields, variables, pipes, calls, methods, `if / else if / else`, `range`, `with`, `break`,
`continue`, `define`, `template`, `block`, comments and `{{- -}}`.
Source: Go 1.22, text/template/parse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

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
from routing.rules.template_words import TemplateError, Token, constant, pieces
from storage.errors import nearest

GIVEN: Final = ("$", "$labels", "$value", "$externalLabels", "$externalURL")
"""The variables that stand before the first word of every template."""

WORDS: Final = frozenset(
    {"if", "else", "end", "range", "with", "break", "continue", "define", "template", "block"}
)
DEEPEST: Final = 50


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template, and those that it defines by name."""

    nodes: tuple[Node, ...]
    defined: Mapping[str, tuple[Node, ...]]


def parse(text: str, functions: Mapping[str, tuple[int, int]]) -> Parsed:
    """Read a template; raises TemplateError for what Go, or this subset, does not know.

    functions: name -> (fewest, most arguments).
    """
    parser = _Parser(list(pieces(text)), functions)
    nodes, closed_by = parser.block([*GIVEN], looping=False)
    if closed_by:
        raise TemplateError(f"{{{{ {closed_by.text} }}}} closes nothing", closed_by.at)
    for wanted in parser.included:
        if wanted.name not in parser.defined:
            hint = nearest(wanted.name, parser.defined).strip() or "none is defined in this text"
            raise TemplateError(f"no template is called {wanted.name!r}; {hint}", wanted.at)
    return Parsed(nodes, parser.defined)


class _Parser:
    """Walks over the pieces of one template once."""

    def __init__(
        self, pieces: Sequence[str | list[Token]], functions: Mapping[str, tuple[int, int]]
    ) -> None:
        self._pieces, self._functions, self._next, self._depth = pieces, functions, 0, 0
        self.defined: dict[str, tuple[Node, ...]] = {}
        self.included: list[Include] = []

    def block(self, names: list[str], *, looping: bool) -> tuple[tuple[Node, ...], Token | None]:
        """Read up to `end`, `else` or the end of the template; return what closed it."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise TemplateError(f"nested more than {DEEPEST} levels deep")
        nodes: list[Node] = []
        closed_by = None
        while self._next < len(self._pieces):
            piece = self._pieces[self._next]
            self._next += 1
            if isinstance(piece, str):
                nodes.append(Text(piece))
                continue
            word = piece[0].text if piece and piece[0].kind == "word" else ""
            if word in {"end", "else"}:
                closed_by = piece[0]
                break
            if word == "define":
                self._define(piece)
                continue
            nodes.append(self._node(piece, word, names, looping=looping))
        self._depth -= 1
        return tuple(nodes), closed_by

    def _node(self, tokens: list[Token], word: str, names: list[str], *, looping: bool) -> Node:
        if not tokens:
            raise TemplateError("an empty {{ }} says nothing")
        if word in {"if", "with", "range"}:
            return self._branch(word, tokens, [*names], looping=looping)
        if word in {"break", "continue"}:
            if not looping:
                raise TemplateError(f"{word} stands outside of range", tokens[0].at)
            return Leave(word)
        if word in {"template", "block"}:
            return self._include(word, tokens, names)
        return Show(_Action(tokens, self._functions, names).whole())

    def _define(self, tokens: list[Token]) -> None:
        """Read `define "name" }} body {{ end }}`; its body knows no variables but `$`."""
        if self._depth > 1:
            raise TemplateError("define stands inside of another block", tokens[0].at)
        if len(tokens) != 2:
            raise TemplateError('write {{ define "name" }}', tokens[0].at)
        self._body(self._named(tokens), tokens[0])

    def _include(self, word: str, tokens: list[Token], names: list[str]) -> Include:
        """Read `template "name" pipe`, or `block "name" pipe }} body {{ end }}`."""
        name, rest = self._named(tokens), tokens[2:]
        pipe = _Action(rest, self._functions, names, after=tokens[1]).whole() if rest else None
        if word == "block":
            if pipe is None:
                raise TemplateError('write {{ block "name" . }}', tokens[0].at)
            self._body(name, tokens[0])
        self.included.append(Include(name, pipe, tokens[0].at))
        return self.included[-1]

    def _named(self, tokens: list[Token]) -> str:
        """Return the name that is the second token."""
        if len(tokens) < 2 or tokens[1].kind != "string":
            where = tokens[min(1, len(tokens) - 1)].at
            raise TemplateError(f'write {{{{ {tokens[0].text} "name" }}}}', where)
        return str(constant(tokens[1]))

    def _body(self, name: str, head: Token) -> None:
        """Read what is defined under a name, up to its end."""
        body, closed_by = self.block(["$"], looping=False)
        if closed_by is None or closed_by.text != "end":
            raise TemplateError(f"{{{{ {head.text} }}}} is never closed by {{{{ end }}}}", head.at)
        self.defined[name] = body

    def _branch(self, word: str, tokens: list[Token], names: list[str], *, looping: bool) -> Branch:
        """Read `word pipe }} body {{ else }} otherwise {{ end }}`; `tokens[0]` is the word."""
        head = tokens[0]
        pipe = _Action(tokens[1:], self._functions, names, after=head).whole(
            in_range=word == "range"
        )
        body, closed_by = self.block([*names], looping=looping or word == "range")
        otherwise: tuple[Node, ...] = ()
        if closed_by is not None and closed_by.text == "else":
            rest = self._closing(closed_by)
            if rest and rest[0].text in {"if", "with"} and rest[0].kind == "word":
                inner = self._branch(rest[0].text, rest, [*names], looping=looping)
                return Branch(word, pipe, body, (inner,))
            otherwise, closed_by = self.block([*names], looping=looping)
        if closed_by is None or closed_by.text != "end":
            raise TemplateError(f"{{{{ {word} }}}} is never closed by {{{{ end }}}}", head.at)
        return Branch(word, pipe, body, otherwise)

    def _closing(self, closed_by: Token) -> list[Token]:
        tokens = self._pieces[self._next - 1]
        assert isinstance(tokens, list)
        rest = tokens[1:]
        if rest and rest[0].text not in {"if", "with"}:
            raise TemplateError(f"{rest[0].text!r} cannot follow {closed_by.text}", rest[0].at)
        return rest


class _Action:
    """Reads the tokens of one action."""

    def __init__(
        self,
        tokens: list[Token],
        functions: Mapping[str, tuple[int, int]],
        names: list[str],
        after: Token | None = None,
    ) -> None:
        self._tokens, self._functions, self._names = tokens, functions, names
        self._at, self._after = 0, after

    def whole(self, *, in_range: bool = False) -> Pipe:
        """Read all tokens as one pipe; names that it declares are added to those known."""
        declared, declares = self._declaration(in_range=in_range)
        pipe = self._pipe()
        if (token := self._peek()) is not None:
            self._fail(f"{token.text!r} was not expected", token)
        if declares:
            self._names.extend(declared)
        elif unknown := [name for name in declared if name not in self._names]:
            missing = f"the variable {unknown[0]} is not declared; write {unknown[0]} := ..."
            self._fail(missing, self._tokens[0])
        return Pipe(pipe.steps, declared, declares)

    def _declaration(self, *, in_range: bool) -> tuple[tuple[str, ...], bool]:
        kinds = [token.text if token.kind == "mark" else token.kind for token in self._tokens]
        for most in (2, 1) if in_range else (1,):
            lead = ["variable", ",", "variable"][: 2 * most - 1]
            marks = kinds[len(lead) : len(lead) + 1]
            if kinds[: len(lead)] == lead and marks in ([":="], ["="]):
                self._at = len(lead) + 1
                found = tuple(t.text for t in self._tokens[: len(lead)] if t.kind == "variable")
                return found, marks == [":="]
        return (), False

    def _pipe(self) -> Pipe:
        steps: list[Operand] = [self._command(piped=False)]
        while (token := self._peek()) is not None and token.text == "|":
            self._at += 1
            steps.append(self._command(piped=True))
        return Pipe(tuple(steps))

    def _command(self, *, piped: bool) -> Operand:
        start = self._peek()
        if (
            start is not None
            and start.kind == "word"
            and start.text not in {"true", "false", "nil"}
        ):
            self._at += 1
            return self._call(start, piped=piped)
        operand = self._operand()
        following = self._peek()
        has_args = following is not None and following.text not in {"|", ")"}
        if isinstance(operand, Fields) and (has_args or piped):
            return self._method(operand, start)
        if piped:
            self._fail("only a function can stand after |", start)
        if has_args:
            self._fail("only a function takes arguments", following)
        return operand

    def _method(self, found: Fields, start: Token | None) -> Operand:
        """Read the arguments of what looks like a field: Go calls it then."""
        *path, name = found.names
        of = Fields(found.of, tuple(path)) if path else found.of
        return Method(of, name, self._args(), start.at if start else 0)

    def _args(self) -> tuple[Operand, ...]:
        args: list[Operand] = []
        while (token := self._peek()) is not None and token.text not in {"|", ")"}:
            args.append(self._operand())
        return tuple(args)

    def _call(self, word: Token, *, piped: bool) -> Operand:
        if word.text not in self._functions:
            hint = (
                nearest(word.text, self._functions).strip() or "see Prometheus' list of functions"
            )
            self._fail(f"no function is called {word.text!r}; {hint}", word)
        args = self._args()
        fewest, most = self._functions[word.text]
        if not fewest <= len(args) + piped <= most:
            wanted = f"{fewest}" if fewest == most else f"at least {fewest}"
            self._fail(f"{word.text} takes {wanted} arguments, got {len(args) + piped}", word)
        return Call(word.text, args, word.at)

    def _operand(self) -> Operand:
        token = self._peek()
        if token is None:
            self._fail("a value is missing")
        self._at += 1
        operand = self._simple(token)
        names: list[str] = []
        while (field := self._peek()) is not None and field.kind == "field" and field.glued:
            names.append(field.text[1:])
            self._at += 1
        return Fields(operand, tuple(names)) if names else operand

    def _simple(self, token: Token) -> Operand:
        match token.kind:
            case "string" | "char" | "number":
                return Literal(constant(token))
            case "dot":
                return Dot()
            case "field":
                return Fields(Dot(), (token.text[1:],))
            case "variable":
                if token.text not in self._names:
                    hint = nearest(token.text, self._names).strip()
                    known = f"known: {', '.join(self._names)}"
                    self._fail(f"the variable {token.text} is not declared; {hint or known}", token)
                return Variable(token.text)
            case "word":
                return self._word(token)
        if token.text != "(":
            self._fail(f"{token.text!r} was not expected", token)
        inner = self._pipe()
        closing = self._peek()
        if closing is None or closing.text != ")":
            self._fail("( is never closed by )", token)
        self._at += 1
        return inner

    def _word(self, token: Token) -> Operand:
        constants = {"true": True, "false": False, "nil": None}
        if token.text in constants:
            return Literal(constants[token.text])
        if token.text not in self._functions:
            return self._call(token, piped=False)
        if self._functions[token.text][0]:
            self._fail(f"put ( ) round {token.text} and its arguments", token)
        return Call(token.text, (), token.at)

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _fail(self, message: str, token: Token | None = None) -> NoReturn:
        near = token or self._after or (self._tokens[-1] if self._tokens else None)
        raise TemplateError(message, near.at if near else 0)
