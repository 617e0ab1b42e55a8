"""Where in the document a value of the configuration stands."""

from collections.abc import Iterable

from storage.documents import Mapping, Node, Sequence


class Places:
    """Finds nodes by their way from the top: `("routes", 2, "policy")`."""

    def __init__(self, top: Node) -> None:
        self._top = top

    def at(self, way: Iterable[str | int]) -> Node:
        """Return the node, or the nearest one around it where the way ends early.

        A secret that was read from a file stands at its `_file` key.
        """
        node = self._top
        for word in way:
            inner: Node | None = None
            if isinstance(node, Mapping):
                written = str(word) if word in node.entries else f"{word}_file"
                inner = node.get(written)
            elif isinstance(node, Sequence) and isinstance(word, int) and word < len(node):
                inner = node.items[word]
            if inner is None:
                return node
            node = inner
        return node

    def has(self, *way: str | int) -> bool:
        """Say whether something is written there (or in its `_file` key)."""
        around = self.at(way[:-1])
        last = str(way[-1])
        return isinstance(around, Mapping) and (last in around or f"{last}_file" in around)

    def key(self, *way: str) -> Node:
        """Return the key (not the value) that `way` leads to, or the nearest node around it."""
        around = self.at(way[:-1])
        entry = around.entries.get(way[-1]) if isinstance(around, Mapping) else None
        return entry[0] if entry else around
