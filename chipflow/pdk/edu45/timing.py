r"""The delay model of edu45: each stage of a cell is a resistor that charges a capacitor.

A stage of strength s has the resistance $R = R_1 / s$ and drives its own parasitic capacitance and
its load, $C = s\,p\,C_p + C_{load}$. With the input slew $t_{in}$ (20 % to 80 %):

$$ d = \ln 2 \, R C + 0.15\, t_{in}, \qquad t_{out} = \sqrt{(\ln 4 \, R C)^2 + (0.2\, t_{in})^2} $$

since an RC step response needs $\ln 2\,RC$ to 50 % and $\ln 4\,RC$ from 20 % to 80 %. Cells with
inner stages chain them. Later inputs of a stack are 8 % slower each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipflow.pdk.edu45.cells import Cell
from chipflow.pdk.edu45.process import (
    FALL_FACTOR,
    INPUT_CAPACITANCE_FF,
    PARASITIC_CAPACITANCE_FF,
    RESISTANCE_KOHM,
    RISE_FACTOR,
)

SLEWS_NS = np.array([0.002, 0.008, 0.02, 0.05, 0.1, 0.2, 0.4])
CONSTRAINT_SLEWS_NS = np.array([0.002, 0.05, 0.4])
_LOADS_FF_PER_STRENGTH = np.array([0.4, 1.5, 4.0, 10.0, 20.0, 40.0, 60.0])
_DELAY_PER_SLEW = 0.15
_SLEW_PER_SLEW = 0.2
_STACK_FACTOR = 0.08


@dataclass(frozen=True)
class Table:
    """Delay and output slew in ns, [input slews, output loads]."""

    delay_ns: NDArray[np.float64]
    slew_ns: NDArray[np.float64]


def loads_ff(cell: Cell) -> NDArray[np.float64]:
    """The output loads of a cell's tables; the last is its greatest load."""
    return _LOADS_FF_PER_STRENGTH * cell.strength


def input_capacitance_ff(cell: Cell, pin: str) -> float:
    """Capacitance of an input pin."""
    if cell.kind.role in ("flip_flop", "latch"):
        return INPUT_CAPACITANCE_FF * cell.kind.effort
    effort = cell.kind.effort * (2 if pin == "S" else 1)
    return INPUT_CAPACITANCE_FF * effort * _first_strength(cell)


def arc(cell: Cell, input_index: int, *, rise: bool) -> Table:
    """The table of one input to the output.

    Args:
        cell: The cell.
        input_index: Position among the inputs, which is the position in the stack.
        rise: The output rises.
    """
    kind = cell.kind
    strengths = [_first_strength(cell)] * kind.inner_stages + [cell.strength]
    parasitics = [kind.parasitic, *[1.0] * kind.inner_stages]
    slew, load = np.meshgrid(SLEWS_NS, loads_ff(cell), indexing="ij")
    delay = np.zeros_like(slew)
    for stage, (strength, parasitic) in enumerate(zip(strengths, parasitics, strict=True)):
        last = stage == kind.inner_stages
        driven_ff = load if last else INPUT_CAPACITANCE_FF * strengths[stage + 1]
        rises = rise if (kind.inner_stages - stage) % 2 == 0 else not rise
        rc_ns = _rc_ns(strength, parasitic, driven_ff, rises)
        if stage == 0:
            rc_ns = rc_ns * (1 + _STACK_FACTOR * input_index)
        delay = delay + math.log(2) * rc_ns + _DELAY_PER_SLEW * slew
        slew = np.hypot(math.log(4) * rc_ns, _SLEW_PER_SLEW * slew)
    return Table(delay, slew)


def setup_ns() -> NDArray[np.float64]:
    """Set-up (and recovery) time, [slew of the data, slew of the clock]."""
    data, clock = np.meshgrid(CONSTRAINT_SLEWS_NS, CONSTRAINT_SLEWS_NS, indexing="ij")
    return 0.030 + 0.25 * data + 0.05 * clock


def hold_ns() -> NDArray[np.float64]:
    """Hold (and removal) time, [slew of the data, slew of the clock]."""
    _, clock = np.meshgrid(CONSTRAINT_SLEWS_NS, CONSTRAINT_SLEWS_NS, indexing="ij")
    return 0.004 + 0.10 * clock


def _first_strength(cell: Cell) -> float:
    """Strength of the stages before the last: half, to share the delay among them."""
    return max(1.0, cell.strength / 2) if cell.kind.inner_stages else cell.strength


def _rc_ns(
    strength: float, parasitic: float, driven_ff: NDArray[np.float64] | float, rises: bool
) -> NDArray[np.float64] | float:
    resistance = RESISTANCE_KOHM / strength * (RISE_FACTOR if rises else FALL_FACTOR)
    return resistance * (strength * parasitic * PARASITIC_CAPACITANCE_FF + driven_ff) / 1000
