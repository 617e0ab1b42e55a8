"""Parts of another program's file, read with the place of each fault."""

from storage.documents import Mapping, Node, Scalar, Sequence, describe
from storage.errors import ConfigError


def items(node: Node | None) -> tuple[Node, ...]:
    """Return the entries of a list, none where it is left out; raises ConfigError."""
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return ()
    if not isinstance(node, Sequence):
        raise ConfigError(f"{node.where} {node.path}: found {describe(node)}; expected a list")
    return node.items


def mapping(node: Node | None, above: Node) -> Mapping:
    """Return a mapping; raises ConfigError. above: where it is missed."""
    if not isinstance(node, Mapping):
        found = describe(node) if node is not None else "nothing"
        raise ConfigError(f"{above.where} {above.path}: found {found}; expected a mapping")
    return node


def text(node: Node | None, above: Node) -> str:
    """Return a text as written; raises ConfigError. above: where it is missed."""
    if not isinstance(node, Scalar) or node.value is None:
        found = describe(node) if node is not None else "nothing"
        raise ConfigError(f"{above.where} {above.path}: found {found}; expected a text")
    return node.text
