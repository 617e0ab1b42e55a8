"""Ways to show a token that are not a bearer token; every token is compared, each in full."""

import hmac
from collections.abc import Mapping
from hashlib import sha256


def owner_of(given: str, tokens: Mapping[str, str]) -> str:
    """Return the source whose token this is; empty where it is nobody's."""
    shown, found = given.encode(errors="surrogatepass"), ""
    for source, token in tokens.items():
        if token and hmac.compare_digest(shown, token.encode()):
            found = source
    return found


def signer_of(signature: str, body: bytes, tokens: Mapping[str, str]) -> str:
    """Return the source whose token made this HMAC-SHA256 of the body, written in hexadecimal."""
    shown, found = signature.strip().lower().encode(errors="surrogatepass"), ""
    for source, token in tokens.items():
        right = hmac.new(token.encode(), body, sha256).hexdigest().encode()
        if token and hmac.compare_digest(shown, right):
            found = source
    return found
