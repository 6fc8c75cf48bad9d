"""The names that LEF files define, to check a PDK description against them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from chipflow.toml_table import TomlTable
from placement_env.errors import InputError


@dataclass(frozen=True)
class LefNames:
    """Sites, layers and cells by name.

    The methods read a key of a description and refuse a name that no LEF file defines.
    """

    sites: tuple[str, ...]
    layers: tuple[str, ...]
    cells: tuple[str, ...]

    @classmethod
    def read(cls, tech_lef: Path, cell_lefs: tuple[Path, ...]) -> LefNames:
        """Collect the names of a technology LEF and of cell LEFs."""
        tech = tech_lef.read_text(errors="replace")
        cells = "\n".join(path.read_text(errors="replace") for path in cell_lefs)
        return cls(
            sites=_defined("SITE", f"{tech}\n{cells}"),
            layers=_defined("LAYER", tech),
            cells=_defined("MACRO", cells),
        )

    def site(self, table: TomlTable, key: str) -> str:
        """The site that a key names."""
        return _known(table, key, table.text(key), self.sites, "site")

    def layer(self, table: TomlTable, key: str) -> str:
        """The layer that a key names."""
        return _known(table, key, table.text(key), self.layers, "layer")

    def layer_list(self, table: TomlTable, key: str) -> tuple[str, ...]:
        """The layers that a key lists."""
        return tuple(_known(table, key, name, self.layers, "layer") for name in table.texts(key))

    def cell(self, table: TomlTable, key: str) -> str:
        """The cell that a key names."""
        return self.known_cell(table, key, table.text(key))

    def known_cell(self, table: TomlTable, key: str, name: str) -> str:
        """`name`, which a key mentions, if it is a cell."""
        return _known(table, key, name, self.cells, "cell")


def _defined(keyword: str, text: str) -> tuple[str, ...]:
    found = re.findall(rf"^[ \t]*{keyword}[ \t]+(\S+)[ \t]*\r?$", text, re.MULTILINE)
    return tuple(dict.fromkeys(found))


def _known(table: TomlTable, key: str, name: str, names: tuple[str, ...], what: str) -> str:
    if name not in names:
        like = difflib.get_close_matches(name, names, n=1)
        raise InputError(
            f"the LEF files define no {what} {name!r}",
            where=table.where(key),
            hint=f"did you mean {like[0]!r}?" if like else "",
        )
    return name
