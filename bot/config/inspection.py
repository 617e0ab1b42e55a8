"""What a check of the whole configuration works with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.config.config import Config
from bot.config.places import Places
from storage.documents import Faults
from storage.errors import unknown_name

Way = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The configuration as far as it could be read, and where its faults are noted.

    known: section -> all names written in it, also of what could not be read: one fault must
           not make others up.
    """

    config: Config
    places: Places
    known: Mapping[str, set[str]]
    faults: Faults
    refused: frozenset[str] = frozenset()

    def names(self, section: str) -> set[str]:
        """Return the names written in a section."""
        return self.known.get(section, set())

    def is_sound(self, section: str) -> bool:
        """Say whether all that is written in a section could be read."""
        return not any(path.split(".")[0].split("[")[0] == section for path in self.refused)

    def add(self, way: Way, text: str) -> None:
        """Note a fault at the value that `way` leads to."""
        self.faults.add(self.places.at(way), text)

    def add_at_key(self, section: str, name: str, text: str) -> None:
        """Note a fault at the key `name` of a section."""
        self.faults.add(self.places.key(section, name), text)

    def refers(self, way: Way, kind: str, name: str, known: Iterable[str]) -> None:
        """Note a name that refers to nothing."""
        names = set(known)
        if name not in names:
            node = self.places.at(way)
            self.faults.take(unknown_name(f"{node.where} {node.path}", kind, name, names))
