"""Make a memory macro of any size, and GDS outlines for memories that have no layout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from chipflow.pdk import memory_lef, memory_liberty, memory_model
from chipflow.pdk.description import MemoryMacro, MemoryPorts, Pdk
from chipflow.pdk.memory_array import memory_array
from placement_env.errors import InputError
from placement_env.formats import lef


def generate(
    pdk: Pdk, words: int, bits: int, out_dir: Path, ports: MemoryPorts = "1rw"
) -> MemoryMacro:
    """Write PDK_ram_WORDSxBITS.lef, .lib and .v: the same bytes every time.

    Memories with two ports are called PDK_ram_1r1w_WORDSxBITS.

    Size and timing come from plain models (`memory_array`, `memory_liberty`), so that floorplans
    and timing are plausible. They are the bare macro; no such memory exists in silicon.

    Args:
        pdk: A PDK with a memory generator.
        words: Number of words; it need not be a power of two.
        bits: Bits in a word.
        out_dir: Where the files go; it is made if need be.
        ports: Its ports.

    Raises:
        InputError: The PDK has no memory generator, or the size is out of its range.
    """
    process = pdk.memory_generator
    if process is None:
        raise InputError(
            f"the PDK {pdk.name} cannot make memories",
            where=str(pdk.description_file),
            hint="use one of its memories, or a PDK with a [memory_generator]",
        )
    array = memory_array(process, words, bits, ports)
    kind = "ram" if ports == "1rw" else f"ram_{ports}"
    name = f"{pdk.name}_{kind}_{words}x{bits}"
    out_dir.mkdir(parents=True, exist_ok=True)
    macro = MemoryMacro(
        name=name,
        words=words,
        bits=bits,
        lef=out_dir / f"{name}.lef",
        liberty=out_dir / f"{name}.lib",
        verilog=out_dir / f"{name}.v",
        ports=ports,
    )
    macro.lef.write_text(memory_lef.text(name, array, process, pdk.label))
    macro.liberty.write_text(memory_liberty.text(name, array, process, pdk.label))
    macro.verilog.write_text(memory_model.verilog(name, words, bits, pdk.label, ports))
    return macro


def outline_gds(pdk: Pdk, macros: Iterable[MemoryMacro], path: Path) -> None:
    """Write a GDS with one cell for each memory: outline, name and pins; no bit cells.

    So an exported chip is complete where a memory comes without a layout. Pins on layers that the
    PDK gives no GDS number are left out.
    """
    import klayout.db as kdb

    layout = kdb.Layout()
    layout.dbu = 1 / lef.read(pdk.tech_lef).dbu_per_um
    layers = {name: layout.layer(*numbers) for name, numbers in pdk.gds_layers.items()}
    for macro in sorted(macros, key=lambda macro: macro.name):
        drawn = lef.read([pdk.tech_lef, macro.lef]).macros[macro.name]
        cell = layout.create_cell(macro.name)
        cell.shapes(layers["outline"]).insert(kdb.DBox(0, 0, drawn.width_um, drawn.height_um))
        cell.shapes(layers["outline"]).insert(kdb.DText(macro.name, kdb.DTrans()))
        for pin in drawn.pins.values():
            for shape in pin.shapes:
                if shape.layer in layers:
                    box = kdb.DBox(shape.left_um, shape.bottom_um, shape.right_um, shape.top_um)
                    cell.shapes(layers[shape.layer]).insert(box)
    options = kdb.SaveLayoutOptions()
    options.format = "GDS2"
    options.gds2_libname = f"{pdk.name}_memory_outlines"
    options.gds2_write_timestamps = False
    layout.write(str(path), options)
