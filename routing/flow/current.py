"""A value that a reload swaps whole."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Current(Generic[T]):
    """Holds the value in force; readers call it, a reload sets it. Never half old, half new."""

    def __init__(self, value: T) -> None:
        self._value = value

    def __call__(self) -> T:
        """Return the value in force now."""
        return self._value

    def swap(self, value: T) -> None:
        """Put a new value in force."""
        self._value = value
