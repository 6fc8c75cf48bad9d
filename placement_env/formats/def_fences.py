"""The regions of a DEF design as `Fences` of its netlist."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from placement_env.errors import InputError
from placement_env.fences import Fences
from placement_env.formats.def_areas import DefBox
from placement_env.formats.def_design import DefDesign


def fences_of(
    design: DefDesign, node_name: Sequence[str], *, closed: Sequence[DefBox] = ()
) -> Fences | None:
    """The regions that bind nodes; None where the design has none.

    Guides bind nothing. A region of type FENCE is closed to all that is not bound to it. A
    component is bound by its own REGION, or else by that of the first group that names it.

    Args:
        design: The design.
        node_name: [N] names of the netlist's nodes; those that are no component are free.
        closed: Boxes that are closed to all nodes, in database units.

    Raises:
        InputError: A group or a component is bound to a region that does not exist.
    """
    kinds = {region.name: region.kind for region in design.regions}
    regions = [region for region in design.regions if region.kind != "GUIDE"]
    number = {region.name: index for index, region in enumerate(regions)}
    bound: dict[str, str] = {}
    for group in design.groups:
        if not group.region:
            continue
        for pattern in group.members:
            if "*" not in pattern:
                bound.setdefault(pattern, group.region)
                continue
            words = re.compile(".*".join(map(re.escape, pattern.split("*"))))
            for name in design.components.name:
                if words.fullmatch(name):
                    bound.setdefault(name, group.region)
    bound |= design.components.region
    lost = next((region for region in bound.values() if region not in kinds), None)
    if lost is not None:
        raise InputError(
            f"components are bound to region {lost}, which is not in REGIONS",
            where=design.source or design.name,
            hint="add the region, or take it out of the group or component",
        )
    if not regions and not closed:
        return None
    boxes = [(box, index) for index, region in enumerate(regions) for box in region.boxes]
    boxes += [(box, len(regions) + k) for k, box in enumerate(closed)]
    blockages = tuple(f"blockage {k}" for k in range(len(closed)))
    return Fences(
        name=tuple(region.name for region in regions) + blockages,
        exclusive=np.array([region.kind == "FENCE" for region in regions] + [True] * len(closed)),
        box_um=np.array([box for box, _ in boxes], dtype=np.float64) / design.dbu_per_um,
        box_fence=np.array([index for _, index in boxes]),
        node_fence=np.array(
            [number.get(bound.get(name, ""), -1) for name in node_name], dtype=np.int64
        ),
    )
