"""Where global placement does its sums: our kernels on the processor, or PyTorch on a GPU."""

from __future__ import annotations

from functools import partial

from agents.flat.balance import Balance, BalanceMaker


def balance_on(device: str) -> BalanceMaker:
    """What measures pull and push on that device.

    Args:
        device: "cpu" for our kernels, for which PyTorch is not even loaded; "cuda", "cuda:1" or
            another of PyTorch; or "auto", a GPU where there is one.

    Raises:
        InputError: It cannot be used.
    """
    if device == "cpu":
        return Balance
    import torch

    from agents.device import usable_device
    from agents.flat.torch_balance import TorchBalance

    usable = usable_device(device, torch.float64)
    # On the processor the kernels are the faster ones.
    return Balance if usable.type == "cpu" else partial(TorchBalance, device=usable)
