"""The configuration file and the environment -> `Config`, every fault in one go."""

from collections.abc import Mapping as Environ
from collections.abc import Sequence as Words
from glob import glob
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.config import channels
from bot.config.check import check
from bot.config.config import Config
from bot.config.fields import parse_port
from bot.config.inspection import Inspection
from bot.config.places import Places
from bot.config.values import Values, core, is_section
from storage.documents import Faults, Mapping, Node, Scalar, Sequence, read_document
from storage.errors import ConfigError, nearest, unknown_name

Loc = tuple[str | int, ...]
KEY = "[key]"  # how pydantic says that the key is wrong and not its value


def read_config(path: Path, environ: Environ[str, str]) -> Config:
    """Read and check the configuration; the environment fills `${VAR}`, PORT and DATABASE_URL.

    Raises ConfigError with every fault, one a line: file:line:column, the path to the key, what
    was found, what is right, the nearest guess. No secret is ever shown.
    """
    return config_of(read_document(path), path.parent, environ)


def config_of(document: Node, folder: Path, environ: Environ[str, str]) -> Config:
    """Check a configuration that has been read from a file in `folder`; raises as `read_config`."""
    faults = Faults()
    top = faults.mapping(document, "a mapping of sections such as people and policies")
    faults.raise_all()
    assert top is not None
    reader = _Reader(top, folder, environ, faults)
    plain = reader.values.plain(top, Config)
    plain["channels"] = reader.opened()
    plain.setdefault("storage", {})
    known = {key.text: set(value.entries) for key, value in top if isinstance(value, Mapping)}
    reader.environment(plain)
    config = reader.config(plain)
    refused = frozenset(reader.values.refused)
    check(
        Inspection(config=config, places=reader.places, known=known, faults=faults, refused=refused)
    )
    if faults:
        raise ConfigError(reader.values.redacted("\n".join(faults.lines())))
    return config


def rule_files_of(document: Node, folder: Path) -> tuple[Path, ...]:
    """Return the rule files that a configuration in `folder` names, as far as it can be read."""
    patterns = document.get("rules") if isinstance(document, Mapping) else None
    found = [
        folder / name
        for node in (patterns if isinstance(patterns, Sequence) else ())
        if isinstance(node, Scalar)
        for name in sorted(glob(node.text, root_dir=folder, recursive=True))
    ]
    return tuple(dict.fromkeys(file for file in found if file.is_file()))


class _Reader:
    """What every step of one reading needs."""

    def __init__(
        self, top: Mapping, folder: Path, environ: Environ[str, str], faults: Faults
    ) -> None:
        self._top, self._folder, self._environ, self._faults = top, folder, environ, faults
        self.values = Values(folder, environ, faults)
        self.places = Places(top)

    def environment(self, plain: dict[str, Any]) -> None:
        """Let PORT and DATABASE_URL have their say."""
        if port := self._environ.get("PORT"):
            try:
                self._listen_on(plain, parse_port(port))
            except ValueError as error:
                self._faults.add("environment PORT", f"found {port[:20]!r}; {error}")
        address = self._environ.get("DATABASE_URL")
        if address and isinstance(plain["storage"], dict):
            is_file = "://" not in address
            plain["storage"]["database"] = str(Path(address).absolute()) if is_file else address

    def _listen_on(self, plain: dict[str, Any], port: int) -> None:
        """Replace the port; where no address is written, platforms expect all of them."""
        server = plain.setdefault("server", {})
        if isinstance(server, dict):
            host = str(server.get("listen", "0.0.0.0:0")).rpartition(":")[0]
            server["listen"] = f"{host}:{port}"

    def opened(self) -> dict[str, channels.Opened]:
        """Read each section of `channels` by the options of the channel it names."""
        section = self._top.get("channels")
        if section is None or not isinstance(section, Mapping):
            return {}
        opened = {}
        for key, node in section:
            if key.text in channels.names():
                read = self._channel(key.text, node)
                if read is not None:
                    opened[key.text] = read
            else:
                where = f"{key.where} {key.path}"
                self._faults.take(unknown_name(where, "channel", key.text, channels.names()))
        return opened

    def _channel(self, name: str, node: Node) -> channels.Opened | None:
        kind = channels.kind(name)
        model = channels.section(kind.options)
        try:
            plain = self.values.plain(node, model)
            read = model.model_validate(plain, context={"folder": self._folder})
            return channels.Opened(kind, channels.options(kind, read))
        except ValidationError as error:
            self._note(error, model, ("channels", name))
        except ValueError as error:
            self._faults.add(node, str(error))
        return None

    def config(self, plain: dict[str, Any]) -> Config:
        """Build the configuration; what is wrong is noted and left out, so that we see the rest."""
        first = True
        while True:
            try:
                return Config.model_validate(plain, context={"folder": self._folder})
            except ValidationError as error:
                if first:
                    self._note(error, Config, ())
                first = False
                for fault in reversed(error.errors(include_url=False)):
                    _leave_out(plain, fault["loc"], missing=fault["type"] == "missing")

    def _note(self, error: ValidationError, model: type[BaseModel], root: Loc) -> None:
        """Note pydantic's faults in our words, except where a value had its fault already."""
        for fault in error.errors(include_url=False, include_input=False):
            loc: Loc = (*root, *(word for word in fault["loc"] if word != KEY))
            path = _path(loc)
            if path in self.values.refused or self._only_shrank(fault, loc):
                continue
            self.values.refused.add(path)
            if fault["type"] == "missing":
                self._faults.add(self.places.at(loc), _missing(model, fault["loc"]))
            elif KEY in fault["loc"]:
                self._faults.add(self.places.key(*map(str, loc)), _sentence(fault, repr(loc[-1])))
            else:
                node = self.places.at(loc)
                sentence = _sentence(fault, self.values.found(node))
                if self.values.is_from_outside(node) and fault["type"] == "value_error":
                    sentence = _unquoted(sentence, self.values.found(node))
                self._faults.add(node, sentence)

    def _only_shrank(self, fault: ErrorDetails, loc: Loc) -> bool:
        """Say whether a list is too short only because its items have faults of their own."""
        node = self.places.at(loc)
        return fault["type"] == "too_short" and isinstance(node, Sequence) and len(node) > 0


