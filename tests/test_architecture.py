"""Three floors, a pure core, small files: the shape of the house, enforced."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ABOVE = {"storage": {"routing", "bot"}, "routing": {"bot"}, "bot": set[str]()}
SOURCES = sorted(
    path.relative_to(ROOT)
    for floor in ABOVE
    for path in (ROOT / floor).rglob("*.py")
    if "protos" not in path.parts and "versions" not in path.parts
)
CORE = [
    path
    for path in SOURCES
    if (path.parts[0] == "routing" and "flow" not in path.parts)
    or path.parts[:2] in {("storage", "model"), ("storage", "promql")}
]
IMPURE = {"asyncio", "logging", "structlog", "sqlalchemy", "aiohttp", "httpx", "time", "random"}
BANNED = {
    "utils",
    "helpers",
    "common",
    "base",
    "manager",
    "service",
    "handler",
    "processor",
    "misc",
}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            names.add(node.module)
    return names


def roots(tree: ast.Module) -> set[str]:
    return {name.split(".")[0] for name in imported(tree)}


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_go_down(path: Path) -> None:
    upward = roots(tree_of(path)) & ABOVE[path.parts[0]]
    assert not upward, f"{path} imports {sorted(upward)}, which is on a floor above"


@pytest.mark.parametrize("path", CORE, ids=str)
def test_core_is_pure(path: Path) -> None:
    tree = tree_of(path)
    awaiting = [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await)]
    # A port (a Protocol) may declare `async def`; the core may not have an async body of its own.
    ports = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "Protocol" in {ast.unparse(b) for b in node.bases}
        for inner in ast.walk(node)
    }
    assert not [node for node in awaiting if node not in ports], f"{path} has async code"
    assert not roots(tree) & IMPURE, f"{path} imports {sorted(roots(tree) & IMPURE)}"
    shell = {name for name in imported(tree) if name.startswith(("storage.sql", "storage.series"))}
    assert not shell, f"{path} is core and imports the shell: {sorted(shell)}"


@pytest.mark.parametrize("path", [p for p in SOURCES if p != Path("storage/clock.py")], ids=str)
def test_only_the_clock_reads_a_clock(path: Path) -> None:
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    reading = {"datetime.now", "datetime.utcnow", "time.time", "datetime.today", "date.today"}
    assert not reading & set(calls), f"{path} reads the wall clock"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert text.count("\n") <= LONGEST_FILE, f"{path} has {text.count(chr(10))} lines"
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1})"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert not long, f"{path}: long functions: {long}"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_names_say_something(path: Path) -> None:
    assert path.stem not in BANNED


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_every_module_says_its_purpose(path: Path) -> None:
    assert ast.get_docstring(tree_of(path)), f"{path} has no docstring"
