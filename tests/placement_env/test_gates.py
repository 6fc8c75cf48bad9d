from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import def_file, gates, lef
from placement_env.formats.gate_module import CONSTANT_ONE, CONSTANT_ZERO, OPEN
from placement_env.netlist import Canvas, NodeKind

DataFile = Callable[[str], Path]

CELLS = """
UNITS DATABASE MICRONS 1000 ; END UNITS
MACRO INV CLASS CORE ; SIZE 2 BY 4 ;
  PIN A DIRECTION INPUT ; PORT LAYER m1 ; RECT 0 0 1 1 ; END END A
  PIN Z DIRECTION OUTPUT ; PORT LAYER m1 ; RECT 1 3 2 4 ; END END Z
  PIN VDD USE POWER ; END VDD
END INV
MACRO RAM CLASS BLOCK ; SIZE 10 BY 20 ;
  PIN addr[0] END addr[0] PIN addr[1] END addr[1] PIN addr[2] END addr[2]
  PIN q DIRECTION OUTPUT ; END q
END RAM
"""

SMALL = r"""
/* a comment ; module no(); */
`timescale 1ns/1ps
(* top = 1 *)
module top (clk, \a[3] , bus, y, tied, loop);
  input clk; // ; endmodule
  input \a[3] ;
  input [3:0] bus;
  output y, tied;
  output loop;
  wire n1, \n/2 ;
  wire [0:1] up;
  wire clk;
  assign tied = 1'b0;
  assign loop = bus[2], n1 = clk;
  INV u1 (.A(\a[3] ), .Z(\n/2 ));
  INV \u[2]  (.A(n1), .Z(up[1]), .VDD(vdd));
  RAM #(.SIZE(4)) mem (.addr({up, bus[3]}), .q(y));
  RAM mem2 (.addr({1'b1, {2{\n/2 }}}), .q());
  RAM mem3 (.addr(bus[2:0]), .q(q3));
endmodule
"""


def write(folder: Path, text: str, name: str = "top.v") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture(scope="session")
def nangate45(data_file: DataFile) -> lef.LefLibrary:
    return lef.read(
        [
            data_file("nangate45/NangateOpenCellLibrary.tech.lef"),
            data_file("nangate45/NangateOpenCellLibrary.macro.mod.lef"),
            data_file("nangate45/fakeram45/fakeram45_64x32.lef"),
        ]
    )


Bits = list[str | int]


def connections(module: gates.GateModule) -> dict[tuple[str, str], Bits]:
    """(instance, pin) -> net names and negative constants, most significant bit first."""
    found: dict[tuple[str, str], Bits] = {}
    for owner, instance in enumerate(module.instance_name):
        for at in range(module.connection_start[owner], module.connection_start[owner + 1]):
            bits = module.bit_net[module.bit_start[at] : module.bit_start[at + 1]].tolist()
            found[instance, module.connection_pin[at]] = [
                module.net_name[net] if net >= 0 else net for net in bits
            ]
    return found


def net_pins(design: def_file.DefDesign) -> dict[str, set[tuple[str, str]]]:
    nets = design.nets
    return {
        name: set(zip(nets.component[a:b], nets.pin[a:b], strict=True))
        for name, a, b in zip(nets.name, nets.start[:-1], nets.start[1:], strict=True)
    }


def test_small_module(tmp_path: Path) -> None:
    module = gates.read(write(tmp_path, SMALL))
    assert module.name == "top"
    assert [(port.name, port.direction) for port in module.ports] == [
        ("clk", "INPUT"),
        (r"a\[3\]", "INPUT"),
        ("bus", "INPUT"),
        ("y", "OUTPUT"),
        ("tied", "OUTPUT"),
        ("loop", "OUTPUT"),
    ]
    assert module.ports[2].bits == ("bus[3]", "bus[2]", "bus[1]", "bus[0]")
    assert module.ports[4].nets == (CONSTANT_ZERO,)
    assert module.net_name[module.ports[5].nets[0]] == "bus[2]"
    assert dict(zip(module.instance_name, module.instance_cell, strict=True)) == {
        "u1": "INV",
        r"u\[2\]": "INV",
        "mem": "RAM",
        "mem2": "RAM",
        "mem3": "RAM",
    }
    assert connections(module) == {
        ("u1", "A"): [r"a\[3\]"],
        ("u1", "Z"): [r"n\/2"],
        (r"u\[2\]", "A"): ["clk"],
        (r"u\[2\]", "Z"): ["up[1]"],
        (r"u\[2\]", "VDD"): ["vdd"],
        ("mem", "addr"): ["up[0]", "up[1]", "bus[3]"],
        ("mem", "q"): ["y"],
        ("mem2", "addr"): [CONSTANT_ONE, r"n\/2", r"n\/2"],
        ("mem2", "q"): [OPEN],
        ("mem3", "addr"): ["bus[2]", "bus[1]", "bus[0]"],
        ("mem3", "q"): ["q3"],
    }


