"""The device of PyTorch that a user names."""

from __future__ import annotations

import torch

from placement_env.errors import InputError


def usable_device(name: str, dtype: torch.dtype = torch.float32) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one, else the CPU.

    Args:
        name: "auto", "cpu", "cuda", "cuda:1" or another of PyTorch.
        dtype: Numbers that the device must compute with.

    Raises:
        InputError: It cannot be used.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device, dtype=dtype).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(
            f"the device {name!r} cannot be used: {str(error).splitlines()[0]}",
            hint="--device cpu works everywhere",
        ) from None
    return device
