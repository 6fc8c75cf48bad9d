"""Where components of a DEF design may lie, as values: regions, groups, blockages and halos.

Lengths are database units, names are as the file has them (LEF/DEF 5.8 Language Reference: REGIONS,
GROUPS, BLOCKAGES and the HALO of COMPONENTS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class DefBox(NamedTuple):
    """A rectangle; left <= right and bottom <= top."""

    left: int
    bottom: int
    right: int
    top: int


@dataclass(frozen=True)
class DefRegion:
    """Boxes to which the members of a group are bound.

    Attributes:
        name: Unique name.
        boxes: At least one; they may touch or overlap.
        kind: FENCE (members stay inside and all others outside), GUIDE (members should lie inside),
            or empty, which means that members stay inside and others may too.
    """

    name: str
    boxes: tuple[DefBox, ...]
    kind: str = ""


@dataclass(frozen=True)
class DefGroup:
    """Components that belong together.

    Attributes:
        name: Unique name.
        members: Names of components, or patterns in which `*` stands for any letters.
        region: The region that binds them; empty where there is none.
    """

    name: str
    members: tuple[str, ...] = ()
    region: str = ""


@dataclass(frozen=True)
class DefBlockage:
    """Boxes that are closed to components, or to routing on one layer.

    Attributes:
        layer: The layer that is closed; empty for a placement blockage.
        boxes: What is closed.
        polygons: Corners of what is closed besides; only on layers.
        soft: Closed to the initial placement only, not to later changes.
        max_density_percent: PARTIAL: how much of the area components may take at first.
        component: The component that the blockage belongs to and moves with; empty for none.
        options: Other options as the file has them, such as `PUSHDOWN` or `SPACING 280`.
    """

    layer: str = ""
    boxes: tuple[DefBox, ...] = ()
    polygons: tuple[tuple[tuple[int, int], ...], ...] = ()
    soft: bool = False
    max_density_percent: float | None = None
    component: str = ""
    options: tuple[str, ...] = ()


class DefHalo(NamedTuple):
    """The margin around a component, at its orientation, that is closed to other components.

    Attributes:
        left: Margin at the left edge; the others accordingly.
        bottom: Margin at the bottom.
        right: Margin at the right edge.
        top: Margin at the top.
        soft: Closed to the initial placement only, not to later changes.
    """

    left: int
    bottom: int
    right: int
    top: int
    soft: bool = False