def test_small_module_as_def(tmp_path: Path) -> None:
    library = lef.read(write(tmp_path, CELLS, "cells.lef"))
    design = gates.to_def(gates.read(write(tmp_path, SMALL)), library)
    nets = net_pins(design)
    assert nets["tied"] == {("PIN", "tied")}
    assert nets["bus[2]"] == {("PIN", "bus[2]"), ("PIN", "loop"), ("mem3", "addr[2]")}
    assert nets["up[0]"] == {("mem", "addr[2]")}
    assert nets["bus[3]"] == {("PIN", "bus[3]"), ("mem", "addr[0]")}
    assert nets[r"n\/2"] == {("u1", "Z"), ("mem2", "addr[1]"), ("mem2", "addr[0]")}
    assert dict(zip(design.nets.name, design.nets.use, strict=True))["vdd"] == "POWER"
    assert design.skipped == {"constant connections": 1, "open connections": 1}
    assert {pin.name: pin.net for pin in design.pins}["loop"] == "bus[2]"
    def_file.write(tmp_path / "top.def", design)
    assert def_file.read(tmp_path / "top.def") == design


def test_small_module_as_netlist(tmp_path: Path) -> None:
    library = lef.read(write(tmp_path, CELLS, "cells.lef"))
    module = gates.read(write(tmp_path, SMALL))
    netlist = gates.to_netlist(module, library, utilization=0.5)
    area = 2 * 2 * 4 + 3 * 10 * 20
    assert netlist.canvas.width_um * netlist.canvas.height_um == pytest.approx(area / 0.5, rel=1e-3)
    assert len(netlist.nodes_of(NodeKind.HARD_MACRO)) == 3
    assert not netlist.fixed.any()
    assert netlist.net_name is not None
    assert "vdd" not in netlist.net_name
    net = netlist.net_name.index(r"n\/2")
    driver = netlist.net_start[net]
    assert netlist.node_name[netlist.pin_node[driver]] == "u1"
    assert (netlist.pin_dx_um[driver], netlist.pin_dy_um[driver]) == (0.5, 1.5)
    chosen = gates.to_netlist(module, library, canvas=Canvas(0, 0, 40, 30))
    assert chosen.canvas == Canvas(0, 0, 40, 30)
    with pytest.raises(InputError, match="utilization"):
        gates.to_netlist(module, library, utilization=0)


@pytest.mark.parametrize("name", ["gcd", "aes_cipher_top", "dynamic_node_top_wrap", "ibex_core"])
def test_nangate45_verilog_and_def_agree(
    data_file: DataFile, nangate45: lef.LefLibrary, name: str
) -> None:
    """OpenROAD wrote the DEF from the same Verilog: every net must have the same pins and name."""
    ours = gates.to_def(gates.read(data_file(f"nangate45/designs/{name}.v.gz")), nangate45)
    theirs = def_file.read(data_file(f"nangate45/designs/{name}.def.gz"))
    assert net_pins(ours) == net_pins(theirs)
    parts = theirs.components
    placed_by_verilog = {
        instance: cell
        for instance, cell, source in zip(parts.name, parts.master, parts.source, strict=True)
        if source != "DIST"
    }
    assert dict(zip(ours.components.name, ours.components.master, strict=True)) == placed_by_verilog
    assert [(p.name, p.net, p.direction) for p in ours.pins] == [
        (p.name, p.net, p.direction) for p in theirs.pins
    ]


def test_tiny_rocket(data_file: DataFile, nangate45: lef.LefLibrary) -> None:
    module = gates.read(data_file("nangate45/designs/tinyRocket.v.gz"))
    netlist = gates.to_netlist(module, nangate45)
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert netlist.node_master is not None
    assert {netlist.node_master[node] for node in macros} == {"fakeram45_64x32"}
    assert len(macros) == 2
    assert len(netlist.nodes_of(NodeKind.STANDARD_CELL)) == 23875
    # every bit of the memories' buses is on a net: 6 + 3 x 32 and clk, ce_in, we_in
    for node in macros:
        assert int((netlist.pin_node == node).sum()) == 6 + 3 * 32 + 3


