"""Fences: regions that some nodes must lie in, and that may be closed to all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placement_env.netlist import FloatArray, IntArray


@dataclass(frozen=True)
class Fences:
    """F regions, each of one or more boxes, and the nodes bound to them.

    Attributes:
        name: [F] names.
        exclusive: [F] bool: nodes that are not bound to the region must not touch it.
        box_um: [B, 4] left, bottom, right and top of each box; they may touch or overlap.
        box_fence: [B] region of each box.
        node_fence: [N] region of each node of the netlist; -1 for nodes that are free.
    """

    name: tuple[str, ...]
    exclusive: NDArray[np.bool_]
    box_um: FloatArray
    box_fence: IntArray
    node_fence: IntArray


def breaks_fence(
    fences: Fences, nodes: IntArray, boxes_um: FloatArray, *, tolerance_um: float
) -> NDArray[np.bool_]:
    """[M]: whether each node leaves its region or touches one that is closed to it.

    Args:
        fences: The regions.
        nodes: [M] nodes to check.
        boxes_um: [M, 4] left, bottom, right and top of these nodes.
        tolerance_um: Nodes may stick out, or in, by so much.
    """
    inner = boxes_um + tolerance_um * np.array([1.0, 1.0, -1.0, -1.0])
    fence = fences.node_fence[nodes]
    held = fence < 0
    broken = np.zeros(len(nodes), dtype=bool)
    # Pieces of regions that hold a node only together, by node.
    shared: dict[int, list[FloatArray]] = {}
    for box, owner in zip(fences.box_um, fences.box_fence.tolist(), strict=True):
        low, high = inner[:, :2], inner[:, 2:]
        touched = (np.minimum(high, box[2:]) > np.maximum(low, box[:2])).all(axis=1)
        member = fence == owner
        if fences.exclusive[owner]:
            broken |= touched & ~member
        held |= member & (low >= box[:2]).all(axis=1) & (high <= box[2:]).all(axis=1)
        for node in np.flatnonzero(touched & member).tolist():
            shared.setdefault(node, []).append(box)
    for node in np.flatnonzero(~held).tolist():
        held[node] = _covered(inner[node], np.array(shared.get(node, [])).reshape(-1, 4))
    return broken | ~held


def _covered(node: FloatArray, boxes: FloatArray) -> bool:
    """Whether boxes cover a rectangle: all tiles do between the lines through all edges."""
    x = np.unique(np.clip(np.append(boxes[:, [0, 2]], node[[0, 2]]), node[0], node[2]))
    y = np.unique(np.clip(np.append(boxes[:, [1, 3]], node[[1, 3]]), node[1], node[3]))
    in_x = (boxes[:, None, 0] <= x[:-1]) & (boxes[:, None, 2] >= x[1:])  # [B, columns]
    in_y = (boxes[:, None, 1] <= y[:-1]) & (boxes[:, None, 3] >= y[1:])  # [B, rows]
    return bool((in_x[:, :, None] & in_y[:, None, :]).any(axis=0).all())
