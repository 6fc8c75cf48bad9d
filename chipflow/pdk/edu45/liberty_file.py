"""Write the Liberty of edu45."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chipflow.pdk import boolean
from chipflow.pdk.edu45 import timing
from chipflow.pdk.edu45.cells import CELLS, Cell
from chipflow.pdk.edu45.process import LABEL, LEAKAGE_NW_PER_SITE, TEMPERATURE_C, VOLTAGE_V


def write(path: Path) -> None:
    """Write all cells, one corner, non-linear delay tables."""
    body = "\n".join(line for cell in CELLS for line in _cell(cell))
    path.write_text(f"{_header()}\n{body}\n}}\n")


def _header() -> str:
    thresholds = "\n".join(
        f"  {edge}put_threshold_pct_{way} : 50;" for edge in ("in", "out") for way in _WAYS
    )
    slews = "\n".join(
        f"  slew_{side}_threshold_pct_{way} : {percent};"
        for side, percent in (("lower", 20), ("upper", 80))
        for way in _WAYS
    )
    return f"""\
/* {LABEL}.
   Delays come from an RC model, see chipflow/pdk/edu45/timing.py; they describe no real silicon. */
library (edu45) {{
  comment : "{LABEL}";
  technology (cmos);
  delay_model : table_lookup;
  time_unit : "1ns";
  voltage_unit : "1V";
  current_unit : "1mA";
  pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, ff);
  nom_process : 1;
  nom_temperature : {TEMPERATURE_C};
  nom_voltage : {VOLTAGE_V};
  voltage_map (VDD, {VOLTAGE_V});
  voltage_map (VSS, 0);
  operating_conditions (typical) {{
    process : 1;
    temperature : {TEMPERATURE_C};
    voltage : {VOLTAGE_V};
    tree_type : balanced_tree;
  }}
  default_operating_conditions : typical;
{thresholds}
{slews}
  slew_derate_from_library : 1;
  default_max_transition : {timing.SLEWS_NS[-1]:g};
  default_input_pin_cap : 0;
  default_output_pin_cap : 0;
  default_inout_pin_cap : 0;
  default_fanout_load : 1;
  lu_table_template (delay_7x7) {{
    variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance;
    index_1 ("{_row(range(1, 8))}");
    index_2 ("{_row(range(1, 8))}");
  }}
  lu_table_template (constraint_3x3) {{
    variable_1 : constrained_pin_transition;
    variable_2 : related_pin_transition;
    index_1 ("{_row(range(1, 4))}");
    index_2 ("{_row(range(1, 4))}");
  }}
"""


_WAYS = ("rise", "fall")


def _cell(cell: Cell) -> Iterator[str]:
    kind = cell.kind
    yield f"  cell ({cell.name}) {{"
    yield f"    area : {cell.area_um2:g};"
    yield f"    cell_leakage_power : {cell.sites * LEAKAGE_NW_PER_SITE:g};"
    if kind.role in ("tie", "fill", "tap"):
        yield "    dont_touch : true;"
        yield "    dont_use : true;"
    yield "    pg_pin (VDD) { voltage_name : VDD; pg_type : primary_power; }"
    yield "    pg_pin (VSS) { voltage_name : VSS; pg_type : primary_ground; }"
    if kind.role == "flip_flop":
        yield "    ff (IQ, IQN) {"
        yield '      clocked_on : "CK";'
        yield '      next_state : "D";'
        if kind.forces:
            pin, value = kind.forces
            yield f'      {"preset" if value else "clear"} : "!{pin}";'
        yield "    }"
    elif kind.role == "latch":
        yield '    latch (IQ, IQN) { enable : "G"; data_in : "D"; }'
    for pin in kind.inputs:
        yield from _input(cell, pin)
    if kind.output:
        yield from _output(cell)
    yield "  }"


def _input(cell: Cell, pin: str) -> Iterator[str]:
    yield f"    pin ({pin}) {{"
    yield "      direction : input;"
    yield "      related_power_pin : VDD; related_ground_pin : VSS;"
    yield f"      capacitance : {timing.input_capacitance_ff(cell, pin):.4f};"
    role = cell.kind.role
    if pin in ("CK", "G"):
        yield "      clock : true;"
    elif role == "flip_flop" and pin == "D":
        yield from _constraint("CK", "setup_rising", timing.setup_ns(), _WAYS)
        yield from _constraint("CK", "hold_rising", timing.hold_ns(), _WAYS)
    elif role == "flip_flop":
        yield from _constraint("CK", "recovery_rising", timing.setup_ns(), ("rise",))
        yield from _constraint("CK", "removal_rising", timing.hold_ns(), ("rise",))
    elif role == "latch":
        yield from _constraint("G", "setup_falling", timing.setup_ns(), _WAYS)
        yield from _constraint("G", "hold_falling", timing.hold_ns(), _WAYS)
    yield "    }"


def _output(cell: Cell) -> Iterator[str]:
    kind = cell.kind
    yield f"    pin ({kind.output}) {{"
    yield "      direction : output;"
    yield "      related_power_pin : VDD; related_ground_pin : VSS;"
    yield f'      function : "{kind.function}";'
    yield f"      max_capacitance : {timing.loads_ff(cell)[-1]:g};"
    if kind.role == "gate":
        for index, pin in enumerate(kind.inputs):
            yield from _arc(cell, index, pin, _sense(kind.function, pin), "combinational")
    elif kind.role == "flip_flop":
        yield from _arc(cell, 0, "CK", "non_unate", "rising_edge")
        if kind.forces:
            pin, value = kind.forces
            sense, how = ("negative_unate", "preset") if value else ("positive_unate", "clear")
            yield from _arc(cell, 2, pin, sense, how, ("rise",) if value else ("fall",))
    elif kind.role == "latch":
        yield from _arc(cell, 0, "G", "non_unate", "rising_edge")
        yield from _arc(cell, 1, "D", "positive_unate", "combinational")
    yield "    }"


def _arc(
    cell: Cell,
    index: int,
    pin: str,
    sense: str,
    timing_type: str,
    ways: tuple[str, ...] = _WAYS,
) -> Iterator[str]:
    yield "      timing () {"
    yield f'        related_pin : "{pin}";'
    yield f"        timing_sense : {sense};"
    yield f"        timing_type : {timing_type};"
    for way in ways:
        table = timing.arc(cell, index, rise=way == "rise")
        for name, values in ((f"cell_{way}", table.delay_ns), (f"{way}_transition", table.slew_ns)):
            yield from _table(name, "delay_7x7", timing.SLEWS_NS, timing.loads_ff(cell), values)
    yield "      }"


def _constraint(
    related: str, timing_type: str, values: NDArray[np.float64], ways: tuple[str, ...]
) -> Iterator[str]:
    slews = timing.CONSTRAINT_SLEWS_NS
    yield "      timing () {"
    yield f'        related_pin : "{related}";'
    yield f"        timing_type : {timing_type};"
    for way in ways:
        yield from _table(f"{way}_constraint", "constraint_3x3", slews, slews, values)
    yield "      }"


def _table(
    name: str,
    template: str,
    index_1: NDArray[np.float64],
    index_2: NDArray[np.float64],
    values: NDArray[np.float64],
) -> Iterator[str]:
    rows = ", \\\n            ".join(f'"{_row(row)}"' for row in values)
    yield f"        {name} ({template}) {{"
    yield f'          index_1 ("{_row(index_1)}");'
    yield f'          index_2 ("{_row(index_2)}");'
    yield f"          values ({rows});"
    yield "        }"


def _row(values: Iterable[float] | NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _sense(function: str, pin: str) -> str:
    """Whether the output follows the pin, opposes it, or depends on the other pins."""
    expr = boolean.parse(function)
    others = [name for name in expr.variables() if name != pin]
    senses = set()
    for values in itertools.product((False, True), repeat=len(others)):
        rest = dict(zip(others, values, strict=True))
        low, high = expr.evaluate(rest | {pin: False}), expr.evaluate(rest | {pin: True})
        if low != high:
            senses.add("positive_unate" if high else "negative_unate")
    return senses.pop() if len(senses) == 1 else "non_unate"
