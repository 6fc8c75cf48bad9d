"""Stimulus for a module: what its inputs are in each cycle, made from its ports alone.

A small combinational module gets all inputs there are. Everything else gets corner values and
random ones: in spells of some cycles, each with its own odds, since a control bit that is mostly 0,
or held for long, reaches states that a fair coin does not. It depends on ports and seed alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_stages.normalise import NormalisedSpec

#: Combinational modules with so many input bits get every value.
_EXHAUSTIVE_BITS = 9
_ROWS, _SPELL = 512, 24
_MOST_CASE_ROWS = 256
_LITERAL = re.compile(
    r"\d+'[sS]?([bodhBODH])([0-9a-fA-F_]+)\b|\b0[xX]([0-9a-fA-F_]+)\b|(?<!')\b(\d{1,9})\b(?!')"
)
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
_MOST_LITERALS = 64


@dataclass(frozen=True)
class Stimulus:
    """Values of the inputs, clock left out.

    Attributes:
        rows: Each input's value by name; for a clocked module one row a cycle.
    """

    rows: tuple[Mapping[str, int], ...]


def make(
    spec: NormalisedSpec,
    *,
    seed: int = 1,
    cases: Sequence[Sequence[Mapping[str, int]]] = (),
    effort: int = 1,
    text: str = "",
) -> Stimulus:
    """Make stimulus.

    Args:
        spec: Ports, clock and reset.
        seed: Another seed makes other random values.
        cases: Sequences of rows to run besides, each after a reset; inputs that a row does not name
            are 0, and the reset is inactive.
        effort: How many times as much as by default.
        text: The specification; numbers in it are values that matter, such as a key's code.
    """
    dice = _Dice(seed, literals(text))
    bits = sum(port.width for port in spec.inputs)
    rows: list[dict[str, int]] = []
    if spec.clock is None and bits <= _EXHAUSTIVE_BITS:
        rows = [_spread(spec, value) for value in range(2**bits)]
        # A latch shows only where the order is not that of counting.
        rows += [dict(dice.choice(rows)) for _ in range(len(rows))] if bits else []
    elif spec.clock is None:
        rows = [_corner(spec, number) for number in range(6)]
        rows += [
            {**_fair(spec, dice), port.name: value}
            for port in spec.inputs
            for value in dice.literals
            if 3 < value < 2**port.width
        ]
        rows += [_fair(spec, dice) for _ in range(_ROWS * effort)]
    else:
        for number in range(_ROWS * effort // _SPELL):
            rows += _spell(spec, dice, starts_in_reset=number % 3 == 0)
    room = _MOST_CASE_ROWS
    for case in cases:
        given = list(case)[:room]
        room -= len(given)
        if given:
            rows += _reset_rows(spec, dice) + [_complete(spec, row) for row in given]
    return Stimulus(tuple(rows))


def literals(text: str) -> tuple[int, ...]:
    """Numbers that a text states, sized Verilog literals and plain ones, each once."""
    found: dict[int, None] = {}
    for base, digits, hexadecimal, plain in _LITERAL.findall(text):
        try:
            if base:
                found[int(digits.replace("_", ""), _BASES[base.lower()])] = None
            else:
                found[int(hexadecimal or plain, 16 if hexadecimal else 10)] = None
        except ValueError:  # such as 4'b1x0
            continue
    return tuple(found)[:_MOST_LITERALS]


class _Dice(random.Random):
    """Random numbers, and the literals that a value may be."""

    def __init__(self, seed: int, found: tuple[int, ...]) -> None:
        super().__init__(seed)
        self.literals = found


def _spread(spec: NormalisedSpec, value: int) -> dict[str, int]:
    row = {}
    for port in spec.inputs:
        row[port.name] = value % 2**port.width
        value >>= port.width
    return row


def _fair(spec: NormalisedSpec, dice: _Dice) -> dict[str, int]:
    return {port.name: _value(port.width, dice) for port in spec.inputs}


def _value(width: int, dice: _Dice) -> int:
    """Mostly uniform; now and then a corner: nothing, everything, one bit, a small number."""
    if width == 1 or dice.random() < 0.7:
        return dice.getrandbits(width)
    stated = [value for value in dice.literals if value < 2**width]
    if stated and dice.random() < 0.5:
        return dice.choice(stated)
    corners = (0, 2**width - 1, 1 << dice.randrange(width), 2 ** (width - 1), dice.randrange(4))
    return dice.choice(corners) % 2**width


def _corner(spec: NormalisedSpec, number: int) -> dict[str, int]:
    full = {port.name: 2**port.width - 1 for port in spec.inputs}
    values = {
        0: lambda full: 0,
        1: lambda full: full,
        2: lambda full: full // 3,
        3: lambda full: full - full // 3,
        4: lambda full: 1,
        5: lambda full: full // 2 + 1,
    }
    return {name: values[number](most) for name, most in full.items()}


def _reset_rows(spec: NormalisedSpec, dice: _Dice) -> list[dict[str, int]]:
    if spec.reset is None:
        return []
    return [{**_fair(spec, dice), spec.reset.port: spec.reset.active} for _ in range(2)]


def _spell(spec: NormalisedSpec, dice: _Dice, *, starts_in_reset: bool) -> list[dict]:
    odds = {port.name: dice.choice((0.1, 0.5, 0.5, 0.9)) for port in spec.inputs}
    held = dice.choice((0.0, 0.0, 0.5, 0.85))
    rows = _reset_rows(spec, dice) if starts_in_reset else []
    row = _fair(spec, dice)
    while len(rows) < _SPELL:
        for port in spec.inputs:
            if dice.random() >= held:
                one = int(dice.random() < odds[port.name])
                row[port.name] = one if port.width == 1 else _value(port.width, dice)
        if spec.reset:
            pulse = dice.random() < 0.02
            row[spec.reset.port] = spec.reset.active if pulse else 1 - spec.reset.active
        rows.append(dict(row))
    return rows


def _complete(spec: NormalisedSpec, row: Mapping[str, int]) -> dict[str, int]:
    full = {port.name: int(row.get(port.name, 0)) % 2**port.width for port in spec.inputs}
    if spec.reset and spec.reset.port not in row:
        full[spec.reset.port] = 1 - spec.reset.active
    return full
