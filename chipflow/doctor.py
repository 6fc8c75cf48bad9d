"""What chipflow needs and whether it is here: programs, packages, PDKs, data, a Prefect server."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import data_roots
from chipflow.code_version import OUR_PACKAGES
from chipflow.engine import server
from chipflow.pdk import library
from chipflow.tools.versions import TOOLS, version_of
from placement_env.errors import InputError

DISTRIBUTION = "chipflow-hybrid"

_PURPOSES = {
    "torch": "learned placement policy",
    "torch-geometric": "graph layers of the policy",
    "gymnasium": "the placement environment",
    "networkx": "graph view of a netlist",
    "prefect": "conducts the flow",
    "numpy": "arrays",
    "scipy": "analytic placement",
    "pydantic": "typed answers of language models",
    "safetensors": "policy weights",
    "tensorboard": "training curves",
    "typer": "the command line",
    "rich": "tables on the terminal",
    "jinja2": "the report",
    "matplotlib": "pictures of placements",
}


@dataclass(frozen=True)
class Finding:
    """One thing that chipflow uses.

    Attributes:
        kind: "python", "program", "package", "name", "pdk", "data" or "server".
        name: What it is called.
        found: It is here.
        version: Its version, place or state.
        purpose: What chipflow uses it for.
        remedy: How to get it or mend it.
        required: Nothing works without it.
    """

    kind: str
    name: str
    found: bool
    version: str
    purpose: str
    remedy: str = ""
    required: bool = False


def examine() -> list[Finding]:
    """Looks for everything, without fetching or starting anything."""
    return [_python(), *_tools(), *_packages(), *_names(), *_pdks(), _data(), _server()]


def _python() -> Finding:
    return Finding(
        kind="python",
        name="Python",
        found=sys.version_info >= (3, 11),
        version=f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} cores",
        purpose="runs chipflow",
        remedy="Python 3.11 or newer",
        required=True,
    )


def _tools() -> Iterator[Finding]:
    for name, tool in TOOLS.items():
        found = version_of(name)
        yield Finding(
            kind="package" if tool.package else "program",
            name=name,
            found=found is not None,
            version=found or "",
            purpose=tool.purpose,
            remedy=tool.install,
            required=not tool.optional,
        )


def _packages() -> Iterator[Finding]:
    """The packages that chipflow's own metadata asks for, and `TOOLS` has not named."""
    for requirement in importlib.metadata.requires(DISTRIBUTION) or []:
        match = re.match(r"[\w.-]+", requirement)
        if not match or "extra ==" in requirement or match[0] in TOOLS:
            continue
        try:
            found = importlib.metadata.version(match[0])
        except importlib.metadata.PackageNotFoundError:
            found = ""
        yield Finding(
            kind="package",
            name=match[0],
            found=bool(found),
            version=found,
            purpose=_PURPOSES.get(match[0], ""),
            remedy=f"pip install '{requirement}'",
            required=True,
        )


def _names() -> Iterator[Finding]:
    """Whether Python finds our own packages under their names, and not another project's."""
    home = Path(__file__).resolve().parents[1]
    for name in OUR_PACKAGES:
        spec = importlib.util.find_spec(name)
        places = (
            [Path(place).resolve() for place in (spec.submodule_search_locations or [])]
            if (spec)
            else []
        )
        ours = places == [home / name]
        yield Finding(
            kind="name",
            name=f"import {name}",
            found=ours,
            version="chipflow's own" if ours else f"{places[0] if places else 'nowhere'}",
            purpose="a part of chipflow",
            remedy="" if ours else "use a virtual environment without the package found there",
            required=True,
        )


def _pdks() -> Iterator[Finding]:
    before = os.environ.get("CHIPFLOW_OFFLINE")
    os.environ["CHIPFLOW_OFFLINE"] = "1"
    try:
        for name in library.names():
            try:
                label, problem = library.load(name).label, ""
            except InputError as error:
                label, problem = "", error.message
            yield Finding(
                kind="pdk",
                name=name,
                found=not problem,
                version="ready" if not problem else "",
                purpose=label or f"--pdk {name}",
                remedy=problem and f"{problem}; chipflow run --pdk {name} fetches what it needs",
            )
    finally:
        if before is None:
            del os.environ["CHIPFLOW_OFFLINE"]
        else:
            os.environ["CHIPFLOW_OFFLINE"] = before


def _data() -> Finding:
    there = [str(root) for root in data_roots() if root.is_dir()]
    return Finding(
        kind="data",
        name="benchmark data",
        found=bool(there),
        version=there[0] if there else "",
        purpose="public benchmarks and NanGate45",
        remedy="fetched when first needed, or set CHIPFLOW_DATA",
    )


def _server() -> Finding:
    if url := os.environ.get("PREFECT_API_URL"):
        answers = server.healthy(url, timeout_s=2.0)
        return Finding(
            kind="server",
            name="Prefect server",
            found=answers,
            version=f"{url}{'' if answers else ' does not answer'}",
            purpose="shows runs; named by PREFECT_API_URL",
            remedy="start it, or unset PREFECT_API_URL",
        )
    there = server.running()
    return Finding(
        kind="server",
        name="Prefect server",
        found=there is not None,
        version=there.ui_url if there else "",
        purpose="shows runs; shared by all of yours",
        remedy="chipflow run starts it",
    )
