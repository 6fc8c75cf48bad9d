"""Check the names in a PDK description against its LEF files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from chipflow.toml_table import TomlTable
from placement_env.errors import InputError
from placement_env.formats.lef_library import LefLibrary


@dataclass(frozen=True)
class LefNames:
    """Reads keys of a description and refuses a site, layer, cell or pin that is not in `lef`."""

    lef: LefLibrary

    def site(self, table: TomlTable, key: str) -> str:
        """The site that a key names."""
        return _known(table, key, table.text(key), self.lef.sites, "site")

    def layer(self, table: TomlTable, key: str) -> str:
        """The layer that a key names."""
        return _known(table, key, table.text(key), self.lef.layers, "layer")

    def layer_list(self, table: TomlTable, key: str) -> tuple[str, ...]:
        """The layers that a key lists."""
        names = table.texts(key)
        return tuple(_known(table, key, name, self.lef.layers, "layer") for name in names)

    def cell(self, table: TomlTable, key: str) -> str:
        """The cell that a key names."""
        return _known(table, key, table.text(key), self.lef.macros, "cell")

    def cell_and_pin(self, table: TomlTable, key: str) -> tuple[str, str]:
        """A cell and one of its pins, written ["CELL", "PIN"]."""
        match table.texts(key):
            case (cell, pin):
                self._check_pins(table, key, cell, (pin,))
                return cell, pin
        raise InputError(f'{key} must be ["CELL", "PIN"]', where=table.where(key))

    def cell_and_two_pins(self, table: TomlTable, key: str) -> tuple[str, str, str]:
        """A cell, an input and an output, written ["CELL", "INPUT", "OUTPUT"]."""
        match table.texts(key):
            case (cell, input_pin, output_pin):
                self._check_pins(table, key, cell, (input_pin, output_pin))
                return cell, input_pin, output_pin
        raise InputError(f'{key} must be ["CELL", "INPUT", "OUTPUT"]', where=table.where(key))

    def _check_pins(self, table: TomlTable, key: str, cell: str, pins: Iterable[str]) -> None:
        macro = self.lef.macros[_known(table, key, cell, self.lef.macros, "cell")]
        for pin in pins:
            _known(table, key, pin, macro.pins, f"pin of {cell}")


def _known(table: TomlTable, key: str, name: str, names: Iterable[str], what: str) -> str:
    if name in names:
        return name
    like = difflib.get_close_matches(name, names, n=1)
    raise InputError(
        f"{key}: the LEF files define no {what} {name!r}",
        where=table.where(key),
        hint=f"did you mean {like[0]!r}?" if like else "",
    )
