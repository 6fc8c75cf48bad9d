"""A DEF of the flow with its netlist: read, checked and written by the stages of the back end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from chipflow.layout.cell_library import read_library
from chipflow.pdk.description import Pdk
from placement_env.formats import def_file, lefdef
from placement_env.formats.def_design import DefDesign
from placement_env.formats.lef_library import LefLibrary
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement
from placement_env.route_estimate import TrackSupply


@dataclass(frozen=True)
class Layout:
    """A design as DEF and as arrays.

    Attributes:
        design: The DEF.
        lef: LEF of all its cells.
        netlist: The arrays; ports are fixed, the canvas is the die.
        placement: Where everything is.
    """

    design: DefDesign
    lef: LefLibrary
    netlist: Netlist
    placement: Placement

    def with_placement(
        self, netlist: Netlist, placement: Placement, *, nodes: IntArray | None = None
    ) -> DefDesign:
        """The DEF with new positions, of all nodes or of `nodes`; what `netlist` fixes is FIXED."""
        return lefdef.with_placement(self.design, netlist, placement, nodes=nodes)


def read_layout(def_path: Path, pdk: Pdk, memories: Path) -> Layout:
    """Read a DEF that the flow wrote."""
    library = read_library(pdk, memories)
    design = def_file.read(def_path)
    netlist, placement = lefdef.to_netlist(design, library)
    return Layout(design, library, netlist, placement)


def tracks_of(pdk: Pdk) -> TrackSupply:
    """Routing tracks over all signal layers of a PDK, and those that memories block."""
    return TrackSupply(
        pdk.h_tracks_per_um,
        pdk.v_tracks_per_um,
        pdk.h_macro_tracks_per_um,
        pdk.v_macro_tracks_per_um,
    )


def macros_fixed(netlist: Netlist) -> Netlist:
    """The netlist with its hard macros fixed."""
    fixed = netlist.fixed.copy()
    fixed[netlist.nodes_of(NodeKind.HARD_MACRO)] = True
    return replace(netlist, fixed=fixed)
