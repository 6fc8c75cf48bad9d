"""Liberty of a made memory macro.

The access time grows with the length of word line and bit line, which is the macro's width plus
height. Each output is a resistor that charges its load: ln 2 RC to 50 %, ln 4 RC from 20 % to 80 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from chipflow.pdk.description import MemoryProcess
from chipflow.pdk.memory_array import ADDRESSES, ENABLES, MemoryArray

_SLEWS_NS = (0.002, 0.05, 0.2, 0.4)
_LOADS_FF = (1.0, 10.0, 50.0, 200.0)
_DELAY_PER_SLEW = 0.15
_CLOCK_CAPACITANCE = 5  # of a data input


def text(name: str, array: MemoryArray, process: MemoryProcess, label: str) -> str:
    """The Liberty of one memory: a library with one cell."""
    return "\n".join([*_header(name, array, process, label), *_cell(name, array, process)]) + "\n"


def access_ns(array: MemoryArray, process: MemoryProcess) -> float:
    """Clock edge to data at no load and no slew."""
    return process.access_ns + process.access_ns_per_um * (array.width_um + array.height_um)


def _header(name: str, array: MemoryArray, process: MemoryProcess, label: str) -> Iterator[str]:
    yield f"/* {label}. */"
    yield f"library ({name}) {{"
    yield f'  comment : "{label}";'
    yield "  technology (cmos);"
    yield "  delay_model : table_lookup;"
    yield '  time_unit : "1ns";'
    yield '  voltage_unit : "1V";'
    yield '  current_unit : "1mA";'
    yield '  pulling_resistance_unit : "1kohm";'
    yield '  leakage_power_unit : "1nW";'
    yield "  capacitive_load_unit (1, ff);"
    yield "  nom_process : 1;\n  nom_temperature : 25;"
    yield f"  nom_voltage : {process.voltage_v:g};"
    for way in ("rise", "fall"):
        yield f"  input_threshold_pct_{way} : 50;\n  output_threshold_pct_{way} : 50;"
        yield f"  slew_lower_threshold_pct_{way} : 20;\n  slew_upper_threshold_pct_{way} : 80;"
    yield "  slew_derate_from_library : 1;"
    yield f"  default_max_transition : {_SLEWS_NS[-1]:g};"
    yield "  default_fanout_load : 1;"
    yield "  lu_table_template (access_4x4) {"
    yield "    variable_1 : input_net_transition;"
    yield "    variable_2 : total_output_net_capacitance;"
    yield f'    index_1 ("{_row(_SLEWS_NS)}");\n    index_2 ("{_row(_LOADS_FF)}");'
    yield "  }"
    for kind, width in (("data", array.bits), ("address", array.address_bits)):
        yield f"  type ({name}_{kind}) {{"
        yield "    base_type : array;\n    data_type : bit;"
        yield f"    bit_width : {width};\n    bit_from : {width - 1};\n    bit_to : 0;"
        yield "    downto : true;\n  }"


def _cell(name: str, array: MemoryArray, process: MemoryProcess) -> Iterator[str]:
    access = access_ns(array, process)
    yield f"  cell ({name}) {{"
    yield f"    area : {array.width_um * array.height_um:g};"
    yield f"    cell_leakage_power : {array.words * array.bits * process.leakage_nw_per_bit:g};"
    yield "    interface_timing : true;\n    dont_touch : true;\n    dont_use : true;"
    yield "    memory () {"
    yield f"      type : ram;\n      address_width : {array.address_bits};"
    yield f"      word_width : {array.bits};\n    }}"
    yield "    pin (clk) {\n      direction : input;\n      clock : true;"
    yield f"      capacitance : {_CLOCK_CAPACITANCE * process.input_capacitance_ff:g};"
    yield f"      min_period : {access + process.setup_ns:g};\n    }}"
    reads, writes = ADDRESSES[array.ports][0], ADDRESSES[array.ports][-1]
    for pin in sorted(ENABLES[array.ports]):
        yield f"    pin ({pin}) {{"
        yield from _input(process)
    buses = [(bus, "address") for bus in ADDRESSES[array.ports]]
    for bus, kind in (*buses, ("wd_in", "data"), ("w_mask_in", "data")):
        yield f"    bus ({bus}) {{\n      bus_type : {name}_{kind};"
        if kind == "data":
            yield f"      memory_write () {{ address : {writes}; clocked_on : clk; }}"
        yield from _input(process)
    yield f"    bus (rd_out) {{\n      bus_type : {name}_data;"
    yield "      direction : output;"
    yield f"      max_capacitance : {_LOADS_FF[-1]:g};"
    yield f"      memory_read () {{ address : {reads}; }}"
    yield '      timing () {\n        related_pin : "clk";'
    yield "        timing_type : rising_edge;\n        timing_sense : non_unate;"
    for way in ("rise", "fall"):
        yield from _table(f"cell_{way}", lambda slew, load: access + _delay_ns(slew, load, process))
        yield from _table(f"{way}_transition", lambda _, load: _slew_ns(load, process))
    yield "      }\n    }\n  }\n}"


def _input(process: MemoryProcess) -> Iterator[str]:
    yield "      direction : input;"
    yield f"      capacitance : {process.input_capacitance_ff:g};"
    for check, value in (("setup", process.setup_ns), ("hold", process.hold_ns)):
        yield '      timing () {\n        related_pin : "clk";'
        yield f"        timing_type : {check}_rising;"
        for way in ("rise", "fall"):
            yield f'        {way}_constraint (scalar) {{ values ("{value:g}"); }}'
        yield "      }"
    yield "    }"


def _table(name: str, value: Callable[[float, float], float]) -> Iterator[str]:
    rows = [_row(value(slew, load) for load in _LOADS_FF) for slew in _SLEWS_NS]
    quoted = ", \\\n            ".join(f'"{row}"' for row in rows)
    yield f"        {name} (access_4x4) {{"
    yield f'          index_1 ("{_row(_SLEWS_NS)}");\n          index_2 ("{_row(_LOADS_FF)}");'
    yield f"          values ({quoted});\n        }}"


def _delay_ns(slew_ns: float, load_ff: float, process: MemoryProcess) -> float:
    rc_ns = process.output_resistance_kohm * load_ff / 1000
    return math.log(2) * rc_ns + _DELAY_PER_SLEW * slew_ns


def _slew_ns(load_ff: float, process: MemoryProcess) -> float:
    return math.log(4) * process.output_resistance_kohm * load_ff / 1000


def _row(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
