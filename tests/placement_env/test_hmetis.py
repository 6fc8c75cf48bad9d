from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import bookshelf, hmetis
from placement_env.netlist import Netlist, pin_net
from tests.placement_env.same_netlist import same_netlist

SMALL = "% a remark\n3 4 11\n2 1 2\n7 1 3 4\n1 2 4\n5\n6\n7\n8\n"


def read(folder: Path, text: str) -> Netlist:
    (folder / "h.hgr").write_text(text)
    return hmetis.read(folder / "h.hgr")[0]


def test_small_hypergraph(tmp_path: Path) -> None:
    netlist = read(tmp_path, SMALL)
    assert netlist.node_name == ("1", "2", "3", "4")
    assert netlist.width_um.tolist() == [5, 6, 7, 8]
    assert netlist.net_weight.tolist() == [2, 7, 1]
    assert netlist.net_start.tolist() == [0, 2, 5, 7]
    assert netlist.pin_node.tolist() == [0, 1, 0, 2, 3, 1, 3]


@pytest.mark.parametrize(
    ("kind", "weights", "areas"),
    [("", [1, 1], [1, 1, 1]), (" 1", [4, 2], [1, 1, 1]), (" 10", [1, 1], [9, 8, 7])],
)
def test_kinds_of_weights(
    tmp_path: Path, kind: str, weights: list[float], areas: list[float]
) -> None:
    nets = "4 1 2\n2 2 3\n" if kind == " 1" else "1 2\n2 3\n"
    netlist = read(tmp_path, f"2 3{kind}\n{nets}" + "9\n8\n7\n" * (kind == " 10"))
    assert netlist.net_weight.tolist() == weights
    assert netlist.width_um.tolist() == areas
    assert netlist.pin_node.tolist() == [0, 1, 1, 2]


@settings(deadline=None)
@given(
    nets=st.lists(
        st.tuples(st.integers(1, 2**53), st.sets(st.integers(1, 6), min_size=1)), max_size=8
    ),
    areas=st.lists(st.integers(1, 2**53), min_size=6, max_size=6),
)
def test_any_hypergraph_survives_writing(
    nets: list[tuple[int, set[int]]],
    areas: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "hgr"
    folder.mkdir(exist_ok=True)
    lines = [" ".join(map(str, [weight, *nodes])) for weight, nodes in nets]
    netlist = read(folder, "\n".join([f"{len(nets)} 6 11", *lines, *map(str, areas)]))
    hmetis.write(folder / "h.hgr", netlist)
    same_netlist(hmetis.read(folder / "h.hgr")[0], netlist)


def test_a_design_becomes_its_hypergraph(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    netlist, _ = bookshelf.read(data_file("iccad04/ibm01/ibm01.aux.gz"))
    hmetis.write(tmp_path / "ibm01.hgr.gz", netlist)
    hypergraph, _ = hmetis.read(tmp_path / "ibm01.hgr.gz")
    assert (hypergraph.num_nodes, hypergraph.num_nets) == (12752, 14111)
    design = set(zip(pin_net(netlist).tolist(), netlist.pin_node.tolist(), strict=True))
    graph = list(zip(pin_net(hypergraph).tolist(), hypergraph.pin_node.tolist(), strict=True))
    assert design == set(graph)
    assert len(graph) == len(design)
    assert np.array_equal(hypergraph.width_um, netlist.width_um * netlist.height_um)


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("3 4 11", "3 four 11", "not the head of a hypergraph", 2),
        ("3 4 11", "3 " + "9" * 5000, "not the head of a hypergraph", 2),
        ("3 4 11", "3 4 12", "the kind of weights is 12", 2),
        ("\n8\n", "\n", "the head says 7 lines after it, the file has 6", 8),
        ("7 1 3 4", "7 1 3 5", "a net needs nodes from 1 to 4", 4),
        ("7 1 3 4", "7 1 3 3", "a node comes twice", 4),
        ("7 1 3 4", "7 1 3 x", "expected whole numbers", 4),
        ("7 1 3 4", "7", "a net needs nodes", 4),
        ("\n6\n", "\n6 6\n", "expected one weight of a node", 7),
        ("\n6\n", "\n99999999999999999\n", "expected whole numbers", 7),
    ],
)
def test_malformed_files(tmp_path: Path, old: str, new: str, message: str, line: int) -> None:
    assert SMALL.count(old) == 1
    with pytest.raises(InputError) as caught:
        read(tmp_path, SMALL.replace(old, new))
    assert message in caught.value.message
    assert caught.value.where == f"{tmp_path / 'h.hgr'}:{line}"
