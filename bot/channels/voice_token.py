"""What stands in the addresses of a call: the page that it is for, signed.

A page's key names incident, round, step, person and channel, so an old call answers nothing of
a later round, and nobody makes up one for another person.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

_PURPOSE = b"tocsin call 1\n"
_SIGNS = 40  # hexadecimal digits of the signature: 160 bits
_LONGEST = 1_000


class CallTokens:
    """Makes and reads them. secret: this installation's."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def token(self, key: str) -> str:
        """Return the token for a page: `<its key>.<signature>`, fit for an address."""
        said = urlsafe_b64encode(key.encode()).decode().rstrip("=")
        return f"{said}.{self._sign(said)}"

    def read(self, token: str) -> str:
        """Return the page's key; empty where the token is not ours."""
        said, _, signature = token[:_LONGEST].rpartition(".")
        given = signature.encode(errors="replace")
        if not said or not hmac.compare_digest(self._sign(said).encode(), given):
            return ""
        return urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode()

    def _sign(self, said: str) -> str:
        text = _PURPOSE + said.encode(errors="replace")
        return hmac.new(self._secret, text, sha256).hexdigest()[:_SIGNS]
