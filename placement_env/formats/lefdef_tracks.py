"""The routing tracks that a DEF and its LEF files state, as a supply for `route_estimate`.

A layer counts in the direction that LEF gives it, with the tracks that DEF's TRACKS of that
direction have. The lowest layer is left out: pins and rails of cells fill it. A layer on which
blocks have obstructions has no tracks left above them (LEF/DEF 5.8 Language Reference: LAYER
DIRECTION, OBS; TRACKS).
"""

from __future__ import annotations

from placement_env.formats.def_design import DefDesign
from placement_env.formats.lef_library import LefLibrary
from placement_env.route_estimate import TrackSupply

#: The axis that TRACKS state for wires of a direction: the one that they are counted along.
_AXIS = {"HORIZONTAL": "Y", "VERTICAL": "X"}


def track_supply(design: DefDesign, library: LefLibrary) -> TrackSupply | None:
    """Tracks per micrometre in each direction; None where a direction has none."""
    routing = [layer for layer in library.layers.values() if layer.kind == "ROUTING"][1:]
    blocked = {
        shape.layer
        for name in set(design.components.master)
        if name in library.macros and library.macros[name].is_block
        for shape in library.macros[name].obstructions
    }
    per_um = {"HORIZONTAL": 0.0, "VERTICAL": 0.0}
    macro_per_um = dict(per_um)
    for layer in routing:
        if layer.direction not in _AXIS:
            continue
        tracks = sum(
            design.dbu_per_um / lines.step
            for lines in design.tracks
            if lines.axis == _AXIS[layer.direction] and layer.name in lines.layers and lines.step
        )
        per_um[layer.direction] += tracks
        macro_per_um[layer.direction] += tracks * (layer.name in blocked)
    if not all(per_um.values()):
        return None
    return TrackSupply(
        h_per_um=per_um["HORIZONTAL"],
        v_per_um=per_um["VERTICAL"],
        h_macro_per_um=macro_per_um["HORIZONTAL"],
        v_macro_per_um=macro_per_um["VERTICAL"],
    )
