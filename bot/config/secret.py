"""A text that must not be seen: tokens, keys, passwords."""

import re
from base64 import b64encode
from hmac import compare_digest
from typing import Any
from urllib.parse import unquote, urlsplit

_LONG = 16  # characters from which on a part of an address is a token rather than a word


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


def shapes(secret: str) -> tuple[str, ...]:
    """Return a secret and what of it alone could be told: of an address, what gives access.

    >>> shapes("https://hooks.example.com/x?sig=0123456789abcdef")[1:]
    ('/x?sig=0123456789abcdef', '0123456789abcdef')
    """
    scheme, is_address, rest = secret.partition("://")
    if not is_address:
        return (secret,)
    is_database = scheme.startswith(("postgres", "sqlite"))  # its path is only a name
    found = [secret, rest[rest.find("/") :] if "/" in rest and not is_database else ""]
    try:
        parts = urlsplit(secret)
        host, password = parts.hostname or "", parts.password or ""
    except ValueError:
        host, password = "", ""
    pieces = [it for it in re.split(r"[/?&=:@#]", rest) if len(it) >= _LONG and it.lower() != host]
    found += [password] if is_database else [password, *pieces]
    found += [unquote(it) for it in found if "%" in it]
    return tuple(dict.fromkeys(filter(None, found)))


def basic(user: str, password: str) -> str:
    """Return what basic authentication makes of the two; as good as the password itself."""
    return b64encode(f"{user}:{password}".encode()).decode()
