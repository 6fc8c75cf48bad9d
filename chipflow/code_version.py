"""The version of a stage's code: the sources of its module and of all our modules behind it.

Imports are found in the syntax tree, also those inside functions, so nothing is imported to learn
what a stage depends on. Third-party packages count through their version (`Stage.tools`).
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

OUR_PACKAGES = ("agents", "benchmarks", "chipflow", "llm_stages", "placement_env")

# The files of this package describe PDKs; a stage sees them as the PDK's own content instead.
_DATA_COUNTED_ELSEWHERE = ("chipflow.pdk",)


def code_behind(module: str) -> dict[str, str]:
    """Hashes of a module and of every module of ours that it imports, however deep.

    Files beside a module that are not Python (scripts, templates, weights) count too: as
    `package/relative/name`.

    Args:
        module: Name of an imported module; it need not be in one of our packages.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        file = source_file(name)
        if file is None:
            continue
        found[name], imports = _read(file, name)
        waiting += imports
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        if package.partition(".")[0] in OUR_PACKAGES and package not in _DATA_COUNTED_ELSEWHERE:
            found |= _data_hashes(package)
    return dict(sorted(found.items()))


def digest_behind(*modules: str) -> str:
    """One short hash of `code_behind` of all these modules."""
    found = {name: content for module in modules for name, content in code_behind(module).items()}
    listed = "\n".join(f"{name} {content}" for name, content in sorted(found.items()))
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


@functools.cache
def source_file(name: str) -> Path | None:
    """The file of a module of ours or of an imported one; None where there is no such module."""
    top, _, rest = name.partition(".")
    if top not in OUR_PACKAGES:
        file = getattr(sys.modules.get(name), "__file__", None)
        return Path(file) if file else None
    root = _package_folder(top)
    if root is None:
        return None
    path = root.joinpath(*rest.split(".")) if rest else root
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


@functools.cache
def _package_folder(top: str) -> Path | None:
    spec = importlib.util.find_spec(top)
    return Path(spec.origin).parent if spec and spec.origin else None


@functools.cache
def _read(file: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """The hash of a source file, and the modules of ours that it may import."""
    source = file.read_bytes()
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    imports: set[str] = set()
    for wanted in _imported_names(ast.parse(source), package):
        parts = wanted.split(".")
        if parts[0] in OUR_PACKAGES:
            imports |= {".".join(parts[: i + 1]) for i in range(len(parts))}
    return hashlib.sha256(source).hexdigest()[:16], tuple(sorted(imports))


def _imported_names(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            yield base
            for alias in node.names:
                yield f"{base}.{alias.name}"


@functools.cache
def _data_hashes(package: str) -> dict[str, str]:
    """Hashes of the files of a package that are not Python, subfolders that are data included."""
    source = source_file(package)
    hashes: dict[str, str] = {}
    folders = [source.parent] if source else []
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            if entry.name.startswith((".", "__pycache__")):
                continue
            if entry.is_dir():
                if not (entry / "__init__.py").is_file():
                    folders.append(entry)
            elif source and entry.suffix != ".py":
                name = f"{package}/{entry.relative_to(source.parent).as_posix()}"
                hashes[name] = hashlib.sha256(entry.read_bytes()).hexdigest()[:16]
    return hashes
