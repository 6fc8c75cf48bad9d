"""CVDP: problems as lines of JSON, judged by cocotb test benches.

Of the non-agentic code generation problems those are read that ask for one source from nothing and
whose harness says which module cocotb is to load: `input.prompt`, the file in `output.context`, and
`harness.files` with `src/.env` (TOPLEVEL, MODULE) and the Python beside it. The others are listed
as ones that cannot run, and so is what needs another simulator than Icarus Verilog.

References:
    Pinckney et al.: Comprehensive Verilog Design Problems, arXiv:2506.14074;
    github.com/NVlabs/cvdp_benchmark, and nvidia/cvdp-benchmark-dataset for the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.verilog_problems import CocotbBench, Problem
from placement_env.errors import InputError
from placement_env.formats.text import read_text

_GET = (
    "get the .jsonl files from https://huggingface.co/datasets/nvidia/cvdp-benchmark-dataset and "
    "name their folder with --data, or put them into cvdp in CHIPFLOW_DATA"
)
_RUNNER = "test_runner.py"


def problems(folder: Path | None = None) -> dict[str, Problem]:
    """All problems in a folder's .jsonl files, or in one such file, by their names.

    Raises:
        InputError: There is no such file, or a line of one is not a problem.
    """
    roots = [folder] if folder else [root / "cvdp" for root in data.data_roots()]
    for root in roots:
        files = [root] if root.is_file() else sorted(root.glob("*.jsonl"))
        found: dict[str, Problem] = {}
        for path in files:
            for number, line in enumerate(read_text(path).splitlines(), 1):
                if line.strip():
                    problem = _problem(line, f"{path}:{number}")
                    # A file with solutions says more than one without.
                    if problem.reference or problem.name not in found:
                        found[problem.name] = problem
        if found:
            return dict(sorted(found.items()))
    raise InputError("CVDP's problems are not here", where=", ".join(map(str, roots)), hint=_GET)


def _problem(line: str, where: str) -> Problem:
    try:
        record = json.loads(line)
        name, prompt = str(record["id"]), str(record["input"]["prompt"])
        context: Mapping[str, str] = record["input"].get("context") or {}
        output: Mapping[str, str] = record["output"].get("context") or {}
        harness: Mapping[str, Any] = record["harness"].get("files") or record["harness"]
        files = {str(path): str(text) for path, text in harness.items() if text is not None}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "this line is not a non-agentic problem of CVDP", where=where, hint=_GET
        ) from None
    settings = _settings(files.get("src/.env", ""))
    tests = {
        Path(path).name: text
        for path, text in files.items()
        if path.startswith("src/") and path.endswith(".py") and Path(path).name != _RUNNER
    }
    module, top = settings.get("MODULE", ""), settings.get("TOPLEVEL", "")
    sources = [path for path in output if Path(path).suffix in (".sv", ".v")]
    why = ""
    if not module or not top or f"{module}.py" not in tests:
        why = "its harness is not a cocotb module that src/.env names"
    elif settings.get("SIM", "icarus") != "icarus":
        why = f"its harness wants the simulator {settings['SIM']}"
    elif len(sources) != 1 or len(output) != 1:
        why = "it does not ask for one Verilog source"
    elif context:
        why = "it asks to change sources that are given"
    return Problem(
        name=name,
        spec=prompt,
        top=top or "none",
        bench=CocotbBench(files=tests, module=module or "none"),
        reference=output[sources[0]] if len(sources) == 1 else "",
        cannot_run=why,
    )


def _settings(text: str) -> dict[str, str]:
    """The NAME = VALUE lines of an .env file."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
