"""Nodes of a document -> plain values for the models: `${VAR}`, `*_file`, nothing secret shown.

Walks the document beside the model it is meant for, so that unknown keys are told with the
nearest guess and only secrets may come from files.
"""

import re
import types
from collections.abc import Mapping as Environ
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from bot.config.secret import Secret
from storage.documents import Faults, Mapping, Node, Scalar, Sequence, describe
from storage.errors import nearest

_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LARGEST_SECRET = 64 * 1024  # bytes; keys and certificates are far smaller
_SHORTEST_SECRET = 6  # shorter texts would blank half of a sentence and protect nothing


def core(annotation: Any) -> Any:
    """Strip `Annotated[...]` and `... | None` from a type."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def is_section(annotation: Any) -> bool:
    """Say whether the type is a model, that is, a mapping with known keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


class Values:
    """Turns nodes into what the models read; notes each fault, and where a value stood."""

    def __init__(self, folder: Path, environ: Environ[str, str], faults: Faults) -> None:
        self._folder, self._environ, self._faults = folder, environ, faults
        self._secrets: set[int] = set()  # ids of nodes that hold a secret
        self._put_in: dict[str, str] = {}  # what came from outside -> what stands for it
        self.refused: set[str] = set()  # paths that have had their fault already

    def plain(self, node: Node, annotation: Any) -> Any:
        """Return the value of `node`, meant for a field of type `annotation`."""
        wanted = core(annotation)
        if isinstance(node, Scalar):
            if node.value is None and (is_section(wanted) or get_origin(wanted) is dict):
                return {}
            if node.value is None and get_origin(wanted) is tuple:
                return []
            return self._scalar(node, secret=wanted is Secret)
        if isinstance(node, Sequence):
            inner = get_args(wanted)[0] if get_origin(wanted) is tuple else Any
            return [self.plain(item, inner) for item in node]
        assert isinstance(node, Mapping)
        if is_section(wanted):
            return self._section(node, wanted)
        inner = get_args(wanted)[1] if get_origin(wanted) is dict else Any
        return {key.text: self.plain(value, inner) for key, value in node}

    def found(self, node: Node) -> str:
        """Describe a value as it is written, without showing a secret."""
        is_text = isinstance(node, Scalar) and node.value is not None
        if is_text and id(node) in self._secrets and not _VARIABLE.fullmatch(describe(node)[1:-1]):
            return "a text"
        return describe(node)

    def is_from_outside(self, node: Node) -> bool:
        """Say whether a part of the value came from the environment, or is a secret."""
        written = node.text if isinstance(node, Scalar) else ""
        return id(node) in self._secrets or _VARIABLE.search(written) is not None

    def redacted(self, text: str) -> str:
        """Put the variables' names back where their values show."""
        for value, name in sorted(self._put_in.items(), key=lambda item: -len(item[0])):
            for shown in (value, repr(value)[1:-1]):
                text = text.replace(shown, name)
        return text

    def _from_outside(self, value: str, name: str) -> str:
        if len(value) >= _SHORTEST_SECRET:
            self._put_in[value] = name
        return value

    def _refuse(self, node: Node, text: str) -> str:
        self._faults.add(node, text)
        self.refused.add(node.path)
        return ""

    def _scalar(self, node: Scalar, *, secret: bool) -> Any:
        if secret:
            self._secrets.add(id(node))
            if not _VARIABLE.search(node.text):
                self._from_outside(node.text, "<secret>")
        if node.value is None or isinstance(node.value, bool):
            return node.value
        return _VARIABLE.sub(lambda found: self._variable(node, found), node.text)

    def _variable(self, node: Scalar, found: re.Match[str]) -> str:
        if found[1]:  # `$${NAME}` means the text itself
            return found[0][1:]
        name = found[2]
        if name in self._environ:
            return self._from_outside(self._environ[name], found[0])
        if f"{name}_FILE" in self._environ:
            return self._file(node, Path(self._environ[f"{name}_FILE"]), f"{name}_FILE")
        hint = nearest(name, self._environ)
        expected = f"expected it, or {name}_FILE, to be set"
        return self._refuse(node, f"the environment has no {name}; {hint}{expected}")

    def _file(self, node: Node, path: Path, named_by: str) -> str:
        try:
            with (self._folder / path).open("rb") as file:
                content = file.read(_LARGEST_SECRET + 1)
            if len(content) > _LARGEST_SECRET:
                return self._refuse(node, f"{named_by}: {path} is too large for a secret")
            return self._from_outside(content.decode().strip(), "<secret>")
        except OSError as error:
            return self._refuse(node, f"{named_by}: {path} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            return self._refuse(node, f"{named_by}: {path} is not UTF-8 text")

    def _section(self, node: Mapping, model: type[BaseModel]) -> dict[str, Any]:
        fields = model.model_fields.items()
        known = {field.alias or name: field.annotation for name, field in fields}
        secrets = {name for name, kind in known.items() if core(kind) is Secret}
        names = sorted(known)
        values: dict[str, Any] = {}
        for key, value in node:
            name = key.text
            target = name.removesuffix("_file")
            if name in known:
                values[name] = self.plain(value, known[name])
            elif target in secrets and name != target:
                self._secret_file(node, key, value, values)
            else:
                hint = nearest(name, names)
                self._refuse(key, f"no such key; {hint}known: {', '.join(names)}")
        return values

    def _secret_file(
        self, section: Mapping, key: Scalar, value: Node, values: dict[str, Any]
    ) -> None:
        """Read the secret that `<key>_file` names; its fault stands for that of the secret."""
        target = key.text.removesuffix("_file")
        secret = f"{section.path}.{target}" if section.path else target
        if target in section:
            self._refuse(key, f"found both {target} and {key.text}; expected one of them")
            return
        if not isinstance(value, Scalar) or value.value is None:
            self._refuse(value, f"found {describe(value)}; expected the path of a file")
            self.refused.add(secret)
            return
        path = str(self._scalar(value, secret=False))
        values[target] = self._file(value, Path(path), key.text)
        if not values[target] and value.path not in self.refused:
            self._refuse(value, f"{path} is empty; expected a secret text in it")
        if value.path in self.refused:
            self.refused.add(secret)
