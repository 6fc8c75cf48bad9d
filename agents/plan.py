"""Where the graph policy would have everything, at a glance: its plan, as a placement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from agents.netlist_graph import netlist_graph
from agents.policy import GraphPolicy
from placement_env.netlist import FloatArray, IntArray, Netlist, Placement
from placement_env.soft_rule import SPREAD, SoftRule


def planned(policy: GraphPolicy, netlist: Netlist, at_first: Placement) -> Placement | None:
    """Where the policy would have everything that moves; macros may overlap.

    None where no net ties a node that moves to one that stays, so that nothing tells the sides of
    the canvas apart.

    Args:
        policy: The policy.
        netlist: A netlist.
        at_first: Where ports and fixed macros are.
    """
    pull = SoftRule(netlist, ~netlist.fixed, spread=SPREAD)
    if not pull.anchored:
        return None
    x_um, y_um = pull.place(at_first.x_um, at_first.y_um)
    graph = netlist_graph(netlist, replace(at_first, x_um=x_um, y_um=y_um), np.array([], int))
    with torch.inference_mode():
        plan = policy.encode(graph).plan.double().numpy()  # (N, 2)
    return as_planned(netlist, at_first, plan, np.flatnonzero(~netlist.fixed))


def as_planned(
    netlist: Netlist, placement: Placement, plan: FloatArray, nodes: IntArray
) -> Placement:
    """The placement with some nodes where the plan has them, as shares of the canvas."""
    canvas = netlist.canvas
    x_um, y_um = placement.x_um.copy(), placement.y_um.copy()
    x_um[nodes] = canvas.left_um + plan[nodes, 0] * canvas.width_um
    y_um[nodes] = canvas.bottom_um + plan[nodes, 1] * canvas.height_um
    return replace(placement, x_um=x_um, y_um=y_um)
