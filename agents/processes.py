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
def joined() -> Iterator[tuple[int, int]]:
    """Joins the processes that `torchrun` started; gives rank and number of them."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield 0, 1
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if cuda else "gloo")
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
