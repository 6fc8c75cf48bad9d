"""Find a PDK by name or path and read its `pdk.toml`.

A PDK is data and this one description: adding another needs no code. Its files are beside the
description (`files_from = "folder"`), in the benchmark data (`"benchmark data"`), or made by
chipflow itself (`"generator"`, only for PDKs that ship with it). Simulation models that the PDK
lacks are written from its Liberty (standard cells) and from the common interface (memories).
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks import data
from chipflow.pdk import cell_models, memory_model
from chipflow.pdk.description import MemoryMacro, MemoryProcess, Pdk
from chipflow.pdk.lef_names import LefNames
from chipflow.pdk.made_files import content_key, make_once
from chipflow.toml_table import TomlTable
from placement_env.errors import InputError
from placement_env.formats import lef

_HOME = Path(__file__).parent
_MODEL_WRITERS = ("boolean", "cell_models", "liberty", "memory_array", "memory_model")

Locate = Callable[[str], Path]


def names() -> list[str]:
    """Names of the PDKs that ship with chipflow, sorted."""
    return sorted(path.parent.name for path in _HOME.glob("*/pdk.toml"))


def load(name_or_path: str | Path) -> Pdk:
    """Read a PDK, making what it lacks in the user's cache.

    Args:
        name_or_path: A name of `names()`, or the path of a `pdk.toml` or of its folder.

    Raises:
        InputError: There is no such PDK, its description is wrong, or a file is missing.
    """
    path = _description_file(str(name_or_path))
    top = TomlTable.read(path)
    name, label = top.identifier("name"), top.text("label")
    locate = _locator(top, path)

    files = top.table("files")
    tech_lef = _file(files, "tech_lef", locate)
    cell_lefs = _files(files, "cell_lefs", locate)
    liberty = _files(files, "liberty", locate)
    cell_verilog = _files(files, "cell_verilog", locate, optional=True)
    cell_gds = _files(files, "cell_gds", locate, optional=True)
    memories = [_memory(table, locate) for table in top.tables("memories")]
    models = _models(name, label, () if cell_verilog else liberty, memories)

    in_lef = LefNames(lef.read([tech_lef, *cell_lefs]))
    cells, ports = top.table("cells"), top.table("ports")
    wires, gds = top.table("wires"), top.table("gds_layers")
    generator = top.table("memory_generator") if top.has("memory_generator") else None
    pdk = Pdk(
        name=name,
        label=label,
        description_file=path,
        tech_lef=tech_lef,
        cell_lefs=cell_lefs,
        liberty=liberty,
        cell_verilog=cell_verilog or (models / "cells.v",),
        cell_gds=cell_gds,
        site=in_lef.site(cells, "site"),
        dont_use=cells.texts("dont_use", ()),
        tie_high=in_lef.cell_and_pin(cells, "tie_high"),
        tie_low=in_lef.cell_and_pin(cells, "tie_low"),
        buffer=in_lef.cell_and_two_pins(cells, "buffer"),
        driving_cell=in_lef.cell(cells, "driving_cell"),
        max_fanout=cells.integer("max_fanout", 16, least=2),
        output_load_ff=ports.number("output_load_ff", above=0),
        io_layer_horizontal=in_lef.layer(ports, "layer_horizontal"),
        io_layer_vertical=in_lef.layer(ports, "layer_vertical"),
        wire_layer=in_lef.layer(wires, "layer"),
        wire_resistance_ohm_per_um=wires.number("resistance_ohm_per_um", above=0),
        wire_capacitance_ff_per_um=wires.number("capacitance_ff_per_um", above=0),
        h_tracks_per_um=wires.number("h_tracks_per_um", above=0),
        v_tracks_per_um=wires.number("v_tracks_per_um", above=0),
        h_macro_tracks_per_um=wires.number("h_macro_tracks_per_um", least=0),
        v_macro_tracks_per_um=wires.number("v_macro_tracks_per_um", least=0),
        gds_layers={layer: gds.pair(layer) for layer in ("outline", *gds.keys())},
        memories=tuple(memory.macro(models) for memory in memories),
        memory_generator=_memory_process(generator, in_lef) if generator else None,
    )
    for table in (files, cells, ports, wires, gds, top):
        table.finish()
    return pdk


def _description_file(name_or_path: str) -> Path:
    if name_or_path in names():
        return _HOME / name_or_path / "pdk.toml"
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        path /= "pdk.toml"
    if path.is_file():
        return path.resolve()
    like = difflib.get_close_matches(name_or_path, names(), n=1)
    guess = f"did you mean {like[0]!r}? " if like else ""
    raise InputError(
        f"there is no PDK {name_or_path!r}",
        hint=f"{guess}known names: {', '.join(names())}; or give the path of a pdk.toml",
    )


def _locator(top: TomlTable, path: Path) -> Locate:
    source = top.choice("files_from", ("folder", "benchmark data", "generator"), "folder")
    if source == "benchmark data":
        return data.find
    if source == "folder":
        return lambda relative: path.parent / relative
    if path.parent.parent != _HOME:
        raise InputError(
            "only the PDKs that ship with chipflow are made by a generator",
            where=top.where("files_from"),
            hint='write files_from = "folder" and put the files beside this description',
        )
    folder: Path = importlib.import_module(f"chipflow.pdk.{path.parent.name}.build").folder()
    return lambda relative: folder / relative


def _file(table: TomlTable, key: str, locate: Locate) -> Path:
    return _existing(table, key, table.text(key), locate)


def _files(
    table: TomlTable, key: str, locate: Locate, *, optional: bool = False
) -> tuple[Path, ...]:
    relatives = table.texts(key, ()) if optional else table.texts(key)
    if not relatives and not optional:
        raise InputError(f"{key} names no file", where=table.where(key))
    return tuple(_existing(table, key, relative, locate) for relative in relatives)


def _existing(table: TomlTable, key: str, relative: str, locate: Locate) -> Path:
    path = locate(relative)
    if not path.is_file():
        raise InputError(
            f"the PDK file {relative} does not exist: {path}",
            where=table.where(key),
            hint="correct the path; a made folder in the cache may be deleted as a whole",
        )
    return path


@dataclass(frozen=True)
class _MemoryFiles:
    """A [[memories]] table: a macro that may still lack its model."""

    name: str
    words: int
    bits: int
    lef: Path
    liberty: Path
    verilog: Path | None

    def macro(self, models: Path) -> MemoryMacro:
        verilog = self.verilog or models / f"{self.name}.v"
        return MemoryMacro(self.name, self.words, self.bits, self.lef, self.liberty, verilog)


def _memory(table: TomlTable, locate: Locate) -> _MemoryFiles:
    memory = _MemoryFiles(
        name=table.identifier("name"),
        words=table.integer("words", least=2),
        bits=table.integer("bits", least=1),
        lef=_file(table, "lef", locate),
        liberty=_file(table, "liberty", locate),
        verilog=_file(table, "verilog", locate) if table.has("verilog") else None,
    )
    table.finish()
    return memory


def _models(name: str, label: str, liberty: tuple[Path, ...], memories: list[_MemoryFiles]) -> Path:
    """The folder of the simulation models that the PDK does not bring along."""
    lacking = [memory for memory in memories if memory.verilog is None]

    def make(folder: Path) -> None:
        if liberty:
            cell_models.write(liberty, folder / "cells.v", label)
        for memory in lacking:
            text = memory_model.verilog(memory.name, memory.words, memory.bits, label)
            (folder / f"{memory.name}.v").write_text(text)

    wanted = repr([(memory.name, memory.words, memory.bits) for memory in lacking])
    writers = [_HOME / f"{writer}.py" for writer in _MODEL_WRITERS]
    key = content_key(label.encode(), wanted.encode(), *writers, *liberty)
    folder = make_once(f"{name}-models", key, make)
    made = ["cells.v"] if liberty else []
    for file in made + [f"{memory.name}.v" for memory in lacking]:
        if not (folder / file).is_file():
            raise InputError(
                f"the made model {file} is gone",
                where=str(folder),
                hint="delete this folder of the cache; it is made anew",
            )
    return folder


def _memory_process(table: TomlTable, in_lef: LefNames) -> MemoryProcess:
    numbers = {
        field.name: table.number(field.name, above=0)
        for field in fields(MemoryProcess)
        if not field.name.endswith(("_layer", "_layers"))
    }
    process = MemoryProcess(
        pin_layer=in_lef.layer(table, "pin_layer"),
        power_layer=in_lef.layer(table, "power_layer"),
        blocked_layers=in_lef.layer_list(table, "blocked_layers"),
        **numbers,
    )
    table.finish()
    return process
