"""Find plugins: one module-level constant of a type is one plugin."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol, TypeVar

from storage.errors import ConfigError


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """The plugin's name, unique among its kind."""
        ...


T = TypeVar("T", bound=Named)


def collect(package: ModuleType, kind: type[T]) -> dict[str, T]:
    """Gather every module-level `kind` in `package` by its `.name`; raises on a name used twice."""
    found: dict[str, T] = {}
    for entry in sorted(iter_modules(package.__path__), key=lambda entry: entry.name):
        module = import_module(f"{package.__name__}.{entry.name}")
        for plugin in (value for value in vars(module).values() if isinstance(value, kind)):
            if found.setdefault(plugin.name, plugin) is not plugin:
                raise ConfigError(
                    f"{module.__name__}: the {kind.__name__} {plugin.name!r} exists already"
                )
    return found
