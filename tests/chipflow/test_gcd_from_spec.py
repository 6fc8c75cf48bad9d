"""examples/gcd from its specification to GDS by a recorded model: offline, through the real flow.

The record `gcd_record` holds the answers of `gcd_answers.py`, which were written by hand: no model
gave them. Where a prompt has changed, delete the folder and run this file with
CHIPFLOW_RECORD_GCD=1.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import klayout.db as kdb
import pytest

from chipflow import flow
from chipflow.stages import rtl
from llm_stages import hdl, sandbox
from tests.chipflow.command_line import CommandLine, Ended, command_line
from tests.chipflow.gcd_answers import MODEL

EXAMPLE = Path(__file__).parents[2] / "examples" / "gcd"
RECORD = Path(__file__).parent / "gcd_record"
RTL_LINE = 'rtl = ["gcd.v"] # or: spec = "spec.md", and an LLM writes the RTL'
TIMING = (
    "All inputs arrive 0.3 ns after the clock edge; what reads the outputs needs 0.2 ns. The clock "
    "is uncertain by 50 ps.\n"
)

pytestmark = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None, reason="needs iverilog, a sandbox"
)


@dataclass
class Gcd:
    """The example with its specification in place of its RTL."""

    folder: Path
    chipflow: CommandLine

    def run(self, *options: object) -> Ended:
        """Runs the flow on the record; where it is to be made anew, once on the answers before."""
        command = ("run", self.folder, "--engine", "local", "-q")
        if "CHIPFLOW_RECORD_GCD" in os.environ and not options:
            assert self.chipflow(*command, "--record", RECORD, "--out", self.folder / "r").code == 0
        return self.chipflow(*command, *(options or ("--replay", RECORD)))

    def stage(self, folder: str) -> dict:
        """What a stage left."""
        return json.loads((self.folder / "runs" / "edu45" / folder / "stage.json").read_text())


@pytest.fixture
def gcd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gcd:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY", "CHIPFLOW_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("spec.md", "gcd_tb.v"):
        shutil.copy(EXAMPLE / name, tmp_path)
    (tmp_path / "timing.md").write_text(TIMING)
    design = (EXAMPLE / "design.toml").read_text()
    assert design.count(RTL_LINE) == 1
    design = design.replace(RTL_LINE, 'spec = "spec.md"\nconstraints_spec = "timing.md"')
    models = f'\n[models]\ndefault = "{MODEL}"\nloop = true\n'
    (tmp_path / "design.toml").write_text(design + models)
    return Gcd(tmp_path, command_line(capsys, monkeypatch))


def test_the_example_comes_from_spec_to_gds_by_a_recorded_model(gcd: Gcd) -> None:
    ended = gcd.run()
    assert ended.code == 0, ended.err

    origin = json.loads((gcd.folder / "runs/edu45/01-rtl/rtl_origin.json").read_text())
    assert (origin["verified"], origin["basis"]) == (True, "test bench")
    assert origin["answered_by"] == [MODEL]
    rtl = (gcd.folder / "runs/edu45/01-rtl/rtl/gcd.sv").read_text()
    assert "a == 16'd0" in rtl, "the repair is not in the RTL"
    sdc = (gcd.folder / "runs/edu45/05-constraints/design.sdc").read_text()
    assert "set_clock_uncertainty 0.05" in sdc

    gates = json.loads((gcd.folder / "runs/edu45/06-check_gates/gate_check.json").read_text())
    assert gates["simulation"]["status"] == "passed"
    assert gates["equality"]["outcome"] == "proven"

    layout = kdb.Layout()
    layout.read(str(gcd.folder / "runs/edu45/13-export/gcd.gds"))
    top = layout.top_cell()
    assert top.name == "gcd"
    placed = sum(1 for _ in top.each_inst())
    assert placed > 200

    for folder, calls in (("01-rtl", 5), ("05-constraints", 1)):
        used = gcd.stage(folder)["models"][MODEL]
        assert (used["calls"], used["replayed"], used["failed"]) == (calls, calls, 0)
        assert min(used["prompt_tokens"], used["completion_tokens"]) > 0
    assert MODEL in (gcd.folder / "runs/edu45/report.html").read_text()


def test_without_its_test_bench_the_specification_is_normalised(
    gcd: Gcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a result comes is left open there, so no reference model can be written."""
    monkeypatch.setattr(flow, "load_stages", lambda: (rtl.STAGE,))
    design = gcd.folder / "design.toml"
    lines = [line for line in design.read_text().splitlines() if "testbench" not in line]
    design.write_text("\n".join(lines))
    ended = gcd.run()
    assert ended.code == 0, ended.err
    stated = json.loads((gcd.folder / "runs/edu45/01-rtl/loop/spec.json").read_text())
    assert (stated["latency"], stated["reset"]["kind"]) == ("free", "synchronous")
    origin = json.loads((gcd.folder / "runs/edu45/01-rtl/rtl_origin.json").read_text())
    assert (origin["verified"], origin["references"]) == (False, 0)
    assert origin["open_questions"] == ["What is out_gcd while out_valid is 0?"]


@pytest.mark.parametrize(
    ("stage", "asks"), [("spec_to_rtl", "Write the module gcd."), ("repair", "Correct the module")]
)
def test_a_call_that_is_not_recorded_is_named(gcd: Gcd, stage: str, asks: str) -> None:
    some = gcd.folder / "some"
    shutil.copytree(RECORD, some)
    for path in some.iterdir():
        question = json.loads(path.read_text())["request"]["messages"][-1]["content"]
        if question.startswith(asks):
            path.unlink()
    ended = gcd.run("--replay", some)
    assert ended.code == 4
    assert f"the stage {stage} asks {MODEL}" in ended.err
    assert asks in ended.err
    assert "--record" in ended.err
