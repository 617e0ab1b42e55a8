"""E-mail addresses: checked before anything is sent, so that none can carry a line of its own."""

import re

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST, _LONGEST_LOCAL = 254, 64  # RFC 5321, 4.5.3.1
_EXPECTED = "expected an e-mail address such as ada@example.com"


def parse_mail_address(text: str) -> str:
    """Return the address as it goes to a relay; raises ValueError that says what is wrong.

    The domain may be written in its own script and becomes `xn--...`. What stands before the @
    is plain letters, digits and signs, without quotes: hardly any relay takes more.
    """
    written = text.strip()
    local, at, domain = written.rpartition("@")
    shown = f"found {text[:60]!r}"
    if not at or not local or not domain:
        raise ValueError(f"{shown}; {_EXPECTED}")
    if not _LOCAL.fullmatch(local) or len(local) > _LONGEST_LOCAL:
        raise ValueError(f"{shown}, whose part before the @ no relay would take; {_EXPECTED}")
    try:
        plain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{shown}, whose domain cannot be written; {_EXPECTED}") from error
    if not _DOMAIN.fullmatch(plain) or len(local) + 1 + len(plain) > _LONGEST:
        raise ValueError(f"{shown}, whose domain is none; {_EXPECTED}")
    return f"{local}@{plain.lower()}"
