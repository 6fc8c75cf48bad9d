"""Which placers each suite is for.

Designs without macros have cells to place and nothing else; floorplans have a placer of their own,
which `search` stands for.
"""

from __future__ import annotations

_MACROS = ("search", "graph-rl", "annealing", "greedy", "quadratic", "random")

#: The placers of each suite; the first one is what `bench placement` runs where none is named.
PLACERS = {
    "tilos": _MACROS,
    "tilos_sky130hd": _MACROS,
    "tilos_more": _MACROS,
    "iccad04": ("flat", *_MACROS, "coloquinte"),
    "ispd2005": ("flat", "coloquinte"),
    "ispd2006": ("flat", *_MACROS, "coloquinte"),
    "ispd2015": ("flat", "coloquinte"),
    "ispd18": ("flat", "coloquinte"),
    "ispd19": ("flat", "coloquinte"),
    "gsrc": ("search",),
    "gsrc_soft": ("search",),
    "mcnc": ("search",),
}
