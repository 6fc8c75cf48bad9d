"""Bodies as electric charges: how full each bin is, the field over the bins, the force on bodies.

References:
    J. Lu et al., "ePlace: electrostatics-based placement using fast Fourier transform and
    Nesterov's method", ACM TODAES 20(2), 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft

from agents.flat.problem import FlatProblem
from agents.flat.threads import CHUNKS, Threads
from placement_env.kernels import jit, pasted
from placement_env.netlist import FloatArray

# Bodies smaller than this many bins are widened and thinned, so that the field is smooth to them.
_LEAST_BINS = math.sqrt(2)


@dataclass(frozen=True)
class Bins:
    """C x R bins over the region.

    Attributes:
        width: Width of a bin.
        height: Height of a bin.
        taken: [C, R] area of each bin that no body may use.
    """

    width: float
    height: float
    taken: FloatArray


@dataclass(frozen=True)
class Domain:
    """Bodies that share room: those of a fence that is closed to others, or all others.

    Attributes:
        bins: The room; the bins of all domains have the same size.
        nodes: First and last body, exclusive, of those that are nodes.
        fillers: The same of its fillers.
    """

    bins: Bins
    nodes: tuple[int, int]
    fillers: tuple[int, int]


@dataclass(frozen=True)
class Charges:
    """The bodies' charges.

    Attributes:
        width: [B] widths, no less than the field can resolve.
        height: [B] heights likewise.
        density: [B] charge for each unit of that area.
        charge: [B] whole charge of each body.
    """

    width: FloatArray
    height: FloatArray
    density: FloatArray
    charge: FloatArray


def charges(problem: FlatProblem, bins: Bins) -> Charges:
    """The charges of bodies, each as large as its area."""
    width = np.maximum(problem.width, _LEAST_BINS * bins.width)
    height = np.maximum(problem.height, _LEAST_BINS * bins.height)
    charge = problem.width * problem.height
    return Charges(width, height, charge / (width * height), charge)


def charge_map(
    bodies: Charges, bins: Bins, threads: Threads, at: FloatArray, first: int, last: int
) -> FloatArray:
    """[C, R] the charge that the bodies from `first` to `last`, at [2, B], put into each bin."""
    x, y = at
    bounds = np.linspace(first, last, CHUNKS + 1).astype(np.int64)
    maps = threads.run(
        lambda begin, end: _spread(
            begin, end, x, y, bodies.width, bodies.height, bodies.density,
            bins.width, bins.height, np.zeros_like(bins.taken),
        ),
        bounds,
    )  # fmt: skip
    return maps[0] + maps[1] + maps[2] + maps[3]


def area_map(
    centre: FloatArray, size: FloatArray, shape: tuple[int, int], bin_size: tuple[float, float]
) -> FloatArray:
    """[C, R] area of K rectangles, given by [2, K] centres and sizes, in each bin."""
    count = centre.shape[1]
    x, y = centre
    width, height = size
    return _spread(
        0, count, x, y, width, height, np.ones(count), bin_size[0], bin_size[1], np.zeros(shape)
    )


def field(charge: FloatArray, bins: Bins, threads: Threads) -> tuple[FloatArray, FloatArray]:
    """[C, R], [C, R]: the electric field along x and y of this charge in each bin.

    Solves Poisson's equation with a field of zero across the region's edges, in cosines.
    """
    columns, rows = charge.shape
    wx = np.pi * np.arange(columns) / (columns * bins.width)
    wy = np.pi * np.arange(rows) / (rows * bins.height)
    square = wx[:, None] ** 2 + wy[None, :] ** 2
    square[0, 0] = 1.0

    def transform(cores: int) -> tuple[FloatArray, FloatArray]:
        wave = scipy.fft.dctn(charge / (bins.width * bins.height), type=2, workers=cores) / square
        wave[0, 0] = 0.0
        by_x = np.zeros_like(wave)
        by_x[:-1] = (wave * wx[:, None])[1:]
        field_x = scipy.fft.idct(by_x, type=2, axis=1, workers=cores, overwrite_x=True)
        field_x = scipy.fft.dst(field_x, type=3, axis=0, workers=cores) / (2 * columns)
        by_y = np.zeros_like(wave)
        by_y[:, :-1] = (wave * wy[None, :])[:, 1:]
        field_y = scipy.fft.idct(by_y, type=2, axis=0, workers=cores, overwrite_x=True)
        field_y = scipy.fft.dst(field_y, type=3, axis=1, workers=cores) / (2 * rows)
        return field_x, field_y

    return threads.quicker((field, charge.shape), transform)


def forces(
    bodies: Charges,
    bins: Bins,
    threads: Threads,
    at: FloatArray,
    first: int,
    last: int,
    field_xy: tuple[FloatArray, FloatArray],
    out: FloatArray,
) -> None:
    """Put the force of the field on the bodies from `first` to `last`, at [2, B], into `out`."""
    x, y = at
    field_x, field_y = field_xy
    bounds = np.linspace(first, last, CHUNKS + 1).astype(np.int64)
    threads.run(
        lambda begin, end: _pull(
            begin, end, x, y, bodies.width, bodies.height, bodies.density,
            bins.width, bins.height, field_x, field_y, out[0], out[1],
        ),
        bounds,
    )  # fmt: skip


@pasted
def _bins_under(
    centre: float, length: float, step: float, count: int
) -> tuple[float, float, int, int]:
    """Both ends of a body along one axis, and the first and the last bin that it touches."""
    low, high = centre - length / 2, centre + length / 2
    return low, high, max(int(low / step), 0), min(int(high / step), count - 1)


@jit
def _spread(
    first: int,
    last: int,
    x: FloatArray,
    y: FloatArray,
    width: FloatArray,
    height: FloatArray,
    density: FloatArray,
    bin_width: float,
    bin_height: float,
    out: FloatArray,
) -> FloatArray:
    columns, rows = out.shape
    for body in range(first, last):
        left, right, column0, column1 = _bins_under(x[body], width[body], bin_width, columns)
        bottom, top, row0, row1 = _bins_under(y[body], height[body], bin_height, rows)
        for column in range(column0, column1 + 1):
            share = min(right, (column + 1) * bin_width) - max(left, column * bin_width)
            share *= density[body]
            for row in range(row0, row1 + 1):
                out[column, row] += share * (
                    min(top, (row + 1) * bin_height) - max(bottom, row * bin_height)
                )
    return out


@jit
def _pull(
    first: int,
    last: int,
    x: FloatArray,
    y: FloatArray,
    width: FloatArray,
    height: FloatArray,
    density: FloatArray,
    bin_width: float,
    bin_height: float,
    field_x: FloatArray,
    field_y: FloatArray,
    out_x: FloatArray,
    out_y: FloatArray,
) -> None:
    columns, rows = field_x.shape
    for body in range(first, last):
        left, right, column0, column1 = _bins_under(x[body], width[body], bin_width, columns)
        bottom, top, row0, row1 = _bins_under(y[body], height[body], bin_height, rows)
        sum_x = sum_y = 0.0
        for column in range(column0, column1 + 1):
            share = min(right, (column + 1) * bin_width) - max(left, column * bin_width)
            for row in range(row0, row1 + 1):
                area = share * (min(top, (row + 1) * bin_height) - max(bottom, row * bin_height))
                sum_x += area * field_x[column, row]
                sum_y += area * field_y[column, row]
        out_x[body] = sum_x * density[body]
        out_y[body] = sum_y * density[body]
