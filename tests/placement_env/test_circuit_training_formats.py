"""Circuit Training protobuf and .plc: real files, round trips and damage."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import ct_protobuf, plc
from placement_env.netlist import Canvas, Netlist, NodeKind, Placement, hpwl_um
from placement_env.synthetic import synthetic_netlist
from tests.placement_env.random_netlists import clustered

# Hard macros, soft macros, ports, nets and summed net weight that TILOS's own reader finds.
TILOS_COUNTS = {
    "ariane133_ng45": (133, 782, 495, 12422, 22584),
    "ariane136_ng45": (136, 772, 495, 12102, 23067),
    "nvdla_ng45": (128, 671, 797, 23518, 40606),
    "ariane136_asap7": (136, 787, 495, 13723, 25862),
}


def same_arrays(one: Netlist | Placement, other: Netlist | Placement) -> None:
    for field in fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, err_msg=field.name)
        else:
            assert left == right, field.name


@pytest.mark.parametrize("design", TILOS_COUNTS)
def test_tilos_counts_and_wirelength(design: str, data_file: Callable[[str], Path]) -> None:
    netlist, _ = ct_protobuf.read(data_file(f"tilos/{design}/netlist.pb.txt.gz"))
    path = data_file(f"tilos/{design}/legalized.plc")
    netlist, placement = plc.read(path, netlist)
    hard, soft, ports, nets, weight = TILOS_COUNTS[design]
    assert len(netlist.nodes_of(NodeKind.HARD_MACRO)) == hard
    assert len(netlist.nodes_of(NodeKind.SOFT_MACRO)) == soft
    assert len(netlist.nodes_of(NodeKind.PORT)) == ports
    assert (netlist.num_nets, netlist.net_weight.sum()) == (nets, weight)
    half_perimeter = netlist.canvas.width_um + netlist.canvas.height_um
    wirelength = hpwl_um(netlist, placement) / (half_perimeter * weight)
    assert round(wirelength, 4) == plc.read_header(path).wirelength


def test_flat_netlist_has_hard_macros_and_cells(data_file: Callable[[str], Path]) -> None:
    netlist, _ = ct_protobuf.read(data_file("tilos/ariane133_ng45/full.pb.txt.gz"))
    assert len(netlist.nodes_of(NodeKind.HARD_MACRO)) == 133
    assert len(netlist.nodes_of(NodeKind.STANDARD_CELL)) == 88411
    assert len(netlist.nodes_of(NodeKind.PORT)) == 495


def test_round_trip_of_a_real_netlist(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    first, at = ct_protobuf.read(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))
    first, at = plc.read(data_file("tilos/ariane133_ng45/legalized.plc"), first)
    ct_protobuf.write(tmp_path / "netlist.pb.txt.gz", first, at)
    again, at_again = ct_protobuf.read(tmp_path / "netlist.pb.txt.gz")
    same_arrays(at, at_again)
    # Pins on no net are not kept, so indices differ; a .plc is written against the new ones.
    same_arrays(
        replace(first, source_index=None, name="", canvas=again.canvas, grid=None),
        replace(again, source_index=None, name=""),
    )
    plc.write(tmp_path / "a.plc", replace(first, source_index=again.source_index), at)
    final, at_final = plc.read(tmp_path / "a.plc", again)
    same_arrays(at, at_final)
    assert (final.canvas, final.grid) == (first.canvas, first.grid)


def test_what_we_write_suits_the_reader_of_tilos(tmp_path: Path) -> None:
    """It needs the side of each port, and knows no numbers with exponents."""
    netlist, start = synthetic_netlist()
    start = replace(start, x_um=np.where(np.arange(netlist.num_nodes) == 20, 1e-16, start.x_um))
    ct_protobuf.write(tmp_path / "a.pb.txt", netlist, start)
    text = (tmp_path / "a.pb.txt").read_text()
    numbers = re.findall(r"  f: (.+)\n", text)
    assert len(numbers) > 100
    assert all(re.fullmatch(r"-?\d+\.\d+", number) for number in numbers)
    assert float(re.search(r"0\.0000000000000001", text)[0]) == 1e-16  # type: ignore[index]
    ports = netlist.nodes_of(NodeKind.PORT)
    sides = re.findall(r'key: "side"\s+value \{\s+placeholder: "(\w+)"', text)
    assert len(sides) == len(ports)
    for port, side in zip(ports, sides, strict=True):
        x, y = start.x_um[port], start.y_um[port]
        edge = {"LEFT": x, "RIGHT": 100 - x, "BOTTOM": y, "TOP": 100 - y}
        assert edge[side] == min(edge.values())


@given(case=clustered())
@settings(max_examples=60, deadline=None)
def test_round_trip_of_random_netlists(
    case: tuple[Netlist, Placement], tmp_path_factory: pytest.TempPathFactory
) -> None:
    netlist, placement = case
    folder = tmp_path_factory.mktemp("ct")
    ct_protobuf.write(folder / "random.pb.txt", netlist, placement)
    plc.write(folder / "random.plc", netlist, placement)
    again, _ = ct_protobuf.read(folder / "random.pb.txt")
    again, placement_again = plc.read(folder / "random.plc", again)
    same_arrays(placement, placement_again)
    nets = {name: i for i, name in enumerate(again.net_name or ())}
    assert len(nets) == netlist.num_nets
    same_arrays(
        replace(netlist, net_name=None, source_index=None, **_by_driver_order(netlist)),
        replace(again, net_name=None, source_index=None),
    )


def _by_driver_order(netlist: Netlist) -> dict:
    """The net arrays in the order in which a protobuf lists drivers: node by node."""
    starts = netlist.net_start[:-1]
    driver = netlist.pin_node[starts]
    order = sorted(range(netlist.num_nets), key=lambda net: (driver[net], _rank(netlist, net)))
    pins = np.concatenate(
        [np.arange(netlist.net_start[net], netlist.net_start[net + 1]) for net in order]
    )
    sizes = np.diff(netlist.net_start)[order]
    names = netlist.pin_name or ()
    return {
        "net_start": np.concatenate([[0], np.cumsum(sizes)]),
        "net_weight": netlist.net_weight[order],
        "pin_node": netlist.pin_node[pins],
        "pin_dx_um": netlist.pin_dx_um[pins],
        "pin_dy_um": netlist.pin_dy_um[pins],
        "pin_name": tuple(names[pin] for pin in pins),
    }


def _rank(netlist: Netlist, net: int) -> int:
    """Where the net's driving pin comes among the pins of its node."""
    names = netlist.pin_name or ()
    first = int(netlist.net_start[net])
    node = netlist.pin_node[first]
    seen = [names[pin] for pin in range(netlist.num_pins) if netlist.pin_node[pin] == node]
    return seen.index(names[first])


