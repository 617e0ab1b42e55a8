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
        self._hidden: set[int] = set()  # ids of nodes whose value must not be shown
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
        """Describe a value without showing a secret, or anything that came from outside."""
        if isinstance(node, Scalar) and id(node) in self._hidden:
            return "the value of " + node.text if _VARIABLE.fullmatch(node.text) else "a text"
        return describe(node)

    def _refuse(self, node: Node, text: str) -> str:
        self._faults.add(node, text)
        self.refused.add(node.path)
        return ""

    def _scalar(self, node: Scalar, *, secret: bool) -> Any:
        if secret or _VARIABLE.search(node.text):
            self._hidden.add(id(node))
        if node.value is None or isinstance(node.value, bool):
            return node.value
        return _VARIABLE.sub(lambda found: self._variable(node, found), node.text)

    def _variable(self, node: Scalar, found: re.Match[str]) -> str:
        if found[1]:  # `$${NAME}` means the text itself
            return found[0][1:]
        name = found[2]
        if name in self._environ:
            return self._environ[name]
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
            return content.decode().strip()
        except OSError as error:
            return self._refuse(node, f"{named_by}: {path} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            return self._refuse(node, f"{named_by}: {path} is not UTF-8 text")

    def _section(self, node: Mapping, model: type[BaseModel]) -> dict[str, Any]:
        known = {name: field.annotation for name, field in model.model_fields.items()}
        secrets = {name for name, kind in known.items() if core(kind) is Secret}
        names = sorted(known)
        values: dict[str, Any] = {}
        for key, value in node:
            name = key.text
            target = name.removesuffix("_file")
            if name in known:
                values[name] = self.plain(value, known[name])
            elif target in secrets and name != target:
                values[target] = self._secret_file(node, key, value, target)
            else:
                hint = nearest(name, names)
                self._refuse(key, f"no such key; {hint}known: {', '.join(names)}")
        return values

    def _secret_file(self, section: Mapping, key: Scalar, value: Node, target: str) -> str:
        if target in section:
            return self._refuse(key, f"found both {target} and {key.text}; expected one of them")
        if not isinstance(value, Scalar) or value.value is None:
            return self._refuse(value, f"found {describe(value)}; expected the path of a file")
        path = self._scalar(value, secret=False)
        text = self._file(value, Path(str(path)), key.text)
        if not text and value.path not in self.refused:
            self._refuse(value, f"{path} is empty; expected a secret text in it")
        return text
