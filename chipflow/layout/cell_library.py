"""The LEF library of a flow: the PDK's technology and cells, and the memories that were made."""

from __future__ import annotations

from pathlib import Path

from chipflow.pdk.description import Pdk
from chipflow.tools import memory_folder
from placement_env.formats import lef
from placement_env.formats.lef_library import LefLibrary


def read_library(pdk: Pdk, memories: Path) -> LefLibrary:
    """Read all LEF files that a design's floorplan and placement need.

    Args:
        pdk: The PDK.
        memories: The folder of memory macros that synthesis made.
    """
    used = [memory.macro.lef for memory in memory_folder.read(memories)]
    return lef.read([pdk.tech_lef, *pdk.cell_lefs, *used])
