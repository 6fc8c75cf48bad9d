"""What pulls on bodies and what pushes them, measured in PyTorch: the same steps on a GPU.

Only the measuring is done there. The steps of Nesterov's method stay with NumPy: an iteration
sends [2, B] centres to the device and takes [2, B] pull and push back, little beside the work.
All numbers are float64, and equal runs on one device end alike (`torch_wirelength`,
`torch_charges` say how). Devices, and the kernels of `agents.flat.balance`, part by rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.flat.balance import Balance
from agents.flat.charges import Domain
from agents.flat.problem import FlatProblem
from agents.flat.threads import Threads
from agents.flat.torch_charges import (
    Group,
    add_forces,
    charge_map,
    field,
    grid_of,
    groups_of,
    shares_of,
)
from agents.flat.torch_wirelength import wirelength_slope, wires_of
from placement_env.errors import ChipError
from placement_env.netlist import FloatArray


@dataclass(frozen=True)
class _Room:
    """A domain on the device: area that is taken, [C, R], and its bodies by groups."""

    taken: Tensor
    nodes: list[Group]
    fillers: list[Group]


class TorchBalance(Balance):
    """A `Balance` that measures on a device of PyTorch.

    Args:
        problem: Bodies and nets.
        domains: Where there is room, and for which bodies; each body is in one.
        threads: As for `Balance`; what is measured here does without.
        device: Must compute with float64.

    Raises:
        ChipError: The device has too little memory; `measure` and `gradient` raise it too.
    """

    def __init__(
        self,
        problem: FlatProblem,
        domains: Sequence[Domain],
        threads: Threads,
        *,
        device: torch.device,
    ) -> None:
        super().__init__(problem, domains, threads)
        self._device = device
        total = float(self._bodies.charge.sum())
        with self._within_memory():
            self._wires = wires_of(problem, device)
            self._grid = grid_of(domains[0].bins, total, device)
            self._rooms = [
                _Room(
                    torch.tensor(domain.bins.taken, device=device),
                    groups_of(self._bodies, self._grid, *domain.nodes),
                    groups_of(self._bodies, self._grid, *domain.fillers),
                )
                for domain in domains
            ]

    def measure(self, at: FloatArray) -> None:
        """Measure both sides with the bodies' centres at `at` [2, B]."""
        with self._within_memory():
            there = torch.tensor(at, device=self._device)
            pull, hpwl = wirelength_slope(self._wires, there, self.gamma)
            push, excess = self._pushed(there)
            self.pull, self.push = pull.cpu().numpy(), push.cpu().numpy()
            self.hpwl, self.overflow = float(hpwl), float(excess) / self._area

    def _pushed(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """The force on the bodies, [2, B], and the charge of nodes that is too much, []."""
        grid = self._grid
        whole = grid.size[0] * grid.size[1]
        push, excess = torch.zeros_like(at), at.new_zeros(())
        for room in self._rooms:
            nodes = [shares_of(group, grid, at) for group in room.nodes]
            fillers = [shares_of(group, grid, at) for group in room.fillers]
            charge = charge_map(nodes, grid)
            excess += (charge - (whole - room.taken)).clamp(min=0.0).sum()
            field_xy = field(charge + room.taken + charge_map(fillers, grid), grid)
            add_forces(nodes, field_xy, push)
            add_forces(fillers, field_xy, push)
        return push, excess

    @contextmanager
    def _within_memory(self) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise ChipError(
                f"the memory of {self._device} is too small for {self._problem.num_bodies} bodies "
                f"(cells, macros and fillers): {str(error).splitlines()[0]}",
                hint="--device cpu, or a GPU with more memory that is free",
            ) from None
