"""Placers of others, as functions and as commands."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents import placers
from placement_env.cost.toy import toy_netlist
from placement_env.errors import ChipError, InputError, ToolMissing
from placement_env.legality import misshapen
from placement_env.netlist import Netlist, NodeKind, Placement
from tests.agents.row_designs import row_design

#: Reads a .plc or .pl, moves all that is not fixed by 3 and writes it.
SHIFT = """
import sys
source, target, seconds, seed = sys.argv[1:]
assert float(seconds) == 2 and seed == "7"
with open(source) as lines, open(target, "w") as out:
    for line in lines:
        words = line.split()
        moves = len(words) > 2 and words[-1] not in ("1", "/FIXED")
        if moves and not line.startswith(("#", "UCLA")):
            words[1] = repr(float(words[1]) + 3)
            line = " ".join(words) + "\\n"
        out.write(line)
"""
_SHIFT_ALL = f"{sys.executable} shift.py {{start}} {{out}} {{budget_s}} {{seed}}"
COMMAND = f"sh -c '{_SHIFT_ALL} && test -s {{netlist}}'"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a module and a program of somebody else."""
    (tmp_path / "shift.py").write_text(SHIFT)
    (tmp_path / "slip.py").write_text("def place(:\n")
    (tmp_path / "their_placer.py").write_text(
        "from dataclasses import replace\n"
        "import numpy as np\n"
        "def shift(netlist, start, *, budget_s, seed):\n"
        "    return replace(start, x_um=start.x_um + 3 * ~netlist.fixed)\n"
        "def push(netlist, start, *, budget_s, seed):\n"
        "    return replace(start, x_um=start.x_um + 3)\n"
        "def short(netlist, start, *, budget_s, seed):\n"
        "    return replace(start, x_um=start.x_um[:2])\n"
        "def nothing(netlist, start, *, budget_s, seed):\n"
        "    return None\n"
        "def broken(netlist, start, *, budget_s, seed):\n"
        "    return 1 / 0\n"
        "def reshape(netlist, start, *, budget_s, seed):\n"
        "    return replace(start, size_um=np.full((netlist.num_nodes, 2), (20.0, 5.0)))\n"
        "def list_sizes(netlist, start, *, budget_s, seed):\n"
        "    return replace(start, size_um=np.array([20.0, 5.0]))\n"
        "def no_size(netlist, start, *, budget_s, seed):\n"
        "    return replace(start, size_um=np.full((netlist.num_nodes, 2), -1.0))\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("their_placer", None)
    return tmp_path


def clustered() -> tuple[Netlist, Placement]:
    netlist, start = toy_netlist()
    fixed = np.array([True, False, False])
    return replace(netlist, fixed=fixed), start


def flat() -> tuple[Netlist, Placement]:
    netlist, start = row_design(cells=30, macros=1, seed=2)
    x = np.where(np.isfinite(start.x_um), start.x_um, 5.0)
    y = np.where(np.isfinite(start.y_um), start.y_um, 7.0)
    return netlist, Placement(x, y, start.orient)


def blocks() -> tuple[Netlist, Placement]:
    netlist, start = toy_netlist()
    hard = np.full(netlist.num_nodes, NodeKind.HARD_MACRO, dtype=np.int64)
    return replace(netlist, grid=None, node_kind=hard), start


@pytest.mark.parametrize("problem", [clustered, flat, blocks])
@pytest.mark.parametrize("name", ["their_placer:shift", COMMAND])
def test_what_they_place_comes_back(problem, name: str) -> None:
    netlist, start = problem()
    placed = placers.named(name)(netlist, start, budget_s=2, seed=7)
    shift = np.where(netlist.fixed, 0.0, 3.0)
    assert placed.x_um == pytest.approx(start.x_um + shift, abs=1e-9)
    assert placed.y_um == pytest.approx(start.y_um, abs=1e-9)
    assert np.array_equal(placed.orient, start.orient)
    nothing = placers.named(name)(netlist, start, budget_s=2, seed=7, from_nothing=True)
    moves = np.flatnonzero(~netlist.fixed)
    centre = (netlist.canvas.left_um + netlist.canvas.right_um) / 2
    assert nothing.x_um[moves] == pytest.approx(centre + 3, abs=1e-9)


#: Reads a .pl and gives all blocks but fixed ones another shape.
DIMS = """
import sys
source, target = sys.argv[1:3]
with open(source) as lines, open(target, "w") as out:
    for line in lines:
        words = line.split()
        if len(words) >= 5 and words[-1] != "/FIXED":
            line = " ".join([*words[:3], "DIMS = (20, 5)", *words[-2:]]) + "\\n"
        out.write(line)
"""


@pytest.mark.parametrize(
    "name",
    ["their_placer:reshape", f"{sys.executable} dims.py {{start}} {{out}} --in {{netlist}}"],
)
def test_soft_blocks_have_the_shapes_that_they_were_given(name: str, folder: Path) -> None:
    (folder / "dims.py").write_text(DIMS)
    netlist, start = blocks()
    ten = np.full(3, 10.0)
    fixed = np.array([True, False, False])
    range_of_all = np.full((3, 2), (0.1, 10.0))
    netlist = replace(netlist, width_um=ten, height_um=ten, fixed=fixed, aspect_range=range_of_all)
    tall = np.array([[5.0, 20.0], [10.0, 10.0], [10.0, 10.0]])
    for begin, of_fixed in ((start, [10.0, 10.0]), (replace(start, size_um=tall), [5.0, 20.0])):
        for from_nothing in (False, True):
            placed = placers.named(name)(
                netlist, begin, budget_s=2, seed=7, from_nothing=from_nothing
            )
            assert placed.size_um is not None
            assert placed.size_um.tolist() == [of_fixed, [20.0, 5.0], [20.0, 5.0]]
            assert misshapen(netlist, placed).size == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("their_placer:push", "moved a, which is fixed"),
        ("their_placer:short", "expected 3 finite numbers"),
        ("their_placer:list_sizes", r"size_um .* expected \(3, 2\) sizes"),
        ("their_placer:no_size", "size_um .* is negative"),
        ("their_placer:nothing", "returned NoneType"),
        ("their_placer:broken", "failed with ZeroDivisionError"),
        ("sh -c 'echo no luck; exit 3' {netlist} {out}", "ended with 3"),
        ("true {netlist} {out}", r"without writing \{out\}"),
    ],
)
def test_what_is_no_placement_is_refused(name: str, message: str) -> None:
    netlist, start = clustered()
    with pytest.raises(ChipError, match=message) as caught:
        placers.named(name)(netlist, start, budget_s=2, seed=7)
    if "luck" in name:
        assert "no luck" in caught.value.where
    if "broken" in name:
        assert caught.value.where.endswith("their_placer.py:12")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:place", "cannot be imported"),
        ("their_placer:no_such_function", "cannot be imported"),
        ("slip:place", "cannot be imported: SyntaxError"),
        ("their_placer:number", "is no function"),
        ("place {netlist} {output}", "field that is not known"),
        ("place {netlist}", "must name"),
    ],
)
def test_what_is_no_placer_is_refused(name: str, message: str) -> None:
    netlist, start = clustered()
    with pytest.raises(InputError, match=message):
        placers.named(name)(netlist, start, budget_s=2, seed=7)


def test_a_missing_program_is_named() -> None:
    netlist, start = clustered()
    with pytest.raises(ToolMissing, match="no_such_program cannot be run"):
        placers.named("./no_such_program {netlist} {out}")(netlist, start, budget_s=2, seed=7)


def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.foreign._PATIENCE_S", 0.2)
    netlist, start = clustered()
    with pytest.raises(ChipError, match=r"stopped after 0\.4 s of a budget of 0\.1 s"):
        placers.named("sh -c 'sleep 60' {netlist} {out}")(netlist, start, budget_s=0.1, seed=7)


def test_options_of_ours_are_not_theirs() -> None:
    netlist, start = clustered()
    with pytest.raises(InputError, match="has no option 'moves'"):
        placers.named("their_placer:shift")(netlist, start, budget_s=2, seed=7, moves=3)
    with pytest.raises(InputError, match="gap"):
        placers.named("their_placer:shift")(netlist, start, budget_s=2, seed=7, gap_um=1.0)