def test_models_beside_the_top_are_library_cells(tmp_path: Path) -> None:
    model = "module RAM(input [2:0] addr, output q); reg q; always @(*) q = 1; endmodule"
    module = gates.read(write(tmp_path, model + SMALL))
    assert module.name == "top"
    assert gates.read(write(tmp_path, SMALL + model.replace("RAM", "unused"))).name == "top"


def test_hierarchy_is_refused_with_a_remedy(tmp_path: Path) -> None:
    leaf = "module a(x); input x; INV i(.A(x)); endmodule\n"
    text = leaf + "module b(x); input x;\n a u(.x(x)); endmodule"
    path = write(tmp_path, text)
    with pytest.raises(InputError, match="hierarchical") as caught:
        gates.read(path)
    assert "flatten" in caught.value.hint
    assert caught.value.where == f"{path}:3 (instance u)"
    assert gates.read(path, top="a").instance_name == ("i",)
    with pytest.raises(InputError, match="module c is not in the file"):
        gates.read(path, top="c")
    twins = leaf + leaf.replace("module a", "module b")
    with pytest.raises(InputError, match="no single top module"):
        gates.read(write(tmp_path, twins))


@pytest.mark.parametrize("piece", [" ", "/* ", "(*", "' ", "9 ", "\\", '"'])
def test_many_openings_that_are_not_closed_take_no_long(piece: str, tmp_path: Path) -> None:
    """Looking for the end of each would take hours."""
    text = SMALL.replace("wire clk;", f"wire clk; {piece * 1_000_000}\n")
    with suppress(InputError):
        assert gates.read(write(tmp_path, text)).name == "top"


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("q3));\nendmodule\n", "q3));\n", "the file ends inside module top", 20),
        ("module top", "entity top", "expected module", 5),
        (".q(q3));", ".q(q3))", "has no ;", 20),
        ("INV u1 (.A(", "INV mem (.A(", "instance mem comes twice", 18),
        ("input clk;", "", "port clk is in the header but declared nowhere", 5),
        ("  wire n1,", "  input extra; wire n1,", "port extra is not in the header once", 5),
        ("input clk;", "input clk; input clk;", "port clk is declared twice", 6),
        ("wire n1,", "wire [1:0] clk; wire n1,", "declared twice, with two ranges", 11),
        ("bus[2:0]", "bus[4:2]", "[4:2] is not within bus[3:0]", 20),
        ("bus[2:0]", "bus[0:2]", "[0:2] is not within bus[3:0]", 20),
        ("bus[2:0]", "bis[2:0]", "bis is not declared", 20),
        ("bus[2:0]", "clk[2:0]", "clk is one bit", 20),
        (".A(n1)", ".A(n1 & clk)", "'&' in an expression", 17),
        (".A(n1)", ".A(~n1)", "expected a name", 17),
        (".A(n1)", "n1", "expected a connection", 17),
        (".A(n1)", ".A(1)", "no usable width", 17),
        ("1'b1", "1'b2", "not of its base", 19),
        ("{2{", "{999999999{", "too wide", 19),
        ("wire n1,", "wire [999999999:0] n1,", "too wide", 11),
        ("wire n1,", "wire [1000000:0] n1,", "too wide", 11),
        ("n1 = clk", "n1 = bus", "an assign of 4 bits to 1 bits", 15),
        ("assign tied = 1'b0;", "assign tied = 1'b0; assign tied = 1'b1;", "both 0 and 1", 14),
        ("assign tied", "always @(posedge clk) tied", "'always' is not gate level", 14),
        ("(clk, ", "#(parameter W = 1) (clk, ", "with parameters", 5),
    ],
)
def test_malformed_modules(tmp_path: Path, old: str, new: str, message: str, line: int) -> None:
    assert SMALL.count(old) == 1
    path = write(tmp_path, SMALL.replace(old, new))
    with pytest.raises(InputError) as caught:
        gates.read(path)
    assert message in caught.value.message
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("INV u1", "INW u1", "cell INW is in no LEF", "INV"),
        ("INV u1 (.A(", "INV u1 (.AA(", "cell INV has no pin AA", ""),
        ("{up, bus[3]}", "{up, bus}", "connects 6 bits to RAM.addr, which has 3", ""),
        (".A(n1)", ".A(bus)", "connects 4 bits to INV.A, which has 1", ""),
    ],
)
def test_what_does_not_fit_the_library(
    tmp_path: Path, old: str, new: str, message: str, hint: str
) -> None:
    library = lef.read(write(tmp_path, CELLS, "cells.lef"))
    text = SMALL.replace(old, new)
    path = write(tmp_path, text)
    module = gates.read(path)
    with pytest.raises(InputError) as caught:
        gates.to_def(module, library)
    assert message in caught.value.message
    assert hint in caught.value.hint
    line = text[: text.index(new)].count("\n") + 1
    assert caught.value.where.startswith(f"{path}:{line} (instance")


