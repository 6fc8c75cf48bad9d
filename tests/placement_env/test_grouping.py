from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env import mt_kahypar
from placement_env.clustering import clusters
from placement_env.errors import InputError, ToolMissing
from placement_env.formats import bookshelf, ct_protobuf, lef, lefdef
from placement_env.formats.text import read_text
from placement_env.grouping import (
    Partitioner,
    group_cells,
    grouped_netlist,
    grouped_placement,
    ungrouped_placement,
)
from placement_env.netlist import (
    Canvas,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    hpwl_um,
    pin_net,
)

DataFile = Callable[[str], Path]
Nets = dict[tuple[str, ...], float]


def flat_netlist(kinds: list[NodeKind], nets: list[list[int]], weights: list[float]) -> Netlist:
    """Nodes of growing size, with pins off the centre of macros."""
    count = len(kinds)
    size = 1.0 + 0.5 * np.arange(count, dtype=np.float64)
    node = np.array([n for net in nets for n in net], dtype=np.int64)
    macro = np.array([kinds[n] == NodeKind.HARD_MACRO for n in node], dtype=bool)
    return Netlist(
        name="flat",
        node_name=tuple(f"n{k}" for k in range(count)),
        node_kind=np.array(kinds, dtype=np.int64),
        width_um=size,
        height_um=np.full(count, 2.0),
        fixed=np.array([kind == NodeKind.PORT for kind in kinds]),
        pin_node=node,
        pin_dx_um=np.where(macro, 0.1 * (np.arange(len(node)) % 3), 0.3),
        pin_dy_um=np.where(macro, 0.2, -0.1),
        net_start=np.cumsum([0, *(len(net) for net in nets)]),
        net_weight=np.array(weights, dtype=np.float64),
        canvas=Canvas(0, 0, 100, 100),
        net_name=tuple(f"e{k}" for k in range(len(nets))),
        pin_name=tuple(f"P{k}" for k in range(len(node))),
        node_master=tuple(f"M{k}" for k in range(count)),
    )


def nets_of(netlist: Netlist) -> Nets:
    """Weights by driver and sorted sinks, all by node name."""
    found: Nets = {}
    for net in range(netlist.num_nets):
        pins = netlist.pin_node[netlist.net_start[net] : netlist.net_start[net + 1]]
        names = [netlist.node_name[node] for node in pins.tolist()]
        key = (names[0], *sorted(set(names[1:])))
        found[key] = found.get(key, 0.0) + float(netlist.net_weight[net])
    return found


P, M, C = NodeKind.PORT, NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL


def test_small_netlist() -> None:
    #       0  1  2  3  4  5  6
    kinds = [P, M, C, C, C, C, C]
    nets = [
        [0, 2, 3],  # port to one group: two pins there become one
        [2, 3],  # inside a group
        [2, 4, 1],  # from group 0 to group 7 and the macro
        [3, 1, 5],  # the same nodes, but the macro's pin is elsewhere
        [4, 2],
        [5, 3],  # the same as the last one
        [2, 4],  # the same nodes, driven from the other side
        [6, 2],  # a cell that stays alone
    ]
    netlist = flat_netlist(kinds, nets, [1, 1, 1, 1, 2, 3, 1, 1])
    group = np.array([-1, -1, 0, 0, 7, 7, -1])
    grouped = grouped_netlist(netlist, group, bloat=2.0)
    assert grouped.node_name == ("n0", "n1", "n6", "Grp_0", "Grp_7")
    assert grouped.node_kind.tolist() == [P, M, C, NodeKind.SOFT_MACRO, NodeKind.SOFT_MACRO]
    assert grouped.width_um[3] ** 2 == pytest.approx(2.0 * (2.0 * 2 + 2.5 * 2))
    assert (grouped.width_um[3:] == grouped.height_um[3:]).all()
    assert nets_of(grouped) == {
        ("n0", "Grp_0"): 1,
        ("Grp_0", "Grp_7", "n1"): 2,
        ("Grp_7", "Grp_0"): 5,
        ("Grp_0", "Grp_7"): 1,
        ("n6", "Grp_0"): 1,
    }
    assert grouped.net_name == ("e0", "e2", "e3", "e4", "e6", "e7")
    assert grouped.net_weight.tolist() == [1, 1, 1, 5, 1, 1]
    assert grouped.node_master == ("M0", "M1", "M6", "", "")
    assert grouped.pin_name is not None
    assert grouped.pin_name[2:5] == ("Poutput_0", "Pinput", "P7")
    macro_pins = np.flatnonzero(grouped.pin_node == 1)
    assert grouped.pin_dx_um[macro_pins] == pytest.approx([0.1, 0.0 + 0.1 * (9 % 3)])
    assert grouped.canvas == netlist.canvas


