"""The folder of memory macros that a design uses: their files and `memories.json`.

`memories.json` is a list of {"name", "ports", "words", "bits", "lef", "liberty", "verilog",
"instances"}; files are named relative to the folder, instances as in the gate-level netlist. The
list is empty where the design has no memory macro.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chipflow.pdk.description import MemoryMacro


@dataclass(frozen=True)
class UsedMemory:
    """A memory macro and where the design uses it."""

    macro: MemoryMacro
    instances: tuple[str, ...]


def write(
    folder: Path, macros: Sequence[MemoryMacro], instances: Mapping[str, Sequence[str]]
) -> None:
    """Copies the files of used macros into a new folder.

    Args:
        folder: Made here.
        macros: Macros to choose from; those without instances are left out.
        instances: Macro name to names of its instances.
    """
    folder.mkdir()
    entries = []
    for macro in sorted(macros, key=lambda macro: macro.name):
        if not instances.get(macro.name):
            continue
        names = {"lef": "lef", "liberty": "lib", "verilog": "v"}
        files = {kind: f"{macro.name}.{suffix}" for kind, suffix in names.items()}
        for kind, name in files.items():
            shutil.copyfile(getattr(macro, kind), folder / name)
        entries.append(
            {
                "name": macro.name,
                "ports": macro.ports,
                "words": macro.words,
                "bits": macro.bits,
                **files,
                "instances": sorted(instances[macro.name]),
            }
        )
    text = json.dumps(entries, indent=1) + "\n"
    (folder / "memories.json").write_text(text, encoding="utf-8")


def read(folder: Path) -> list[UsedMemory]:
    """The memories of a folder that `write` made, by name."""
    entries = json.loads((folder / "memories.json").read_text(encoding="utf-8"))
    return [
        UsedMemory(
            macro=MemoryMacro(
                name=entry["name"],
                words=entry["words"],
                bits=entry["bits"],
                lef=folder / entry["lef"],
                liberty=folder / entry["liberty"],
                verilog=folder / entry["verilog"],
                ports=entry["ports"],
            ),
            instances=tuple(entry["instances"]),
        )
        for entry in entries
    ]
