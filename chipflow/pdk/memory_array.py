"""Size and pins of a memory macro, from a plain model of an array of bit cells.

`words / mux` rows of `bits * mux` bit cells, a strip for the word line decoder, one for the sense
amplifiers. The height is at least what the pins on the left edge need. The column multiplexer (1 to
16) is the one that gives the least area without making the macro long and thin. Bit cells with a
second port have eight transistors in place of six, and are wider.

References:
    L. Chang et al., "Stable SRAM cell design for the 32 nm node and beyond", VLSI Technology 2005:
    a cell of eight transistors takes some 30 % more area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipflow.pdk.description import MemoryPorts, MemoryProcess
from placement_env.errors import InputError

_MUXES = (1, 2, 4, 8, 16)
_MOST_BITS = 1 << 22
_CELL_WIDTH: dict[MemoryPorts, float] = {"1rw": 1.0, "1r1w": 1.3}
_FREE_PIN_PLACES = 2  # at either end, so that no pin is in a corner

#: Address buses, the one to write last; and enables.
ADDRESSES: dict[MemoryPorts, tuple[str, ...]] = {
    "1rw": ("addr_in",),
    "1r1w": ("raddr_in", "waddr_in"),
}
ENABLES: dict[MemoryPorts, tuple[str, ...]] = {
    "1rw": ("we_in", "ce_in"),
    "1r1w": ("we_in", "re_in"),
}


@dataclass(frozen=True)
class MemoryArray:
    """Ports, words, bits and outer size of a memory."""

    ports: MemoryPorts
    words: int
    bits: int
    width_um: float
    height_um: float

    @property
    def address_bits(self) -> int:
        """Width of the address."""
        return address_bits(self.words)

    @property
    def pins(self) -> list[str]:
        """All signal pins, from the bottom of the left edge to its top."""
        buses = [("w_mask_in", self.bits), ("rd_out", self.bits), ("wd_in", self.bits)]
        buses += [(bus, self.address_bits) for bus in ADDRESSES[self.ports]]
        names = [f"{bus}[{bit}]" for bus, width in buses for bit in range(width)]
        return [*names, *ENABLES[self.ports], "clk"]

    def pin_y_um(self, index: int, process: MemoryProcess) -> float:
        """Centre of a pin above the bottom."""
        return process.pin_offset_um + (index + _FREE_PIN_PLACES) * process.pin_pitch_um


def address_bits(words: int) -> int:
    """Width of the address of a memory with this many words (at least one bit)."""
    return max(1, (words - 1).bit_length())


def most_address_bits(bits: int) -> int:
    """Width of the address of the deepest memory of this word width (at least one bit)."""
    return max(1, (_MOST_BITS // bits).bit_length() - 1)


def memory_array(
    process: MemoryProcess, words: int, bits: int, ports: MemoryPorts = "1rw"
) -> MemoryArray:
    """The array of a memory; width and height are whole steps of the process.

    Raises:
        InputError: The memory is too small or too big for the generator.
    """
    if words < 2 or bits < 1 or words * bits > _MOST_BITS:
        raise InputError(
            f"a memory macro of {words} words of {bits} bits cannot be made",
            hint=f"it needs 2 words of 1 bit or more, and {_MOST_BITS} bits or less",
        )
    pins = 3 * bits + address_bits(words) * len(ADDRESSES[ports]) + len(ENABLES[ports]) + 1
    pins_um = (pins + 2 * _FREE_PIN_PLACES) * process.pin_pitch_um

    def sized(mux: int) -> MemoryArray:
        cell_width_um = _CELL_WIDTH[ports] * process.bitcell_width_um
        width = process.periphery_width_um + bits * mux * cell_width_um
        height = process.periphery_height_um + math.ceil(words / mux) * process.bitcell_height_um
        return MemoryArray(
            ports,
            words,
            bits,
            _round_up(width, process.width_step_um),
            _round_up(max(height, pins_um), process.height_step_um),
        )

    return min(map(sized, _MUXES), key=_badness)


def _badness(array: MemoryArray) -> float:
    """Area, held against macros that are longer than twice their width or the reverse."""
    aspect = array.width_um / array.height_um
    return array.width_um * array.height_um * max(1.0, aspect / 2, 0.5 / aspect)


def _round_up(value: float, step: float) -> float:
    return round(math.ceil(value / step - 1e-9) * step, 4)
