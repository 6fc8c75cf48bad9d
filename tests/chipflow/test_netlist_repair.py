"""Buffer trees: the same logic, and no net with too many sinks."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipflow.tools.netlist_repair import (
    Buffer,
    bound_fanout,
    drop_open_outputs,
    has_large_net,
    tree_buffer,
)
from tests.chipflow.rtl_designs import load_pdk

BUFFER = Buffer("BUF", "A", "Y", input_ff=1.0, most_load_ff=100.0)


def netlist(sinks_of_net: list[int]) -> dict:
    """A module whose input port bits each drive so many inverters."""
    count = len(sinks_of_net)
    module = {
        "ports": {
            "in": {"direction": "input", "bits": list(range(2, 2 + count))},
            "clk": {"direction": "input", "bits": [2 + count]},
        },
        "cells": {},
        "netnames": {"in": {"bits": list(range(2, 2 + count))}, "clk": {"bits": [2 + count]}},
    }
    bit = 3 + count
    for net, sinks in enumerate([*sinks_of_net, 50], start=2):
        for _ in range(sinks):
            module["cells"][f"u{bit}"] = {
                "type": "INV",
                "port_directions": {"A": "input", "Y": "output"},
                "connections": {"A": [net], "Y": [bit]},
            }
            module["netnames"][f"n{bit}"] = {"bits": [bit]}
            bit += 1
    return module


def source_of(module: dict, bit: int) -> int:
    """The net before all buffers."""
    drivers = {
        cell["connections"]["Y"][0]: cell["connections"]["A"][0]
        for cell in module["cells"].values()
        if cell["type"] == "BUF"
    }
    while bit in drivers:
        bit = drivers[bit]
    return bit


@given(st.lists(st.integers(0, 90), min_size=1, max_size=4), st.integers(2, 9))
def test_every_sink_keeps_its_source_and_no_net_is_large(sinks, most):
    module, before = netlist(sinks), netlist(sinks)
    count = bound_fanout(module, BUFFER, most, ["clk"])
    assert count == sum(cell["type"] == "BUF" for cell in module["cells"].values())
    for name, cell in before["cells"].items():
        now = module["cells"][name]["connections"]["A"][0]
        assert source_of(module, now) == cell["connections"]["A"][0]
    clock = module["ports"]["clk"]["bits"][0]
    loads = Counter(cell["connections"]["A"][0] for cell in module["cells"].values())
    assert loads.pop(clock) == 50
    assert max(loads.values(), default=0) <= most
    assert not has_large_net(module, most, ["clk"])
    assert not set(module["cells"]) & set(module["netnames"])


def test_a_small_net_stays_as_it_is():
    module = netlist([3])
    assert bound_fanout(module, BUFFER, 3, ["clk"]) == 0
    assert module == netlist([3])


def test_outputs_that_lead_nowhere_are_disconnected():
    module = netlist([1])
    (first, *_) = module["cells"]
    module["ports"]["out"] = {
        "direction": "output",
        "bits": module["cells"][first]["connections"]["Y"],
    }
    drop_open_outputs(module)
    connected = [name for name, cell in module["cells"].items() if "Y" in cell["connections"]]
    assert connected == [first]


@pytest.mark.parametrize(("name", "cell"), [("edu45", "BUF_X2"), ("nangate45", "BUF_X2")])
def test_the_tree_is_of_a_buffer_that_can_drive_it(name, cell):
    pdk = load_pdk(name)
    buffer = tree_buffer(pdk)
    assert buffer.cell == cell
    assert buffer.most_load_ff > 2 * pdk.max_fanout * buffer.input_ff
