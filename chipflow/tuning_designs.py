"""The user's designs as problems to tune prompt packs on: a specification and a test bench each."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from chipflow.design import Design, read_design
from chipflow.tools import testbench
from llm_stages.pack_score import Problem
from placement_env.errors import InputError
from placement_env.formats.text import read_text

_LIMIT_S = 60.0


def designs(folder: Path) -> dict[str, Path]:
    """The designs in a folder, by the names of their own folders.

    Raises:
        InputError: There are none.
    """
    found = {path.parent.name: path.parent for path in sorted(folder.glob("*/design.toml"))}
    if not found:
        raise InputError(
            "there are no designs to tune on",
            where=str(folder),
            hint="a folder for each, with a design.toml that names spec, testbench, testbench_top",
        )
    return found


def to_tune_on(folder: Path) -> Problem | str:
    """A design as a problem, or why it is none.

    Raises:
        InputError: The design cannot be read.
    """
    design = read_design(folder)
    if design.spec is None:
        return "its design.toml names no spec"
    bench = Design(
        folder=design.folder,
        name=design.top,
        top=design.top,
        include_dirs=design.include_dirs,
        defines=design.defines,
        testbench=design.testbench,
        testbench_top=design.testbench_top,
        simulator=design.simulator,
    )
    if reason := testbench.why_not(bench):
        return reason

    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in design.testbench}
    return Problem(
        name=folder.name,
        spec=read_text(design.spec),
        top=design.top,
        test_bench=testbench.judge_of(bench, timeout_s=_LIMIT_S),
        content=json.dumps(hashes, sort_keys=True),
    )
