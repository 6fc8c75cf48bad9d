"""Compares a device with its reference in the wave form that a test bench of VerilogEval dumps.

It is a second opinion, independent of what the test bench counts: which mutants can be told from
their reference, under the inputs that there were.
"""

from __future__ import annotations

from pathlib import Path

from llm_stages import vcd
from llm_stages.errors import InputError

_REFERENCE, _DEVICE = "_ref", "_dut"
_SCOPE, _CLOCKS = "tb", ("tb.clk", "tb.stim1.clk")


def first_difference(path: Path) -> str:
    """Where a device first differs from its reference, in words; empty where it never does.

    Signals `NAME_ref` and `NAME_dut` of the test bench are compared as they are just before each
    edge of its clock. Bits that the reference leaves open, as x or z, may be anything.

    Raises:
        llm_stages.errors.InputError: The file is no dump, or has no such signals.
    """
    waves = vcd.read(path)
    clock = next((name for name in _CLOCKS if name in waves.signals), None)
    pairs = [
        (name.removesuffix(_REFERENCE), name, name.removesuffix(_REFERENCE) + _DEVICE)
        for name in waves.signals
        if name.endswith(_REFERENCE) and name.rpartition(".")[0] == _SCOPE
    ]
    pairs = [pair for pair in pairs if pair[2] in waves.signals]
    if not pairs or clock is None:
        raise InputError("the dump lacks a clock, or pairs of signals", where=str(path))
    now: dict[str, str] = {}
    for time, changes in waves.steps():
        if now and waves.signals[clock][0] in changes:
            for name, reference, device in pairs:
                want, have = (
                    waves.extended(signal, now.get(waves.signals[signal][0], "x"))
                    for signal in (reference, device)
                )
                if any(w in "01" and w != h for w, h in zip(want, have, strict=True)):
                    return f"{name.rpartition('.')[2]} at {time}: {have}, expected {want}"
        now |= changes
    return ""