def test_large_nets_and_idle_fixed_cells_are_left_out() -> None:
    netlist = flat_netlist([C, C, C, C], [[0, 1, 2], [0, 1]], [1, 1])
    netlist = dataclasses.replace(netlist, fixed=np.array([False, False, False, True]))
    group = np.array([0, 1, 2, -1])
    assert grouped_netlist(netlist, group, largest_net=2).num_nets == 1
    assert grouped_netlist(netlist, group).num_nets == 2
    assert grouped_netlist(netlist, group).node_name == ("Grp_0", "Grp_1", "Grp_2")


def tilos_groups(folder: Path) -> tuple[Netlist, IntArray]:
    """A full netlist and the groups that TILOS gave its cells."""
    flat, _ = ct_protobuf.read(folder / "full.pb.txt.gz")
    numbers = np.array(read_text(folder / "groups.final.gz").split(), dtype=np.int64)
    assert flat.source_index is not None
    is_cell = flat.node_kind == NodeKind.STANDARD_CELL
    return flat, np.where(is_cell, numbers[flat.source_index], -1)


@pytest.fixture(scope="module")
def ariane(data_file: DataFile) -> tuple[Netlist, IntArray]:
    return tilos_groups(data_file("tilos/ariane133_ng45"))


def test_tilos_groups_give_tilos_netlist(
    data_file: DataFile, ariane: tuple[Netlist, IntArray]
) -> None:
    same_as_tilos(*ariane, data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nvdla_ng45", "ariane136_ng45", "ariane136_asap7"])
def test_tilos_groups_of_other_designs(data_file: DataFile, name: str) -> None:
    folder = data_file(f"tilos/{name}")
    same_as_tilos(*tilos_groups(folder), folder / "netlist.pb.txt.gz")


def same_as_tilos(flat: Netlist, group: IntArray, grouped_path: Path) -> None:
    theirs, _ = ct_protobuf.read(grouped_path)
    ours = grouped_netlist(flat, group, bloat=2.0)
    assert set(ours.node_name) == set(theirs.node_name)
    assert nets_of(ours) == nets_of(theirs)
    at = {node: index for index, node in enumerate(ours.node_name)}
    index = np.array([at[node] for node in theirs.node_name])
    area = (ours.width_um * ours.height_um)[index]
    assert area == pytest.approx(theirs.width_um * theirs.height_um, rel=1e-6, abs=1e-3)
    # any placement costs the same, pin offsets included
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 1000, (2, theirs.num_nodes))
    orient = np.full(theirs.num_nodes, Orient.N, dtype=np.int64)
    our_x, our_y = np.empty_like(x), np.empty_like(y)
    our_x[index], our_y[index] = x, y
    assert hpwl_um(ours, Placement(our_x, our_y, orient)) == pytest.approx(
        hpwl_um(theirs, Placement(x, y, orient)), rel=1e-6
    )


@st.composite
def grouped_netlists(draw: st.DrawFn) -> tuple[Netlist, IntArray]:
    kinds = draw(st.lists(st.sampled_from([P, M, C, C, C]), min_size=2, max_size=12))
    nodes = st.integers(0, len(kinds) - 1)
    nets = draw(st.lists(st.lists(nodes, min_size=1, max_size=5), min_size=1, max_size=12))
    weights = [draw(st.integers(1, 4)) for _ in nets]
    group = [draw(st.integers(-1, 3)) if kind == C else -1 for kind in kinds]
    return flat_netlist(kinds, nets, [float(w) for w in weights]), np.array(group)


