"""Constraints in the flow: a file of the design, prose for a model, and what is filled in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chipflow.design import Design, Models, read_design
from chipflow.stages import constraints, synthesize, timing
from chipflow.tools import sdc
from chipflow.tools.versions import version_of
from llm_stages.errors import DraftRejected, InputError
from llm_stages.sdc import parse, write
from llm_stages.sdc_names import DesignNames
from placement_env.errors import InputError as DesignError
from tests.chipflow.rtl_designs import COUNTER, FrontEnd, load_pdk
from tests.llm_stages.scripted import scripted

NAMES = DesignNames(inputs=("clk", "a[1]", "a[0]"), outputs=("y",))
AROUND = sdc.Surroundings("clk", 2.0, "BUF_X1", 4.0)
needs_opensta = pytest.mark.skipif(version_of("opensta") is None, reason="no OpenSTA")


def completed(text: str = "", names: DesignNames = NAMES) -> list[str]:
    return write(sdc.complete(parse(text), names, AROUND)[0]).splitlines()


def test_without_constraints_the_clock_and_the_pdk_say_all() -> None:
    assert completed() == [
        "create_clock -name {clk} -period 2.0 [get_ports {clk}]",
        "set_input_delay -clock {clk} 0.4 [get_ports {a[1] a[0]}]",
        "set_driving_cell -lib_cell {BUF_X1} [get_ports {a[1] a[0]}]",
        "set_output_delay -clock {clk} 0.4 [get_ports {y}]",
        "set_load 4.0 [get_ports {y}]",
    ]


def test_a_design_without_the_clock_port_gets_a_virtual_clock() -> None:
    lines = completed(names=DesignNames(inputs=("a",), outputs=()))
    assert lines[0] == "create_clock -name {virtual_clock} -period 2.0"
    assert lines[1] == "set_input_delay -clock {virtual_clock} 0.0 [get_ports {a}]"


def test_only_what_is_not_said_is_filled_in() -> None:
    text = """\
create_clock -name fast -period 2 [get_ports clk]
set_input_delay 1 -clock fast [get_ports a[1]]
set_input_transition 0.1 [all_inputs]
set_output_delay 0.5 -clock fast y
set_load 9 [get_ports ?]
"""
    commands, filled = sdc.complete(parse(text), NAMES, AROUND)
    assert write(commands).splitlines()[5:] == [
        "set_input_delay -clock {fast} 0.4 [get_ports {a[0]}]"
    ]
    assert filled == ("input delays of 1 port",)
    assert "a[0]" not in completed("set_input_delay 1 [get_ports a]")[-1]


def test_the_clock_has_one_period() -> None:
    with pytest.raises(InputError) as caught:
        sdc.complete(parse("\ncreate_clock -period 3 clk"), NAMES, AROUND, file="x.sdc")
    assert "3 ns here and of 2 ns in design.toml" in caught.value.message
    assert caught.value.where == "x.sdc:2"
    with pytest.raises(InputError, match="3 ns here"):
        completed("create_clock -period 3 [get_ports c*]")
    with pytest.raises(InputError, match="neither a source nor a name"):
        completed("create_clock -period 2")
    assert "-name {v} -period 3.0" in completed("create_clock -name v -period 3")[0]


@pytest.mark.parametrize("name", ["a}; exec rm x; {", "a b", 'a"', "$a", "a\\", "a[exec]"])
def test_names_that_could_become_commands_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        completed(names=DesignNames(inputs=("clk", name), outputs=()))


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> FrontEnd:
    flow = FrontEnd(tmp_path_factory.mktemp("gates"), load_pdk("edu45"), {"counter.v": COUNTER})
    flow.run(synthesize.STAGE)
    return flow


def constrained(gates: FrontEnd, folder: Path, **changes: object) -> FrontEnd:
    """The gates with other constraints, timed as far as that is possible."""
    flow = FrontEnd(folder, gates.pdk, {"counter.v": COUNTER})
    flow.files = dict(gates.files)
    for name in ("constraints", "constraints_spec"):
        if name in changes:
            (folder / f"{name}.txt").write_text(str(changes[name]))
            changes[name] = folder / f"{name}.txt"
    flow.design = replace(flow.design, **changes)  # pyright: ignore[reportArgumentType]
    flow.run(constraints.STAGE)
    return flow


@needs_opensta
def test_a_file_of_the_design_is_what_timing_uses(gates: FrontEnd, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = constrained(gates, tmp_path / "plain")
    text = "set_clock_uncertainty 0.5 -setup [get_clocks clk]\n"
    flow = constrained(gates, tmp_path, constraints=text)
    for each in (plain, flow):
        each.run(timing.STAGE)
    lost_ns = plain.metrics["timing__setup__ws_ns"] - flow.metrics["timing__setup__ws_ns"]
    assert lost_ns == pytest.approx(0.5, abs=1e-3)
    assert "filled in: the clock, input delays of 2 ports" in flow.lines[0]


@needs_opensta
def test_all_allowed_commands_are_known_to_opensta(gates: FrontEnd, tmp_path: Path) -> None:
    text = """\
