"""Clusters of nearly equal area in a hypergraph, by Mt-KaHyPar where it is installed.

References:
    L. Gottesbüren, T. Heuer, N. Maas, P. Sanders, S. Schlag, "Scalable high-quality hypergraph
    partitioning", ACM Transactions on Algorithms 20, 2024; https://github.com/kahypar/mt-kahypar
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from placement_env.clustering import MAX_AREA, MAX_DEGREE
from placement_env.cores import usable_cores
from placement_env.errors import ToolMissing
from placement_env.netlist import FloatArray, IntArray

#: Areas and weights are whole numbers there; the mean area and the mean weight become this.
_MEAN_AREA, _MEAN_WEIGHT = 10_000, 100


def is_installed() -> bool:
    """Whether `clusters` can be called."""
    return find_spec("mtkahypar") is not None


def clusters(
    area: FloatArray,
    net: IntArray,
    node: IntArray,
    net_weight: FloatArray,
    *,
    target: int,
    seed: int,
) -> IntArray:
    """A cluster for each node: arguments and result are those of `clustering.clusters`.

    The sum over nets of weight times clusters touched, less one, is kept small, and no cluster is
    larger than 1.6 times the mean, except for nodes that are larger alone. Equal seeds give equal
    clusters on any number of cores. It takes some twenty times as long as our own.

    Raises:
        ToolMissing: Mt-KaHyPar is not installed.
    """
    if not is_installed():
        raise ToolMissing("Mt-KaHyPar is not installed", hint="pip install mtkahypar")
    count = len(area)
    target = min(target, count)
    if target <= 1:
        return np.zeros(count, dtype=np.int64)
    nets, kept = _nets(net, node)
    if not nets:
        return np.arange(count, dtype=np.int64) * target // count
    mtkahypar = import_module("mtkahypar")
    mtkahypar.set_seed(seed)
    initializer = _initializer()
    context = initializer.context_from_preset(mtkahypar.PresetType.DETERMINISTIC)
    context.set_partitioning_parameters(target, MAX_AREA - 1, mtkahypar.Objective.KM1)
    context.logging = False
    hypergraph = initializer.create_hypergraph(
        context,
        count,
        len(nets),
        nets,
        _whole(area, _MEAN_AREA),
        _whole(net_weight[kept], _MEAN_WEIGHT),
    )
    label = np.array(hypergraph.partition(context).get_partition(), dtype=np.int64)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


@cache
def _initializer() -> Any:
    """Its threads, which can be started once in a process."""
    return import_module("mtkahypar").initialize(usable_cores())


def _nets(net: IntArray, node: IntArray) -> tuple[list[list[int]], IntArray]:
    """The nodes of each net that says something about neighbourhood, and which nets those are."""
    pairs = np.unique(np.stack([net, node]), axis=1)
    at, degree = np.unique(pairs[0], return_counts=True)
    ends = np.split(pairs[1], np.cumsum(degree)[:-1])
    used = (degree > 1) & (degree <= MAX_DEGREE)
    return [ends[k].tolist() for k in np.flatnonzero(used)], at[used]


def _whole(values: FloatArray, mean: int) -> list[int]:
    """Values as whole numbers above zero, scaled to a mean."""
    scale = mean / values.mean() if values.size and values.mean() > 0 else 1.0
    return np.maximum(np.rint(values * scale), 1).astype(np.int64).tolist()
