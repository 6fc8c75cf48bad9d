from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipflow.design import Floorplan
from chipflow.layout.cell_library import read_library
from chipflow.layout.core import core_canvas, size_core
from chipflow.layout.ports import place_ports
from chipflow.stages import floorplan
from placement_env.errors import InputError
from placement_env.formats import def_file, lefdef
from placement_env.formats.def_design import DefPin, Status
from placement_env.formats.lef_library import Layer, LefLibrary, Site
from placement_env.netlist import NodeKind
from tests.chipflow.gate_designs import stage_bench

METAL2 = Layer("metal2", "ROUTING", "VERTICAL", (0.2, 0.2), (0.1, 0.1), 0.1)
METAL3 = Layer("metal3", "ROUTING", "HORIZONTAL", (0.2, 0.28), (0.1, 0.0), 0.1)
LIBRARY = LefLibrary(dbu_per_um=1000, layers={"metal2": METAL2, "metal3": METAL3})
SITE = Site("core", 0.2, 1.4)


def test_the_floorplan_holds_the_design_at_the_wished_utilisation(tmp_path):
    bench = stage_bench(tmp_path, cells=400, memories=3)
    result = bench.run(floorplan.STAGE)
    library = read_library(bench.pdk, bench.files["memories"])
    design = def_file.read(bench.files["floorplan_def"])
    netlist, _ = lefdef.to_netlist(design, library)
    assert netlist.rows is not None
    core = core_canvas(netlist.rows)
    macro = netlist.nodes_of(NodeKind.HARD_MACRO)
    cell = netlist.nodes_of(NodeKind.STANDARD_CELL)
    area = netlist.width_um * netlist.height_um
    assert len(macro) == 3
    assert len(cell) == 408
    assert area[macro].sum() + area[cell].sum() == pytest.approx(
        result.metrics["floorplan__core__utilization"] * core.width_um * core.height_um
    )
    free = core.width_um * core.height_um - area[macro].sum()
    assert 0.35 < area[cell].sum() / free <= 0.6
    # Supply rails are shared: neighbouring rows are mirrored.
    assert {row.orient.name for row in design.rows[::2]} == {"N"}
    assert {row.orient.name for row in design.rows[1::2]} == {"FS"}
    # Every port has a place on the edge of the die, and no two share one.
    box = design.die_box
    assert box is not None
    for pin in design.pins:
        assert pin.status == Status.PLACED
        assert pin.x in (box[0], box[2]) or pin.y in (box[1], box[3])
    assert len({(pin.x, pin.y) for pin in design.pins}) == len(design.pins) == 17
    # Tracks of seven layers in both directions, within the die.
    assert len(design.tracks) == 14
    for lines in design.tracks:
        side = box[2] if lines.axis == "X" else box[3]
        assert side - lines.step < lines.start + (lines.count - 1) * lines.step <= side


def test_ports_lie_on_tracks_of_their_layer_and_buses_keep_together(tmp_path):
    bench = stage_bench(tmp_path)
    bench.run(floorplan.STAGE)
    library = read_library(bench.pdk, bench.files["memories"])
    design = def_file.read(bench.files["floorplan_def"])
    box = design.die_box
    assert box is not None
    for pin in design.pins:
        (shape,) = pin.shapes
        sideways = pin.x in (box[0], box[2])
        layer = bench.pdk.io_layer_horizontal if sideways else bench.pdk.io_layer_vertical
        assert shape.layer == layer
        k = 1 if sideways else 0
        step = library.layers[layer].pitch_um[k] * library.dbu_per_um
        start = library.layers[layer].offset_um[k] * library.dbu_per_um
        assert ((pin.y if sideways else pin.x) - start) % step == pytest.approx(0)
        # The shape lies inside the die and touches its edge.
        assert box[0] <= pin.x + shape.left < pin.x + shape.right <= box[2]
        assert box[1] <= pin.y + shape.bottom < pin.y + shape.top <= box[3]


def test_the_aspect_ratio_is_height_over_width(tmp_path):
    bench = stage_bench(tmp_path, cells=600, floorplan=Floorplan(aspect_ratio=2.0))
    metrics = bench.run(floorplan.STAGE).metrics
    assert metrics["floorplan__die__height_um"] > 1.6 * metrics["floorplan__die__width_um"]


