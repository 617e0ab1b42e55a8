"""Alertmanager's own OpenAPI document, replayed by schemathesis against a running Tocsin."""

import asyncio
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.promises.conftest import Found
from tests.promises.tocsin import Json
from tests.promises.town import town
from tests.vendors.process import Remote

SOURCES = Path("/usr/share/gocode/src/github.com/prometheus/alertmanager")
DOCUMENT = SOURCES / "api/v2/restapi/embedded_spec.go"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
LATER = {("/silences", "get"): "400", ("/silence/{silenceID}", "delete"): "404"}
"""What this version of the document forgot: Alertmanager answers the first, and later documents
name both."""
NO_RULES: Json = {"groups": []}


def missing(reason: str) -> None:
    """Skip the test, or fail it where TOCSIN_CI=1."""
    if os.environ.get("TOCSIN_CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def document() -> dict[str, Any]:
    """Read the document out of Alertmanager's sources: JSON in a literal of Go."""
    if not DOCUMENT.exists():
        missing("Alertmanager's sources are missing (golang-github-prometheus-alertmanager-dev)")
    literal = re.search(r"\tSwaggerJSON = json\.RawMessage\(\[\]byte\(`(.*?)`\)\)", _text(), re.S)
    assert literal is not None
    told: dict[str, Any] = json.loads(literal[1])
    for (path, method), status in LATER.items():
        answers = told["paths"][path][method]["responses"]
        assert status not in answers, f"the document knows {method} {path}: {status} by now"
        answers[status] = {"description": "told in words", "schema": {"type": "string"}}
    return told


def _text() -> str:
    return DOCUMENT.read_text()


async def test_every_operation_answers_as_alertmanagers_own_document_says(
    found: Found, tmp_path: Path, twilio: Remote
) -> None:
    if find_spec("schemathesis") is None:
        missing("schemathesis is not installed")
    written = tmp_path / "alertmanager.json"
    written.write_text(json.dumps(document()))
    config = town(twilio)
    config["server"].pop("tokens")
    config["sources"] = {"anybody": {}}
    tocsin = found(config, NO_RULES)
    await tocsin.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "run", str(written)),
        *("--url", f"{tocsin.url}/api/v2"),
        *("--checks", ",".join(CHECKS)),
        *("--seed", "20260301", "--max-examples", "12", "--generation-database", "none"),
        *("--warnings", "off", "--no-color", "--no-shrink"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said[-6_000:]
    assert "Tested: 9" in said
    assert await tocsin.is_ready()
    assert tocsin.count("SELECT count(*) FROM standing") > 0, "nothing was taken"
    assert "Traceback" not in tocsin.log
