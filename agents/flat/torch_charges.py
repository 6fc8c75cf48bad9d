"""Charges, their field and the forces in PyTorch, on any device; see `agents.flat.charges`.

Bodies are taken in groups that touch about as many bins, so that each step is one operation on
[G, K, L] numbers: G bodies, of which none touches more than K x L bins.

Charges are added up in whole numbers of a very small unit. Threads of a GPU come to a bin in
another order each time: sums of whole numbers are the same in all orders, those of floating point
are not. Forces are summed body by body and waves by FFT, which keep to one order: equal runs end
alike, without the sorting of `torch.use_deterministic_algorithms`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agents.flat.charges import Bins, Charges
from placement_env.netlist import IntArray

# All charge together is less than 2 to this many units, which a signed whole number holds.
_BITS = 62
# Every body touches up to so many bins along a side, since it is wider than one.
_FEWEST = 3


@dataclass(frozen=True)
class Group:
    """Bodies that touch at most K x L bins.

    Attributes:
        body: [G] the bodies.
        half: [2, G] half of their widths and heights.
        density: [G] their charge for each unit of area.
        reach: K and L.
    """

    body: Tensor
    half: Tensor
    density: Tensor
    reach: tuple[int, int]


@dataclass(frozen=True)
class Shares:
    """What the bodies of a group put where they are.

    Attributes:
        body: [G] the bodies.
        place: [G, K, L] the bins, numbered column by column.
        charge: [G, K, L] the charge in each.
    """

    body: Tensor
    place: Tensor
    charge: Tensor


@dataclass(frozen=True)
class Grid:
    """C x R bins on a device.

    Attributes:
        shape: C and R.
        size: Width and height of a bin.
        units: How many units of charge count as 1.
        slope: [2, 2 C, R + 1] the field along x and y of a wave of charge of 1 a bin.
    """

    shape: tuple[int, int]
    size: tuple[float, float]
    units: float
    slope: Tensor


def grid_of(bins: Bins, total: float, device: torch.device) -> Grid:
    """The bins, for bodies with that total charge."""
    columns, rows = bins.taken.shape
    wx = 2 * np.pi * np.fft.fftfreq(2 * columns, bins.width)[:, None]
    wy = 2 * np.pi * np.fft.rfftfreq(2 * rows, bins.height)[None, :]
    square = wx**2 + wy**2
    square[0, 0] = 1.0
    potential = 1.0 / (square * bins.width * bins.height)
    slope = np.stack([-1j * wx * potential, -1j * wy * potential])
    units = 2.0 ** (_BITS - math.frexp(total)[1])
    return Grid(
        (columns, rows), (bins.width, bins.height), units, torch.tensor(slope, device=device)
    )


def groups_of(bodies: Charges, grid: Grid, first: int, last: int) -> list[Group]:
    """The bodies from `first` to `last`, grouped by how many bins they touch."""
    if first == last:
        return []
    size = np.stack([bodies.width[first:last], bodies.height[first:last]])  # [2, bodies]
    most = [
        _rounded(np.ceil(length / step).astype(np.int64) + 1, count)
        for length, step, count in zip(size, grid.size, grid.shape, strict=True)
    ]
    reaches, number = np.unique(np.stack(most, axis=1), axis=0, return_inverse=True)
    groups = []
    for k, reach in enumerate(reaches.tolist()):
        body = first + np.flatnonzero(number.ravel() == k)
        half = np.stack([bodies.width[body], bodies.height[body]]) / 2
        arrays = (body, half, bodies.density[body])
        tensors = (torch.tensor(array, device=grid.slope.device) for array in arrays)
        groups.append(Group(*tensors, reach=(reach[0], reach[1])))
    return groups


def shares_of(group: Group, grid: Grid, at: Tensor) -> Shares:
    """What the bodies of the group put into which bins, with all centres at `at` [2, B]."""
    centre = at[:, group.body]
    column, width = _under(centre[0], group.half[0], grid.size[0], grid.shape[0], group.reach[0])
    row, height = _under(centre[1], group.half[1], grid.size[1], grid.shape[1], group.reach[1])
    place = column[:, :, None] * grid.shape[1] + row[:, None, :]  # [G, K, L]
    width = width * group.density[:, None]
    return Shares(group.body, place, width[:, :, None] * height[:, None, :])


def charge_map(shares: Sequence[Shares], grid: Grid) -> Tensor:
    """[C, R] the charge in each bin."""
    columns, rows = grid.shape
    units = torch.zeros(columns * rows, dtype=torch.int64, device=grid.slope.device)
    for share in shares:
        whole = torch.round(share.charge * grid.units).to(torch.int64)
        units.index_add_(0, share.place.ravel(), whole.ravel())
    return units.to(torch.float64).reshape(columns, rows) / grid.units


def field(charge: Tensor, grid: Grid) -> Tensor:
    """[2, C, R] the electric field along x and y of this charge, [C, R], in each bin.

    Mirrored at all edges the charge is periodic, and its field across the edges is zero.
    """
    columns, rows = grid.shape
    mirrored = torch.cat([charge, charge.flip(0)], dim=0)
    mirrored = torch.cat([mirrored, mirrored.flip(1)], dim=1)  # [2 C, 2 R]
    wave = torch.fft.rfft2(mirrored)
    return torch.fft.irfft2(wave * grid.slope, s=(2 * columns, 2 * rows))[:, :columns, :rows]


def add_forces(shares: Sequence[Shares], field_xy: Tensor, out: Tensor) -> None:
    """Put the force of the field [2, C, R] on the bodies into `out` [2, B]."""
    for share in shares:
        for axis in range(2):
            strength = field_xy[axis].ravel()[share.place]
            out[axis, share.body] = (share.charge * strength).sum(dim=(1, 2))


def _rounded(most: IntArray, count: int) -> IntArray:
    """Numbers of bins rounded up, so that there are few groups, and at most `count`."""
    powers = 2 ** np.ceil(np.log2(most)).astype(np.int64)
    return np.minimum(np.where(most <= _FEWEST, _FEWEST, powers), count)


def _under(
    centre: Tensor, half: Tensor, step: float, count: int, reach: int
) -> tuple[Tensor, Tensor]:
    """[G, reach], [G, reach]: bins from the first that each body touches, and its length in each.

    What lies beyond the last bin counts as a length of 0 in it.
    """
    low, high = (centre - half)[:, None], (centre + half)[:, None]
    first = (low / step).to(torch.int64).clamp(0, count - 1)
    place = first + torch.arange(reach, device=centre.device)
    edge = place.to(centre.dtype) * step
    length = torch.minimum(high, edge + step) - torch.maximum(low, edge)
    length = torch.where(place < count, length.clamp(min=0.0), 0.0)
    return place.clamp(max=count - 1), length