@settings(max_examples=200, deadline=None)
@given(case=grouped_netlists(), seed=st.integers(0, 100))
def test_wirelength_is_that_of_cells_at_their_groups_centre(
    case: tuple[Netlist, IntArray], seed: int
) -> None:
    netlist, group = case
    rng = np.random.default_rng(seed)
    start = Placement(
        rng.uniform(0, 100, netlist.num_nodes),
        rng.uniform(0, 100, netlist.num_nodes),
        rng.integers(0, 8, netlist.num_nodes),
    )
    grouped = grouped_netlist(netlist, group)
    placement = grouped_placement(netlist, group, start)
    back = ungrouped_placement(netlist, group, start, placement)
    in_group = group[netlist.pin_node] >= 0
    # one net after the other, without the code under test: cells as points at the group's centre
    points = dataclasses.replace(
        netlist,
        pin_dx_um=np.where(in_group, 0.0, netlist.pin_dx_um),
        pin_dy_um=np.where(in_group, 0.0, netlist.pin_dy_um),
    )
    assert hpwl_um(grouped, placement) == pytest.approx(hpwl_um(points, back), abs=1e-6)
    for k in set(group[group >= 0].tolist()):
        cells = np.flatnonzero(group == k)
        area = (netlist.width_um * netlist.height_um)[cells]
        node = grouped.node_name.index(f"Grp_{k}")
        assert placement.x_um[node] == pytest.approx(np.average(start.x_um[cells], weights=area))
        assert (back.x_um[cells] == placement.x_um[node]).all()
    alone = group < 0
    assert np.array_equal(back.x_um[alone], start.x_um[alone])
    assert np.array_equal(back.orient, start.orient)


def lattice(side: int) -> tuple[IntArray, IntArray, int]:
    """Pins of the nets between neighbours on a square lattice."""
    at = np.arange(side * side).reshape(side, side)
    ends = np.concatenate(
        [
            np.stack([at[:, :-1].ravel(), at[:, 1:].ravel()], axis=1),
            np.stack([at[:-1].ravel(), at[1:].ravel()], axis=1),
        ]
    )
    return np.repeat(np.arange(len(ends)), 2), ends.ravel(), len(ends)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clusters_of_a_lattice_are_compact(seed: int) -> None:
    side, target = 30, 36
    net, node, count = lattice(side)
    label = clusters(np.ones(side**2), net, node, np.ones(count), target=target, seed=seed)
    assert label.max() + 1 == target
    sizes = np.bincount(label)
    mean = side**2 / target
    assert sizes.max() <= 1.6 * mean + 1
    assert sizes.min() >= 0.25 * mean
    ends = label[node].reshape(-1, 2)
    cut = int((ends[:, 0] != ends[:, 1]).sum())
    # 36 squares of 5 x 5 cut 2 x 5 x 30 edges, random labels nearly all of the 1740
    assert 300 <= cut <= 1.7 * 300
    assert np.array_equal(
        label, clusters(np.ones(side**2), net, node, np.ones(count), target=target, seed=seed)
    )


def test_clusters_without_connections_and_with_giants() -> None:
    empty = np.array([], dtype=np.int64)
    label = clusters(np.ones(100), empty, empty, np.array([]), target=10, seed=0)
    assert np.bincount(label).max() <= 20
    assert label.max() + 1 <= 16
    area = np.ones(50)
    area[7] = 500.0
    net, node, count = np.repeat(np.arange(49), 2), np.repeat(np.arange(50), 2)[1:-1], 49
    label = clusters(area, net, node, np.ones(count), target=5, seed=0)
    assert label.max() + 1 == 5
    one = clusters(np.ones(4), net[:6], node[:6], np.ones(3), target=1, seed=0)
    assert one.tolist() == [0, 0, 0, 0]
    many = clusters(np.ones(4), net[:6], node[:6], np.ones(3), target=9, seed=0)
    assert sorted(many.tolist()) == [0, 1, 2, 3]


def test_groups_of_ibm12_are_fast_and_balanced(data_file: DataFile) -> None:
    netlist, placement = bookshelf.read(data_file("iccad04/ibm12/ibm12.aux.gz"))
    group_cells(netlist, target_groups=2000, partitioner="built-in")  # compiles the kernels
    started = time.process_time()
    group = group_cells(netlist, partitioner="built-in")
    grouped = grouped_netlist(netlist, group)
    assert time.process_time() - started < 15
    is_cell = netlist.node_kind == NodeKind.STANDARD_CELL
    assert (group[is_cell] >= 0).all()
    assert (group[~is_cell] == -1).all()
    assert group.max() + 1 == 800
    area = np.bincount(group[is_cell], (netlist.width_um * netlist.height_um)[is_cell])
    assert area.max() <= 1.61 * area.mean()
    # what is small has no neighbour that it could have joined
    assert (area >= 0.25 * area.mean()).mean() > 0.8
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert len(grouped.nodes_of(NodeKind.HARD_MACRO)) == len(macros) == 651
    assert len(grouped.nodes_of(NodeKind.SOFT_MACRO)) == 800
    soft_area = (grouped.width_um * grouped.height_um)[
        grouped.node_kind == NodeKind.SOFT_MACRO
    ].sum()
    assert soft_area == pytest.approx(area.sum())
    assert len(grouped_placement(netlist, group, placement).x_um) == grouped.num_nodes


