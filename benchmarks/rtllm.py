"""RTLLM: designs from descriptions, each a folder with a test bench and a verified design.

A folder holds `design_description.txt`, `testbench.v`, `verified_*.v` and perhaps data files. The
test bench prints "Your Design Passed" when it is content, to where a device could print as well. So
that line of it is replaced by a count in the test bench, which is then read like any other.

References:
    Lu et al.: RTLLM, arXiv:2308.05345; github.com/hkust-zhiyao/RTLLM (MIT), version 2.0.
"""

from __future__ import annotations

import re
from pathlib import Path

from pyslang import syntax

from benchmarks import data
from benchmarks.verilog_problems import Problem, SimulatedBench, renamed
from llm_stages.judge import Counters
from placement_env.errors import InputError
from placement_env.formats.text import read_text

_DESCRIPTION, _BENCH = "design_description.txt", "testbench.v"
_PRINTING = re.compile(r"\s*\$(display|write)\b.*your design passed", re.IGNORECASE | re.DOTALL)
_GET = (
    "clone https://github.com/hkust-zhiyao/RTLLM and name its folder with --data, or put it into "
    "rtllm in CHIPFLOW_DATA"
)


def designs(folder: Path | None = None) -> dict[str, Path]:
    """The folders of the designs, by their names.

    Raises:
        InputError: There is no folder of RTLLM, or no design in it.
    """
    roots = [folder] if folder else [root / "rtllm" for root in data.data_roots()]
    for root in roots:
        found = sorted(path.parent for path in root.rglob(_DESCRIPTION))
        whole = {path.name: path for path in found if (path / _BENCH).exists()}
        if whole:
            return dict(sorted(whole.items()))
    raise InputError(
        "RTLLM's designs are not here",
        where=", ".join(map(str, roots)),
        hint=_GET,
    )


def load(folder: Path) -> Problem:
    """Read one design.

    Raises:
        InputError: A file cannot be read, or the test bench instantiates no device.
    """
    bench = read_text(folder / _BENCH)
    tree = syntax.SyntaxTree.fromText(bench)
    modules, instances, prints = _parts(tree.root)
    tops = [name for name, _ in modules if name not in instances]
    devices = [name for name in instances if name not in dict(modules)]
    if not devices or not tops:
        raise InputError("the test bench instantiates no device", where=str(folder / _BENCH))
    references = sorted(folder.glob("verified_*.v"))
    reference = read_text(references[0]) if references else ""
    counted = _counting(bench, dict(modules)[tops[0]], prints)
    return Problem(
        name=folder.name,
        spec=read_text(folder / _DESCRIPTION),
        top=devices[0],
        bench=SimulatedBench(
            files={_BENCH: counted},
            top=tops[0],
            counters=Counters(f"{tops[0]}.chipflow_errors", f"{tops[0]}.chipflow_checks"),
            data=tuple(
                path
                for path in sorted(folder.iterdir())
                if path.is_file() and path.suffix in (".txt", ".dat", ".hex", ".mem")
            ),
        ),
        reference=renamed(reference, f"verified_{devices[0]}", devices[0]),
        cannot_run="" if prints else "the test bench never says that a design passed",
    )


def _parts(
    root: syntax.SyntaxNode,
) -> tuple[list[tuple[str, int]], list[str], list[tuple[int, int]]]:
    """Modules with where their bodies begin, names that are instantiated, places that print."""
    modules: list[tuple[str, int]] = []
    instances: list[str] = []
    prints: list[tuple[int, int]] = []

    def visit(node: object) -> None:
        if isinstance(node, syntax.ModuleHeaderSyntax):
            modules.append((node.name.valueText, node.sourceRange.end.offset))
        elif isinstance(node, syntax.HierarchyInstantiationSyntax):
            instances.append(node.type.valueText)
        elif isinstance(node, syntax.InvocationExpressionSyntax) and _PRINTING.match(str(node)):
            prints.append((node.sourceRange.start.offset, node.sourceRange.end.offset))

    root.visit(visit)
    return modules, instances, prints


def _counting(bench: str, body_at: int, prints: list[tuple[int, int]]) -> str:
    """The test bench with one check, which has failed until it would print that a design passed."""
    text = bench.encode()
    for start, end in sorted(prints, reverse=True):
        text = text[:start] + b"chipflow_errors = 0" + text[end:]
    declared = b" integer chipflow_errors = 1, chipflow_checks = 1; "
    return (text[:body_at] + declared + text[body_at:]).decode()
