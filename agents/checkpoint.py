"""Checkpoints of a training run: weights as safetensors, the trainer's state beside them.

A checkpoint is a folder with `policy.safetensors`, whose header says which architecture the weights
are of, and `trainer.safetensors` with the optimizer's moments and how far the run was. No file is
unpickled, so loading one runs no code from it. A folder appears whole or not at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from agents.policy import GraphPolicy, PolicySize
from placement_env.errors import InputError

_WEIGHTS, _TRAINER = "policy.safetensors", "trainer.safetensors"
_PREFIX = "update_"
#: Older checkpoints of a run are deleted.
_KEPT = 2


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        update: Updates made.
        step: Environment steps taken.
        best_costs: Lowest final value of the objective of any episode, by netlist.
        imitated: Updates of the imitation made before.
        rows: Rows that metrics.csv had.
    """

    update: int = 0
    step: int = 0
    best_costs: Mapping[str, float] = field(default_factory=dict)
    imitated: int = 0
    rows: int = 0


def save_weights(file: Path, policy: GraphPolicy, about: Mapping[str, str] | None = None) -> None:
    """Write the weights; `about` goes into the header.

    Raises:
        OSError: The file cannot be written.
    """
    weights = {name: tensor.contiguous().cpu() for name, tensor in policy.state_dict().items()}
    save_file(weights, file, metadata={"size": json.dumps(asdict(policy.size)), **(about or {})})


def load_policy(path: Path) -> GraphPolicy:
    """The policy that a checkpoint folder, a run's folder or a .safetensors file holds.

    Raises:
        InputError: The file is missing or damaged, or of another architecture.
    """
    file = newest(path) / _WEIGHTS if path.is_dir() else path
    said = _header(file).get("size", "")
    try:
        size = PolicySize(**json.loads(said))
    except (ValueError, TypeError):
        size = None
    ours = PolicySize()
    if size is None or size.version != ours.version:
        of = f"of architecture {size.version}" if size else "of no known architecture"
        raise InputError(
            f"the weights are {of}, this chipflow uses architecture {ours.version}",
            where=str(file),
            hint="train them again, or use the version of chipflow that wrote them",
        )
    policy = GraphPolicy(size)
    _load(file, policy)
    return policy


def save_checkpoint(
    folder: Path, policy: GraphPolicy, optimizer: torch.optim.Adam, progress: Progress
) -> Path:
    """Write a checkpoint into the folder of a run's checkpoints, and delete older ones."""
    target = folder / f"{_PREFIX}{progress.imitated + progress.update:08d}"
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_weights(part / _WEIGHTS, policy, {"step": str(progress.step)})
    moments: dict[str, torch.Tensor] = {}
    for name, weight in policy.named_parameters():
        for key, value in optimizer.state.get(weight, {}).items():
            moments[f"{name}/{key}"] = value.detach().clone().cpu().contiguous()
    about = {key: json.dumps(value) for key, value in asdict(progress).items()}
    save_file(moments, part / _TRAINER, metadata=about)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    for old in _whole(folder)[:-_KEPT]:
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return target


def has_checkpoints(run: Path) -> bool:
    """Whether a run's folder holds checkpoints."""
    return bool(_whole(run / "checkpoints"))


def drop_later(run: Path, resumed: Path) -> None:
    """Delete the checkpoints of a run that were made after the one that it goes on from."""
    last = newest(resumed).name
    for later in _whole(run / "checkpoints"):
        if later.name > last:
            shutil.rmtree(later, ignore_errors=True)


def load_checkpoint(path: Path, policy: GraphPolicy, optimizer: torch.optim.Adam) -> Progress:
    """Read a checkpoint into a policy and its optimizer.

    Args:
        path: A checkpoint, or the folder of a run, whose newest one is taken.
        policy: Gets the weights.
        optimizer: Adam over the policy's parameters, in their order.

    Raises:
        InputError: A file is missing or damaged, or is of a policy of another shape.
    """
    folder = newest(path)
    said = _header(folder / _WEIGHTS).get("size", "")
    ours = json.dumps(asdict(policy.size))
    if said != ours:
        raise InputError(
            f"the checkpoint is of a policy of {said or 'unknown size'}, this run's is {ours}",
            where=str(folder),
            hint="use the --width, --cells, --layers and chipflow of the run that wrote it",
        )
    _load(folder / _WEIGHTS, policy)
    file = folder / _TRAINER
    about = _header(file)
    try:
        moments = load_file(file)
        for name, weight in policy.named_parameters():
            keys = [key for key in moments if key.rpartition("/")[0] == name]
            if keys:
                optimizer.state[weight] = {
                    key.rpartition("/")[2]: moments[key].to(
                        "cpu" if key.endswith("/step") else weight.device
                    )
                    for key in keys
                }
        return Progress(**{item.name: json.loads(about[item.name]) for item in fields(Progress)})
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"the trainer's state cannot be read: {error}", where=str(file)) from None


def newest(path: Path) -> Path:
    """The checkpoint at `path`, or the newest one of the run whose folder it is.

    Raises:
        InputError: There is none.
    """
    if (path / _WEIGHTS).is_file():
        return path
    found = _whole(path) or _whole(path / "checkpoints")
    if not found:
        raise InputError(
            "there is no checkpoint here",
            where=str(path),
            hint="give the folder of a training run or of one of its checkpoints",
        )
    return found[-1]


def _whole(folder: Path) -> list[Path]:
    """The checkpoints in a folder that were written to their end, the oldest first."""
    return sorted(found for found in folder.glob(f"{_PREFIX}*") if found.suffix != ".part")


def _header(file: Path) -> dict[str, Any]:
    try:
        with safe_open(file, "pt") as opened:
            return opened.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise InputError(f"the file cannot be read: {error}", where=str(file)) from None


def _load(file: Path, policy: nn.Module) -> None:
    try:
        policy.load_state_dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise InputError(f"the weights cannot be read: {error}", where=str(file)) from None
    except RuntimeError as error:
        raise InputError(
            f"the weights do not fit the policy: {str(error).splitlines()[-1].strip()}",
            where=str(file),
        ) from None