@given(
    st.floats(0.0, 1e5),
    st.lists(st.tuples(st.floats(1, 200), st.floats(1, 200)), max_size=12),
    st.floats(0.05, 1.0),
    st.floats(0.2, 5.0),
    st.floats(0.0, 10.0),
)
@settings(deadline=None)
def test_any_core_holds_its_cells_and_its_largest_macro(cells, macros, utilization, aspect, gap):
    if cells == 0 and not macros:
        cells = 1.0
    core = size_core(
        LIBRARY, SITE, cell_um2=cells, macros_um=macros, utilization=utilization,
        aspect_ratio=aspect, gap_um=gap,
    )  # fmt: skip
    wide, tall = core.width / 1000, core.height / 1000
    assert core.width % 200 == core.margin_x % 200 == 0
    assert wide * tall >= cells / utilization + sum((w + gap) * (h + gap) for w, h in macros) - 1e-6
    assert all(w <= wide and h <= tall for w, h in macros)


@given(st.integers(0, 60), st.integers(1, 40))
@settings(deadline=None)
def test_ports_never_share_a_track(count, rows):
    core = size_core(
        LIBRARY, SITE, cell_um2=rows * 10.0, macros_um=(), utilization=0.5, aspect_ratio=1.0,
        gap_um=0.0,
    )  # fmt: skip
    pins = [DefPin(f"d[{k}]" if k % 2 else f"c{k}", "n") for k in range(count)]
    try:
        placed = place_ports(pins, core, LIBRARY, horizontal="metal3", vertical="metal2")
    except InputError as error:
        if count < 40:
            raise AssertionError(error) from error
        return
    assert [pin.name for pin in placed] == [pin.name for pin in pins]
    sides = Counter((p.x, p.y, p.shapes[0].layer) for p in placed)
    assert all(n == 1 for n in sides.values())


def test_bus_bits_follow_one_another_around_the_die():
    core = size_core(
        LIBRARY, SITE, cell_um2=500.0, macros_um=(), utilization=0.5, aspect_ratio=1.0, gap_um=0.0
    )
    names = [
        "clk",
        *(f"d[{k}]" for k in reversed(range(12))),
        "rst",
        *(f"q[{k}]" for k in range(12)),
    ]
    placed = place_ports(
        [DefPin(name, name) for name in names], core, LIBRARY, horizontal="metal3",
        vertical="metal2",
    )  # fmt: skip
    wide, tall = core.die

    def walked(pin: DefPin) -> int:
        if pin.x == 0:
            return pin.y
        if pin.y == tall:
            return tall + pin.x
        return tall + wide + (tall - pin.y) if pin.x == wide else 2 * tall + 2 * wide - pin.x

    around = [pin.name for pin in sorted(placed, key=walked)]
    assert around == [
        "clk",
        *(f"d[{k}]" for k in range(12)),
        "rst",
        *(f"q[{k}]" for k in range(12)),
    ]


def test_many_ports_enlarge_the_die():
    few = size_core(
        LIBRARY, SITE, cell_um2=10.0, macros_um=(), utilization=0.5, aspect_ratio=1.0, gap_um=0.0
    )
    many = size_core(
        LIBRARY, SITE, cell_um2=10.0, macros_um=(), utilization=0.5, aspect_ratio=1.0, gap_um=0.0,
        least_side_um=100.0,
    )  # fmt: skip
    assert min(few.die) < 20_000
    assert min(many.die) >= 100_000


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"utilization": 0.0}, "floorplan.utilization"),
        ({"utilization": 1.2}, "floorplan.utilization"),
        ({"aspect_ratio": 0.0}, "floorplan.aspect_ratio"),
    ],
)
def test_numbers_out_of_range_are_refused(change, where):
    numbers = {"utilization": 0.5, "aspect_ratio": 1.0} | change
    with pytest.raises(InputError) as caught:
        size_core(LIBRARY, SITE, cell_um2=10.0, macros_um=(), gap_um=0.0, **numbers)
    assert caught.value.where == where


def test_an_empty_design_is_refused():
    with pytest.raises(InputError, match="neither cells nor macros"):
        size_core(
            LIBRARY, SITE, cell_um2=0.0, macros_um=(), utilization=0.5, aspect_ratio=1.0,
            gap_um=0.0,
        )  # fmt: skip
