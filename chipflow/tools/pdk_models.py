"""Simulation models of the PDK that a set of Verilog files needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from chipflow.pdk.description import Pdk

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_MODULE = re.compile(r"^\s*module\s+([A-Za-z_][A-Za-z0-9_$]*)", re.MULTILINE)


def models_in_use(pdk: Pdk, files: Sequence[Path]) -> list[Path]:
    """Models of cells and memories whose names occur in files that do not define them.

    RTL may instantiate cells of the library, such as a clock gate, and memory macros.
    """
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    words = {word for text in texts for word in _WORD.findall(text)}
    words -= {name for text in texts for name in _MODULE.findall(text)}
    found = [macro.verilog for macro in pdk.memories if macro.name in words]
    for path in pdk.cell_verilog:
        cells = _MODULE.findall(path.read_text(encoding="utf-8", errors="replace"))
        if words & set(cells):
            found.append(path)
    return found