def _path(loc: Loc) -> str:
    """Write a location as documents do: `routes[2].policy`."""
    text = ""
    for word in loc:
        text += f"[{word}]" if isinstance(word, int) else f".{word}" if text else word
    return text


def _missing(model: type[BaseModel], loc: Words[str | int]) -> str:
    """Say which key is missing, and which there are."""
    section: Any = model
    for word in loc[:-1]:
        section = _inside(section, word)
    known = ", ".join(sorted(section.model_fields)) if is_section(section) else ""
    return f"{loc[-1]} is missing; expected it among {known}" if known else f"{loc[-1]} is missing"


def _inside(annotation: Any, word: str | int) -> Any:
    """Return the type of what `word` names inside `annotation`."""
    wanted = core(annotation)
    if is_section(wanted):
        field = wanted.model_fields.get(str(word))
        return core(field.annotation) if field else Any
    if get_origin(wanted) is dict:
        return core(get_args(wanted)[1])
    if get_origin(wanted) is tuple:
        return core(get_args(wanted)[0])
    return Any


_EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "too_short": "a list that is not empty",
}


def _sentence(fault: ErrorDetails, found: str) -> str:
    """Say what was found and what is right."""
    context, kind = fault.get("ctx", {}), fault["type"]
    if kind == "value_error":
        text = str(context["error"])
        return f"found {found}; {text}" if text.startswith("expected") else text
    if kind in ("enum", "literal_error"):
        listed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        names = listed.split(", ")
        return f"found {found}; {nearest(found.strip(chr(39)), names)}expected {' or '.join(names)}"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"found {found}; expected a number of {bound}"
    if kind == "string_too_long":
        return f"found {found}; expected at most {context['max_length']} characters"
    return f"found {found}; expected {_EXPECTED.get(kind, fault['msg'])}"


def _unquoted(sentence: str, found: str) -> str:
    """Keep of a sentence only what was expected: the rest may quote what came from outside."""
    _, expected, right = sentence.partition("expected ")
    if not expected:
        return f"found {found}, which cannot be used here"
    return f"found {found}; expected {right.split(' (did you mean')[0]}"


def _leave_out(plain: Any, loc: Words[str | int], *, missing: bool) -> None:
    """Take the value at `loc` out; where a key is missing, the section that lacks it goes."""
    words = [word for word in loc if word != KEY]
    if missing:
        words = words[:-1]
    for word in words[:-1]:
        try:
            plain = plain[word]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(plain, dict) and words:
        plain.pop(words[-1], None)
    elif isinstance(plain, list) and words and int(words[-1]) < len(plain):
        del plain[int(words[-1])]
