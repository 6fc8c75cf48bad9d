"""A run folder with the design and the PDK that it is a run of."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from chipflow.design import Design, Models, read_design
from chipflow.pdk import library
from chipflow.pdk.description import Pdk
from chipflow.report.record import RunOnDisk, read_run
from placement_env.errors import ChipError, InputError

_RUNS = "runs"


@dataclass(frozen=True)
class FinishedRun:
    """What `find_run` finds.

    Attributes:
        run: The run folder, read.
        design: The design, with the models that the run used.
        models: The models as the design names them now.
        pdk: The PDK.
    """

    run: RunOnDisk
    design: Design
    models: Models
    pdk: Pdk


def run_folder(path: Path) -> Path:
    """The run folder that is meant: the folder itself, or the only run of a design.

    Raises:
        InputError: There is no run there, or more than one.
    """
    if (path / "run.json").is_file():
        return path.absolute()
    runs = sorted(file.parent for file in (path / _RUNS).glob("*/run.json"))
    if len(runs) == 1:
        return runs[0].absolute()
    if runs:
        raise InputError(
            "the design has more than one run",
            where=str(path),
            hint=f"name one: {', '.join(str(run) for run in runs)}",
        )
    raise InputError(
        "there is no run in this folder",
        where=str(path),
        hint="name a run folder, such as DESIGN/runs/edu45; chipflow run DESIGN makes one",
    )


def design_folder(folder: Path, given: Path | None) -> Path:
    """The folder of the design that a run folder belongs to.

    Raises:
        InputError: It is not said, and the run folder is not inside it.
    """
    if given is not None:
        return given
    for parent in folder.parents[:2]:
        if (parent / "design.toml").is_file():
            return parent
    raise InputError(
        "the run folder is not in the folder of its design",
        where=str(folder),
        hint="--design DIR names the design",
    )


def find_run(path: Path, design: Path | None = None) -> FinishedRun:
    """Reads a run folder and what it is a run of.

    Args:
        path: The run folder, or a design with one run.
        design: The design's folder; None where the run folder is in it.

    Raises:
        InputError: One of them is missing or cannot be used, or they do not belong together.
    """
    folder = run_folder(path)
    read = read_design(design_folder(folder, design))
    run = read_run(folder)
    if run.summary.get("design") != read.name:
        raise InputError(
            f"this is a run of {run.summary.get('design')}, not of {read.name}",
            where=str(folder),
            hint="--design DIR names the design of the run",
        )
    pdk = _pdk(str(run.summary.get("pdk", "")), read)
    return FinishedRun(run, replace(read, models=_models_used(run, read.models)), read.models, pdk)


def _pdk(name: str, design: Design) -> Pdk:
    """The PDK of the run: the design's own, or another that was named on the command line."""
    try:
        own = library.load(design.pdk)
    except ChipError:
        own = None
    return own if own is not None and own.name == name else library.load(name)


def _models_used(run: RunOnDisk, models: Models) -> Models:
    """The models that the run asked, so that no stage runs again for another one's sake."""
    used: dict[str, str] = {}
    for stage in run.stages:
        for name, value in stage.record.inputs.items():
            if name.startswith("setting models.") and hasattr(models, key := name[15:]):
                used[key] = json.loads(value)
    return replace(models, **used)