create_clock -name clk -period 2 -waveform {0 1} [get_ports clk]
create_generated_clock -name half -source [get_ports clk] -divide_by 2 [get_ports zero]
create_clock -name other -period 7
set_clock_uncertainty 0.1 -hold [all_clocks]
set_clock_latency 0.1 -source [get_clocks clk]
set_clock_transition 0.1 [get_clocks clk]
set_clock_groups -asynchronous -group [get_clocks {clk half}] -group other
set_input_delay 0.2 -clock clk -max -rise [get_ports rst]
set_output_delay 0.2 -clock clk -add_delay [all_outputs]
set_false_path -hold -from [get_ports rst] -to [all_registers]
set_multicycle_path 2 -setup -end -from [get_clocks clk] -through [get_pins */D]
set_max_delay 1.5 -from [get_ports up] -to [get_ports count]
set_min_delay 0.01 -from up -to count[*]
set_max_fanout 20 [current_design]
set_max_transition 0.5 [current_design]
set_max_capacitance 50 [get_ports count]
set_load -max 5 [all_outputs]
set_driving_cell -lib_cell BUF_X1 [get_ports up]
set_input_transition 0.05 -max rst
set_case_analysis 0 [get_ports rst]
"""
    flow = constrained(gates, tmp_path, constraints=text)
    flow.run(timing.STAGE)
    assert not [line for line in flow.lines if "Error" in line]
    assert "timing__setup__ws_ns" in flow.metrics


def test_a_file_that_is_a_program_is_refused_with_its_line(gates: FrontEnd, tmp_path: Path) -> None:
    proof = tmp_path / "pwned"
    with pytest.raises(InputError) as caught:
        constrained(gates, tmp_path, constraints=f"# x\nset_load [exec touch {proof}] y\n")
    assert caught.value.where.endswith("constraints.txt:2")
    (tmp_path / "more").mkdir()
    with pytest.raises(InputError, match="no such port"):
        constrained(gates, tmp_path / "more", constraints="set_load 1 [get_ports no]\n")
    assert not proof.exists()


def test_timing_reads_constraints_by_the_allowlist_again(gates: FrontEnd, tmp_path: Path) -> None:
    flow = constrained(gates, tmp_path)
    flow.files["sdc"].write_text("exec touch pwned\n")
    if version_of("opensta") is None:
        pytest.skip("no OpenSTA")
    with pytest.raises(InputError, match="'exec' is no command"):
        flow.run(timing.STAGE)


def test_a_model_writes_them_from_prose(gates: FrontEnd, tmp_path: Path) -> None:
    bad = "```sdc\nset_false_path -from [get_ports reset]\n```"
    model = scripted(bad, bad.replace("reset", "rst"))
    flow = constrained(
        gates, tmp_path, constraints_spec="rst is static", models=Models(default=model.model)
    )
    assert "set_false_path -from [get_ports {rst}]" in flow.files["sdc"].read_text()
    origin = json.loads(flow.files["constraints_origin"].read_text())
    assert origin["asked"]["answers"] == 2
    assert "rst is static" in model.question
    assert "did you mean rst?" in model.question


def test_a_model_cannot_change_the_period(gates: FrontEnd, tmp_path: Path) -> None:
    model = scripted("```sdc\ncreate_clock -period 9 [get_ports clk]\n```")
    with pytest.raises(DraftRejected, match="9 ns here and of 2 ns"):
        constrained(
            gates, tmp_path, constraints_spec="slow", models=Models(write_constraints=model.model)
        )


def design(folder: Path, more: str) -> Design:
    for name in ("a.v", "b.v", "x.sdc", "t.md"):
        (folder / name).write_text("")
    text = f'name = "a"\ntop = "a"\nrtl = ["a.v"]\n{more}\n'
    (folder / "design.toml").write_text(text)
    return read_design(folder)


def test_the_design_names_one_origin_of_constraints(tmp_path: Path) -> None:
    assert design(tmp_path, 'constraints = "x.sdc"').constraints == tmp_path / "x.sdc"
    assert design(tmp_path, 'constraints_spec = "t.md"').constraints_spec == tmp_path / "t.md"
    assert design(tmp_path, 'untrusted = ["a.v"]').untrusted == (tmp_path / "a.v",)
    for more, words in (
        ('constraints = "x.sdc"\nconstraints_spec = "t.md"', "both constraints and"),
        ('constraints = "y.sdc"', "no such file"),
        ('untrusted = ["b.v"]', "not among the files of rtl"),
    ):
        with pytest.raises(DesignError, match=words) as caught:
            design(tmp_path, more)
        assert "design.toml:" in caught.value.where
