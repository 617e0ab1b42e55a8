"""Whose trouble explains whose: what services cannot do without. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from storage.model.services import Service

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What may explain a service's trouble, and whom its own trouble may explain.

    below: service -> what it cannot do without, directly or through others, the nearest first.
           Without those that cannot do without it either: services in a ring explain nothing
           to each other, so that of all that fires something is always heard.
    above: the same, read the other way.
    hides: whether an explained alert is hidden; else messages say what may explain it.
    """

    below: Mapping[str, Names] = field(default_factory=dict)
    above: Mapping[str, Names] = field(default_factory=dict)
    hides: bool = False

    @classmethod
    def of(cls, services: Iterable[Service], *, hides: bool = False) -> "Dependencies":
        """Follow `depends_on` as far as it leads."""
        known = {service.name: service for service in services}
        reached = {name: _reached(name, known) for name in known}
        below, above = dict[str, Names](), dict[str, list[str]]()
        for name, found in reached.items():
            if explaining := tuple(it for it in found if name not in reached[it]):
                below[name] = explaining
            for it in explaining:
                above.setdefault(it, []).append(name)
        return cls(below, {name: tuple(found) for name, found in above.items()}, hides)

    def __bool__(self) -> bool:
        return bool(self.below)


def _reached(name: str, known: Mapping[str, Service]) -> Names:
    """Return what can be reached from `name`, in a ring `name` itself as well; breadth first."""
    found: dict[str, None] = {}
    todo = [name]
    for here in todo:
        for other in known[here].depends_on:
            if other in known and other not in found:
                found[other] = None
                todo.append(other)
    return tuple(found)
