"""A text that must not be seen: tokens, keys, passwords."""

from hmac import compare_digest
from typing import Any


class Secret:
    """Holds a secret and never shows it: not in `repr`, not in a log, not in an error.

    Compared in constant time. False where the text is empty.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one call that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "<secret>"

    @classmethod
    def read(cls, value: object) -> "Secret":
        """Take a text from the configuration; raises ValueError that does not show it."""
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str) or not value.strip():
            raise ValueError("expected a secret text that is not empty")
        return cls(value.strip())

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _make: Any) -> Any:
        """Let pydantic read it from a text."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.read)