every_partitioner = pytest.mark.parametrize(
    "partitioner",
    [
        "built-in",
        pytest.param(
            "mt-kahypar",
            marks=pytest.mark.skipif(not mt_kahypar.is_installed(), reason="not installed"),
        ),
    ],
)


@every_partitioner
def test_groups_cut_fewer_nets_than_tilos_groups(
    ariane: tuple[Netlist, IntArray], partitioner: Partitioner
) -> None:
    netlist, theirs = ariane
    is_cell = netlist.node_kind == NodeKind.STANDARD_CELL
    groups = len(set(theirs[is_cell].tolist()))
    ours = group_cells(netlist, target_groups=groups, partitioner=partitioner)
    area = np.bincount(ours[is_cell], (netlist.width_um * netlist.height_um)[is_cell])
    assert abs(len(area) - groups) < 0.05 * groups
    assert area.max() <= 1.61 * area.mean()
    net = pin_net(netlist)
    cut = []
    for group in (theirs, ours):
        on_cell = group[netlist.pin_node] >= 0
        pairs = np.unique(np.stack([net, group[netlist.pin_node]])[:, on_cell], axis=1)
        cut.append(int((np.bincount(pairs[0]) > 1).sum()))
    assert cut[1] < cut[0]


def test_tap_cells_and_ports_stay_alone(data_file: DataFile) -> None:
    netlist, _ = lefdef.to_netlist(
        *(
            lefdef.def_file.read(data_file("nangate45/designs/gcd.def.gz")),
            lef.read(
                [
                    data_file("nangate45/NangateOpenCellLibrary.tech.lef"),
                    data_file("nangate45/NangateOpenCellLibrary.macro.mod.lef"),
                ]
            ),
        )
    )
    group = group_cells(netlist)
    assert group.max() + 1 == 12  # 294 cells
    grouped = grouped_netlist(netlist, group)
    assert len(grouped.nodes_of(NodeKind.PORT)) == 54
    assert len(grouped.nodes_of(NodeKind.STANDARD_CELL)) == 0
    assert grouped.num_nodes == 54 + 12


@every_partitioner
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_all_cells_get_a_group_and_seeds_decide_which(
    data: st.DataObject, partitioner: Partitioner
) -> None:
    cells = data.draw(st.integers(1, 12))
    nets = data.draw(
        st.lists(st.lists(st.integers(0, cells - 1), min_size=1, max_size=5), max_size=15)
    )
    target = data.draw(st.integers(1, 14))
    netlist = flat_netlist([C] * cells, nets, [1.0] * len(nets))
    group, again = (
        group_cells(netlist, target_groups=target, seed=3, partitioner=partitioner)
        for _ in range(2)
    )
    assert np.array_equal(group, again)
    assert sorted(set(group.tolist())) == list(range(group.max() + 1))
    assert group.max() < max(target, cells)


def test_what_is_not_installed_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mt_kahypar, "is_installed", lambda: False)
    netlist = flat_netlist([C, C, C], [[0, 1], [1, 2]], [1, 1])
    assert group_cells(netlist, target_groups=2).max() == 1
    with pytest.raises(ToolMissing, match="not installed") as missing:
        group_cells(netlist, target_groups=2, partitioner="mt-kahypar")
    assert "pip install mtkahypar" in missing.value.hint


def test_wrong_groups_are_refused() -> None:
    netlist = flat_netlist([P, C], [[0, 1]], [1])
    with pytest.raises(InputError, match="groups for 3 nodes"):
        grouped_netlist(netlist, np.array([0, 0, 0]))
    with pytest.raises(InputError, match="is no standard cell"):
        grouped_netlist(netlist, np.array([0, 0]))
    with pytest.raises(InputError, match="at least one"):
        group_cells(netlist, target_groups=0)
    named = dataclasses.replace(netlist, node_name=("Grp_0", "n1"))
    with pytest.raises(InputError, match="two nodes are called 'Grp_0'"):
        grouped_netlist(named, np.array([-1, 0]))
    assert group_cells(flat_netlist([P, M], [[0, 1]], [1])).tolist() == [-1, -1]
