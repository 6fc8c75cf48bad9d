"""The house: which folder may import which, no circles, and files of a readable size."""

from __future__ import annotations

import ast
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parent.parent

# What each folder may import besides itself (ARCHITECTURE.md, "The house").
MAY_IMPORT = {
    "placement_env": set(),
    "llm_stages": set(),
    "benchmarks": {"placement_env", "llm_stages"},
    "agents": {"benchmarks", "placement_env"},
    "chipflow": {"agents", "benchmarks", "llm_stages", "placement_env"},
}
MAX_LINES = 600


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_name(path): path
    for folder in MAY_IMPORT
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def type_checking_only(tree: ast.Module) -> set[ast.AST]:
    """Nodes under `if TYPE_CHECKING:`, which import nothing when the program runs."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(child for statement in node.body for child in ast.walk(statement))
    return skipped


def imports(module: str) -> set[str]:
    """Our own modules that a module imports, inside functions too."""
    tree = ast.parse(SOURCES[module].read_text())
    skipped = type_checking_only(tree)
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} uses a relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if submodule in SOURCES else node.module or "")
    return {name for name in found if name.split(".")[0] in MAY_IMPORT} - {module}


@pytest.mark.parametrize("module", SOURCES)
def test_imports_run_downwards(module: str) -> None:
    folder = module.split(".")[0]
    allowed = MAY_IMPORT[folder] | {folder}
    upwards = sorted(name for name in imports(module) if name.split(".")[0] not in allowed)
    assert not upwards, f"{module} imports {upwards}; {folder} may import only {sorted(allowed)}"


def test_no_circles_between_files() -> None:
    graph = nx.DiGraph()
    for module in SOURCES:
        graph.add_edges_from((module, name) for name in imports(module) if name in SOURCES)
    assert graph.number_of_edges() > 50
    assert list(nx.simple_cycles(graph)) == []


def test_every_imported_module_exists() -> None:
    missing = {name for module in SOURCES for name in imports(module) if name not in SOURCES}
    assert not missing


def test_no_file_is_too_long() -> None:
    tests = sorted((ROOT / "tests").rglob("*.py"))
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*SOURCES.values(), *tests]
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert not long, f"over {MAX_LINES} lines: {long}"