def test_every_cut_is_an_error(tmp_path: Path) -> None:
    text = SMALL.strip()
    for end in range(5, len(text) - len("endmodule") + 1, 3):
        with pytest.raises(InputError):
            gates.read(write(tmp_path, text[:end]))


plain = st.from_regex(r"[A-Za-z_][A-Za-z0-9_$]{0,4}", fullmatch=True).filter(
    lambda name: name not in ("wire", "input", "output", "assign", "module", "reg", "for", "if")
)
escaped = st.text(alphabet="ab0.[]/\\$;(){},'`\"#*", min_size=1, max_size=5).map(lambda s: "\\" + s)


class Names:
    """Declared nets of a random module: what to write, and the bits that it must be read as."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.declarations: list[str] = []
        self.bits: dict[str, Bits] = {}
        self.limits: dict[str, tuple[int, int] | None] = {}
        for token in draw(
            st.lists(st.one_of(plain, escaped), min_size=1, max_size=6, unique_by=spelled)
        ):
            limits = draw(st.one_of(st.none(), st.tuples(st.integers(0, 5), st.integers(0, 5))))
            self.limits[token] = limits
            if limits is None:
                self.bits[token] = [spelled(token)]
                self.declarations.append(f"wire {token} ;")
            else:
                msb, lsb = limits
                step = -1 if msb >= lsb else 1
                self.bits[token] = [f"{spelled(token)}[{k}]" for k in range(msb, lsb + step, step)]
                self.declarations.append(f"wire [{msb}:{lsb}] {token} ;")

    def expression(self, depth: int = 2) -> tuple[str, Bits]:
        draw = self.draw
        kind = draw(st.sampled_from(["net", "net", "select", "constant", "concat", "repeat"]))
        if kind in ("concat", "repeat") and depth:
            parts = [self.expression(depth - 1) for _ in range(draw(st.integers(1, 3)))]
            text = "{" + " , ".join(part for part, _ in parts) + "}"
            bits = [bit for _, part in parts for bit in part]
            if kind == "repeat":
                times = draw(st.integers(1, 3))
                return f"{{{times}{text}}}", bits * times
            return text, bits
        if kind == "constant":
            values = draw(st.lists(st.sampled_from("01xz"), min_size=1, max_size=5))
            codes = {"0": CONSTANT_ZERO, "1": CONSTANT_ONE, "x": OPEN, "z": OPEN}
            return f"{len(values)}'b{''.join(values)}", [codes[value] for value in values]
        token = draw(st.sampled_from(sorted(self.bits)))
        bits, limits = self.bits[token], self.limits[token]
        if kind == "select" and limits is not None:
            first = draw(st.integers(0, len(bits) - 1))
            last = draw(st.integers(first, len(bits) - 1))
            step = -1 if limits[0] >= limits[1] else 1
            text = f"{limits[0] + step * first}:{limits[0] + step * last}"
            if first == last and draw(st.booleans()):
                text = text.split(":")[0]
            return f"{token} [{text}]", list(bits[first : last + 1])
        return f"{token} ", list(bits)


def spelled(token: str) -> str:
    """The DEF name of a Verilog identifier, in other words than the reader's."""
    if not token.startswith("\\"):
        return token
    body = token[1:]
    if body.isascii() and body.replace("$", "_").isidentifier() and body[0] != "$":
        return body
    return "".join("\\" + letter if letter in "[]/\\" else letter for letter in body)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_connection_is_read_as_written(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    names = Names(data.draw)
    expected: dict[tuple[str, str], Bits] = {}
    lines = ["module top ( ) ;", *names.declarations]
    instances = data.draw(
        st.lists(st.one_of(plain, escaped), min_size=1, max_size=4, unique_by=spelled)
    )
    for instance in instances:
        pins = []
        for pin in data.draw(st.lists(plain, max_size=4, unique=True)):
            connected: tuple[str, Bits] = ("", [OPEN])
            if data.draw(st.booleans()):
                connected = names.expression()
            text, bits = connected
            expected[spelled(instance), pin] = bits
            pins.append(f".{pin}({text})")
        lines.append(f"CELL {instance} ({', '.join(pins)}) ;")
    path = tmp_path_factory.getbasetemp() / "any.v"
    path.write_text("\n".join([*lines, "endmodule"]))
    module = gates.read(path)
    assert module.instance_name == tuple(spelled(instance) for instance in instances)
    assert connections(module) == expected
