"""Keys are compared in full and in constant time, each of them, whatever was shown."""

import ast
import hmac
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bot.doors.prove import owner_of, signer_of
from bot.web.auth import Tokens

ROOT = Path(__file__).parents[3]
KNOWN = {f"source{n}": f"token-of-{n}" for n in range(5)}
SHOWN = ["", "token-of-0", "token-of-4", "token-of-", "t", "é", "x" * 4_000]


class Counted:
    """Stands in for the comparison and counts how often, and what, it was asked."""

    def __init__(self) -> None:
        self.lengths: list[tuple[int, int]] = []
        self._real = hmac.compare_digest

    def __call__(self, left: Any, right: Any) -> bool:
        self.lengths.append((len(left), len(right)))
        return self._real(left, right)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted()
    monkeypatch.setattr(hmac, "compare_digest", made)
    return made


@pytest.mark.parametrize("shown", SHOWN[1:])
def test_each_bearer_token_is_compared_by_its_digest(counted: Counted, shown: str) -> None:
    headers = [(b"authorization", b"Bearer " + shown.encode())]
    request = Request({"type": "http", "headers": headers})
    with suppress(HTTPException):
        Tokens(lambda: KNOWN).owner(request)
    assert counted.lengths == [(32, 32)] * len(KNOWN), "as much work for each guess"


@pytest.mark.parametrize("shown", SHOWN)
def test_each_other_proof_is_compared_with_each_token(counted: Counted, shown: str) -> None:
    owner_of(shown, KNOWN)
    signer_of(shown, b"body", KNOWN)
    assert len(counted.lengths) == 2 * len(KNOWN)


def test_no_door_compares_a_secret_by_its_letters() -> None:
    """`==` ends at the first letter that differs, and tells by its time how many were right."""
    secret = {"token", "signature", "secret", "seal", "password", "digest"}
    found = []
    for file in [
        *ROOT.glob("bot/web/*.py"),
        *ROOT.glob("bot/doors/*.py"),
        *ROOT.glob("bot/chat/*.py"),
    ]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [node.left, *node.comparators]
                names = {_name(side) for side in sides}
                if names & secret and not any(isinstance(it, ast.Constant) for it in sides):
                    found.append(f"{file.name}:{node.lineno}")
    assert found == []


def _name(node: ast.expr) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")
