"""Checkpoints of a training run: weights as safetensors, the trainer's state beside them.

A checkpoint is a folder with `policy.safetensors` and `trainer.pt` (optimizer, step, state of the
random numbers), read with `weights_only`, so that loading one runs no code from it.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from placement_env.errors import InputError

_WEIGHTS, _TRAINER = "policy.safetensors", "trainer.pt"


def save_checkpoint(
    folder: Path, policy: nn.Module, optimizer: torch.optim.Optimizer, step: int
) -> None:
    """Write a checkpoint; each file is replaced at once or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in policy.state_dict().items()}
    save_file(weights, folder / f"{_WEIGHTS}.part", metadata={"step": str(step)})
    state = {"optimizer": optimizer.state_dict(), "step": step, "rng": torch.get_rng_state()}
    torch.save(state, folder / f"{_TRAINER}.part")
    for name in (_WEIGHTS, _TRAINER):
        os.replace(folder / f"{name}.part", folder / name)


def load_weights(path: Path, policy: nn.Module) -> None:
    """Read weights into a policy of the same shape.

    Args:
        path: A checkpoint folder or a .safetensors file.
        policy: Gets the weights.

    Raises:
        InputError: The file is missing or damaged, or is of a policy of another shape.
    """
    file = path / _WEIGHTS if path.is_dir() else path
    try:
        policy.load_state_dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise InputError(f"the weights cannot be read: {error}", where=str(file)) from None
    except RuntimeError as error:
        raise InputError(
            f"the weights do not fit the policy: {str(error).splitlines()[-1].strip()}",
            where=str(file),
            hint="use the hidden_size and graph_layers of the run that wrote them",
        ) from None


def load_checkpoint(
    folder: Path, policy: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> int:
    """Read a checkpoint into a policy and its optimizer; returns the step it was written at.

    Raises:
        InputError: As `load_weights`, for either file.
    """
    load_weights(folder, policy)
    file = folder / _TRAINER
    if not zipfile.is_zipfile(file):
        raise InputError("the trainer's state is missing or damaged", where=str(file))
    try:
        state = torch.load(file, weights_only=True, map_location="cpu")
        if optimizer is not None:
            optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["rng"])
        return int(state["step"])
    except (OSError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            f"the trainer's state cannot be read: {str(error).splitlines()[0]}", where=str(file)
        ) from None
