"""Training in several processes that `torchrun` started; one process alone needs none of this.

References:
    PyTorch's documentation of torchrun (elastic launch) and torch.distributed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import distributed as dist
from torch import nn


@contextlib.contextmanager
def joined(device: str) -> Iterator[tuple[int, int]]:
    """Joins the processes that `torchrun` started; gives rank and number of them.

    Args:
        device: The device that was asked for. With "auto" or "cuda" each process takes a GPU of its
            own; where there are fewer GPUs than processes, they share them and talk by gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield 0, 1
        return
    gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    if gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % gpus)
    own = gpus >= int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    dist.init_process_group("nccl" if own else "gloo")
    try:
        yield rank_and_number()
    finally:
        dist.destroy_process_group()


def rank_and_number() -> tuple[int, int]:
    """This process's rank, and how many processes there are."""
    if not dist.is_initialized():
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


def average_gradients(module: nn.Module) -> None:
    """Replace each gradient by its mean over all processes."""
    _, world = rank_and_number()
    if world == 1:
        return
    for weight in module.parameters():
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        dist.all_reduce(weight.grad)
        weight.grad /= world


def over_all(count: int, device: torch.device) -> int:
    """The sum of a number over all processes."""
    if not dist.is_initialized():
        return count
    total = torch.tensor(count, device=device)
    dist.all_reduce(total)
    return int(total)
