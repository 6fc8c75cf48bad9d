"""A process design kit as data: one `pdk.toml` beside (or pointing at) its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

#: What a memory does in a cycle: read or write at one address; or read at one, write at another.
MemoryPorts = Literal["1rw", "1r1w"]


@dataclass(frozen=True)
class MemoryMacro:
    """A synchronous memory that exists as a hard macro.

    All memories with one port, "1rw", share one interface: clk, ce_in, we_in, addr_in, wd_in,
    w_mask_in, rd_out. A write needs ce_in and we_in and changes the bits whose w_mask_in is 1; a
    read needs ce_in without we_in and shows its word after the edge. Otherwise rd_out keeps its
    value (no change on write).

    Those with two ports, "1r1w", have clk, re_in, raddr_in, rd_out to read, and we_in, waddr_in,
    wd_in, w_mask_in to write. Both happen in one cycle; where the addresses are the same, the read
    shows the word from before the write. Without re_in, rd_out keeps its value.
    """

    name: str
    words: int
    bits: int
    lef: Path
    liberty: Path
    verilog: Path
    ports: MemoryPorts = "1rw"


@dataclass(frozen=True)
class MemoryProcess:
    """What `chipflow.pdk.memory` needs to draw and time a memory of any size.

    Attributes:
        bitcell_width_um: Width of one bit, along the word line.
        bitcell_height_um: Height of one bit, along the bit line.
        periphery_width_um: Width of the word line decoder and drivers.
        periphery_height_um: Height of sense amplifiers, write drivers and column selection.
        width_step_um: The width is rounded up to a multiple of this: the site.
        height_step_um: The height is rounded up to a multiple of this: the row.
        pin_layer: Layer of the pins, all on the left edge.
        pin_width_um: Width of a pin.
        pin_pitch_um: Distance from pin to pin.
        pin_offset_um: The pins' centres are a whole number of pitches and this above the bottom.
        blocked_layers: Routing layers that the memory fills, lowest first.
        power_layer: The one of the blocked layers, vertical, that carries the power stripes.
        power_width_um: Width of a power stripe.
        power_pitch_um: Distance from one VDD stripe to the next.
        access_ns: Clock to data of a memory with no wires, at no load.
        access_ns_per_um: Added for each um of width and height (word line and bit line).
        output_resistance_kohm: Resistance of the data output drivers.
        input_capacitance_ff: Capacitance of an input pin; the clock has five times as much.
        setup_ns: Set-up time of all inputs.
        hold_ns: Hold time of all inputs.
        leakage_nw_per_bit: Leakage power of one bit.
        voltage_v: Supply voltage.
    """

    bitcell_width_um: float
    bitcell_height_um: float
    periphery_width_um: float
    periphery_height_um: float
    width_step_um: float
    height_step_um: float
    pin_layer: str
    pin_width_um: float
    pin_pitch_um: float
    pin_offset_um: float
    blocked_layers: tuple[str, ...]
    power_layer: str
    power_width_um: float
    power_pitch_um: float
    access_ns: float
    access_ns_per_um: float
    output_resistance_kohm: float
    input_capacitance_ff: float
    setup_ns: float
    hold_ns: float
    leakage_nw_per_bit: float
    voltage_v: float


@dataclass(frozen=True)
class Pdk:
    """What the flow needs to know of a process.

    Attributes:
        name: Short name, such as "nangate45".
        label: One line on what it is and what it is good for; shown in every report.
        description_file: The `pdk.toml` that this came from.
        tech_lef: Layers, vias and sites.
        cell_lefs: Standard cell LEF.
        liberty: Liberty of one corner (plain or .gz).
        cell_verilog: Simulation models of the standard cells.
        cell_gds: Layouts of the standard cells.
        site: Name of the core site.
        dont_use: Glob patterns of cells that synthesis must not choose.
        tie_high: Cell and output pin of constant one.
        tie_low: Cell and output pin of constant zero.
        buffer: Cell, input pin and output pin of the buffer used for ports.
        driving_cell: Cell that drives input ports in timing and sizing.
        output_load_ff: Load on output ports in femtofarads.
        max_fanout: Fan-out above which synthesis buffers a net.
        io_layer_horizontal: Layer of port shapes on the left and right sides.
        io_layer_vertical: Layer of port shapes on the bottom and top sides.
        wire_layer: The layer that the wire figures below are of.
        wire_resistance_ohm_per_um: Resistance of an average routed wire.
        wire_capacitance_ff_per_um: Capacitance of an average routed wire.
        h_tracks_per_um: Horizontal routing capacity over all signal layers.
        v_tracks_per_um: Vertical routing capacity over all signal layers.
        h_macro_tracks_per_um: Horizontal routing capacity that a memory macro blocks.
        v_macro_tracks_per_um: Vertical routing capacity that a memory macro blocks.
        gds_layers: GDS layer and datatype of each LEF layer that is drawn, and of "outline".
        memories: The memories that exist as files.
        memory_generator: Set where the PDK can make a memory of any size (`chipflow.pdk.memory`).
    """

    name: str
    label: str
    description_file: Path
    tech_lef: Path
    cell_lefs: tuple[Path, ...]
    liberty: tuple[Path, ...]
    cell_verilog: tuple[Path, ...]
    cell_gds: tuple[Path, ...]
    site: str
    dont_use: tuple[str, ...]
    tie_high: tuple[str, str]
    tie_low: tuple[str, str]
    buffer: tuple[str, str, str]
    driving_cell: str
    output_load_ff: float
    max_fanout: int
    io_layer_horizontal: str
    io_layer_vertical: str
    wire_layer: str
    wire_resistance_ohm_per_um: float
    wire_capacitance_ff_per_um: float
    h_tracks_per_um: float
    v_tracks_per_um: float
    h_macro_tracks_per_um: float
    v_macro_tracks_per_um: float
    gds_layers: Mapping[str, tuple[int, int]]
    memories: tuple[MemoryMacro, ...] = field(default=())
    memory_generator: MemoryProcess | None = None