def _damage(text: str, how: str) -> str:
    return {
        "truncated": text[: len(text) // 2],
        "unknown sink": text.replace('input: "', 'input: "no_such_', 1),
        "unknown type": text.replace('"MACRO"', '"MACHRO"', 1),
        "not a number": text.replace("f: 133.0", "f: wide", 1),
        "infinite": text.replace("f: 133.0", "f: 1e999", 1),
        "empty": "",
        "other text": "module gcd(input clk); endmodule\n",
        "twice": text + text,
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "truncated",
        "unknown sink",
        "unknown type",
        "not a number",
        "infinite",
        "empty",
        "other text",
        "twice",
    ],
)
def test_damaged_protobuf_names_the_place(
    how: str, data_file: Callable[[str], Path], tmp_path: Path
) -> None:
    text = gzip.decompress(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz").read_bytes())
    bad = tmp_path / "bad.pb.txt"
    bad.write_text(_damage(text.decode(), how))
    with pytest.raises(InputError) as caught:
        ct_protobuf.read(bad)
    assert "bad.pb.txt" in caught.value.where


def test_crlf_and_byte_order_mark_are_accepted(tmp_path: Path) -> None:
    body = 'node { name: "a" attr { key: "type" value { placeholder: "PORT" } } }\n'
    (tmp_path / "dos.pb.txt").write_bytes(b"\xef\xbb\xbf" + body.replace("\n", "\r\n").encode())
    netlist, _ = ct_protobuf.read(tmp_path / "dos.pb.txt")
    assert netlist.node_name == ("a",)


@given(cut=st.integers(0, 5000), insert=st.text(max_size=8))
@settings(max_examples=150, deadline=None)
def test_mutated_text_is_read_or_refused(
    cut: int, insert: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No mutation may end in anything but a netlist or an `InputError`."""
    path = tmp_path_factory.getbasetemp() / "mutated.pb.txt"
    text = (
        'node {\n  name: "p"\n  input: "m/a"\n  attr { key: "type" value { placeholder: "PORT" } }'
        '\n}\nnode { name: "m" attr { key: "type" value { placeholder: "MACRO" } }\n'
        ' attr { key: "width" value { f: 2 } } attr { key: "height" value { f: 3 } } }\n'
        'node { name: "m/a" attr { key: "type" value { placeholder: "MACRO_PIN" } }\n'
        ' attr { key: "macro_name" value { placeholder: "m" } }\n'
        ' attr { key: "x_offset" value { f: 1 } } attr { key: "y_offset" value { f: 1 } } }\n'
    )
    at = cut % len(text)
    path.write_text(text[:at] + insert + text[at + len(insert) // 2 :], encoding="utf-8")
    try:
        netlist, _ = ct_protobuf.read(path)
    except InputError:
        return
    assert netlist.num_nodes >= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace("# Columns : 24  Rows : 21\n", ""), "Columns"),
        (lambda t: t + "11580 1 2 N 0\n", "second time"),
        (lambda t: t.replace("11580 209.038", "11581 209.038"), "not a port, macro or cell"),
        (lambda t: t.replace("11580 209.038", "11580 nan"), "placed at"),
        (lambda t: t.replace("11580 209.038", "11580 209,038"), "not an index and two numbers"),
        (lambda t: t.replace("511.931 N 0", "511.931 Q 0", 1), "orientation"),
        (lambda t: t[: len(t) - 2000], "have no line|fields"),
    ],
)
def test_damaged_plc_names_the_place(
    change: Callable[[str], str], words: str, data_file: Callable[[str], Path], tmp_path: Path
) -> None:
    netlist, _ = ct_protobuf.read(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))
    bad = tmp_path / "bad.plc"
    bad.write_text(change(data_file("tilos/ariane133_ng45/legalized.plc").read_text()))
    with pytest.raises(InputError, match=words) as caught:
        plc.read(bad, netlist)
    assert "bad.plc" in caught.value.where


def test_pins_of_ports_are_the_ports_themselves(tmp_path: Path) -> None:
    """LEF/DEF netlists name the pins of ports; the format does not."""
    netlist = Netlist(
        name="named",
        node_name=("clk", "ram"),
        node_kind=np.array([NodeKind.PORT, NodeKind.HARD_MACRO], dtype=np.int64),
        width_um=np.array([0.0, 4.0]),
        height_um=np.array([0.0, 3.0]),
        fixed=np.array([True, False]),
        pin_node=np.array([0, 1]),
        pin_dx_um=np.array([0.0, -2.0]),
        pin_dy_um=np.zeros(2),
        net_start=np.array([0, 2]),
        net_weight=np.ones(1),
        canvas=Canvas(0.0, 0.0, 9.0, 9.0),
        pin_name=("clk", "clk"),
    )
    placement = Placement(np.array([0.0, 5.0]), np.full(2, 4.0), np.zeros(2, np.int64))
    ct_protobuf.write(tmp_path / "named.pb.txt", netlist, placement)
    again, _ = ct_protobuf.read(tmp_path / "named.pb.txt")
    assert again.node_name == ("clk", "ram")
    assert again.pin_name == ("", "clk")
    assert again.pin_node.tolist() == [0, 1]
