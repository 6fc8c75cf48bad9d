"""The programs and packages behind the stages: which version is here, what for, how to install."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from llm_stages.keys import without_keys
from placement_env.errors import InputError, ToolMissing


@dataclass(frozen=True)
class Tool:
    """A program or a Python package that a stage uses.

    Attributes:
        purpose: What chipflow uses it for.
        install: The command that installs it.
        package: Distribution name of a Python package; empty for a program.
        command: Command line that prints a program's version; empty for a package.
        version_pattern: Regular expression whose first group is the version in that output.
        optional: The flow goes on without it, with less checked.
    """

    purpose: str
    install: str
    package: str = ""
    command: tuple[str, ...] = ()
    version_pattern: str = ""
    optional: bool = False


TOOLS: dict[str, Tool] = {
    "pyosys": Tool(
        purpose="synthesis, equivalence of gates and RTL",
        install="pip install pyosys",
        package="pyosys",
    ),
    "pyslang": Tool(
        purpose="lint of Verilog and SystemVerilog",
        install="pip install pyslang",
        package="pyslang",
    ),
    "klayout": Tool(
        purpose="GDS layout and its picture",
        install="pip install klayout",
        package="klayout",
    ),
    "coloquinte": Tool(
        purpose="a placer to compare ours with",
        install="pip install coloquinte",
        package="coloquinte",
        optional=True,
    ),
    "numba": Tool(
        purpose="placement costs and search at machine speed",
        install="pip install numba",
        package="numba",
    ),
    "litellm": Tool(
        purpose="language models of any provider",
        install="pip install litellm",
        package="litellm",
    ),
    "mtkahypar": Tool(
        purpose="groups of cells, in place of a partitioner of our own",
        install="pip install mtkahypar",
        package="mtkahypar",
        optional=True,
    ),
    "iverilog": Tool(
        purpose="simulation of RTL and gates",
        install="sudo apt-get install iverilog",
        command=("iverilog", "-V"),
        version_pattern=r"Icarus Verilog version (\S+)",
        optional=True,
    ),
    "verilator": Tool(
        purpose="simulation, in place of Icarus Verilog where asked for",
        install="sudo apt-get install verilator g++ make",
        command=("verilator", "--version"),
        version_pattern=r"Verilator (\S+)",
        optional=True,
    ),
    "cocotb": Tool(
        purpose="test benches in Python",
        install="pip install cocotb",
        package="cocotb",
        optional=True,
    ),
    "opensta": Tool(
        purpose="static timing analysis",
        install="sudo apt-get install opensta",
        command=("sta", "-version"),
        version_pattern=r"^(\d+\.\d+\S*)",
        optional=True,
    ),
    "bubblewrap": Tool(
        purpose="sandbox for RTL that a language model wrote",
        install="sudo apt-get install bubblewrap",
        command=("bwrap", "--version"),
        version_pattern=r"bubblewrap (\S+)",
        optional=True,
    ),
}


@functools.cache
def version_of(tool: str) -> str | None:
    """The version of a tool of `TOOLS`, or None where it is not installed.

    A program that is there but does not state its version as expected is not that tool, so it
    counts as missing.

    Raises:
        InputError: `tool` is not in `TOOLS`.
    """
    if tool not in TOOLS:
        raise InputError(f'unknown tool "{tool}"; known: {", ".join(sorted(TOOLS))}')
    description = TOOLS[tool]
    if description.package:
        try:
            return importlib.metadata.version(description.package)
        except importlib.metadata.PackageNotFoundError:
            return None
    return _version_of_program(description)


def _version_of_program(description: Tool) -> str | None:
    program = shutil.which(description.command[0])
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, *description.command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=without_keys(os.environ),
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(description.version_pattern, answer.stdout + answer.stderr, re.MULTILINE)
    return found.group(1) if found else None


def missing(tool: str) -> ToolMissing:
    """The error that says what a tool of `TOOLS` is needed for and how to install it."""
    description = TOOLS[tool]
    return ToolMissing(
        f"{tool} is not installed; it is needed for {description.purpose}",
        hint=description.install,
    )


def program(tool: str) -> Path:
    """The path of a program of `TOOLS`.

    Raises:
        ToolMissing: The program is not installed.
    """
    found = shutil.which(TOOLS[tool].command[0]) if version_of(tool) else None
    if found is None:
        raise missing(tool)
    return Path(found)
