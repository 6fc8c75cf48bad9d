"""What a review can patch: RTL and constraints of the user's, or those that models wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chipflow import flow
from chipflow.design import Models, read_design
from chipflow.flow import load_stages, run_flow
from chipflow.report.record import RunOnDisk, read_run
from chipflow.review import facts
from chipflow.review.design_copy import apply_change, copy_design, difference, sources_of
from chipflow.review.finished_run import find_run, run_folder
from llm_stages.review import Change
from placement_env.errors import InputError
from tests.chipflow import fake_model
from tests.chipflow.command_line import CommandLine, command_line
from tests.chipflow.rtl_designs import load_pdk
from tests.llm_stages.scripted import scripted

SPEC = "Write an adder.\n\n - input a (4 bits)\n - input b (4 bits)\n - output s (5 bits)\n"
DESIGN = 'name = "adder"\ntop = "adder"\nspec = "spec.md"\n[models]\nretries = 1\n'
STAGES = tuple(stage for stage in load_stages() if stage.name in ("rtl", "lint"))
EDIT = {"file": "adder.sv", "search": "  assign s = a + b;", "replace": "  assign s = b + a;"}


def change(kind: str, **patch: object) -> Change:
    return Change.model_validate({"kind": kind, "metric": "x", "why": "y", **patch})


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A design whose RTL a model has written, with its run; the model was named by a flag."""
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY", "CHIPFLOW_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(flow, "load_stages", lambda: STAGES)
    monkeypatch.setenv("FAKE_MODEL", str(tmp_path / "asked.txt"))
    (tmp_path / "asked.answers").write_text("good\n")
    folder = tmp_path / "adder"
    folder.mkdir()
    (folder / "spec.md").write_text(SPEC)
    (folder / "design.toml").write_text(DESIGN)
    design = replace(read_design(folder), models=Models(default=fake_model.MODEL))
    run = folder / "runs" / "edu45"
    assert run_flow(design, load_pdk("edu45"), run, engine="local").error is None
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return command_line(capsys, monkeypatch)


def test_the_models_of_the_run_are_kept_whatever_the_review_asks(written: Path) -> None:
    found = find_run(written)
    assert found.design.models.default == fake_model.MODEL
    assert found.models.default == ""


def test_rtl_that_a_model_wrote_becomes_untrusted_sources(written: Path, run: CommandLine) -> None:
    found = find_run(written)
    before, copy = written.parent / "before", written.parent / "copy"
    for folder in (before, copy):
        copy_design(found.design, folder)
    apply_change(
        sources_of(copy, found.run), change("rtl", edits=[EDIT]), untrusted=frozenset(["adder.sv"])
    )
    design = read_design(copy)
    assert design.spec is None
    assert design.rtl == design.untrusted == (copy / "adder.sv",)
    assert "assign s = b + a;" in (copy / "adder.sv").read_text()
    patch = difference(before, copy)
    assert "--- /dev/null\n+++ b/adder.sv\n" in patch
    assert '-spec = "spec.md"\n' in patch

    # And the whole way: with neither a simulation nor a promise nothing shows that it is right.
    edit = f"<<<<<<< SEARCH\n{EDIT['search']}\n=======\n{EDIT['replace']}\n>>>>>>> REPLACE"
    answer = f"kind: rtl\nmetric: lint__warning__count\nwhy: x\nfile: adder.sv\n{edit}\n"
    options = ("--apply", "--json", "--out", written.parent / "out")
    ended = run("review", written, "--model", scripted(answer).model, *options)
    assert ended.code == 0, ended.err
    (judged,) = json.loads(ended.out)["changes"]
    assert judged["status"] == "rejected"
    assert "nothing shows that it still does what it should" in judged["reason"]
    asked = (written.parent / "asked.txt").read_text().split()
    assert len(asked) == 1, "the trial asked the model of spec_to_rtl again"


def test_constraints_are_added_to_those_that_the_design_has(written: Path) -> None:
    found = find_run(written)
    (written / "own.sdc").write_text("set_load 1 [get_ports s]")  # without an end of its line
    added = change("constraints", sdc="set_load 2.0 [get_ports {s}]\n")
    own = replace(found.design, constraints=written / "own.sdc")
    toml = DESIGN.replace("[models]", 'constraints = "own.sdc"\n[models]')
    (written / "design.toml").write_text(toml)
    copy_design(own, written.parent / "copy")
    sources = sources_of(written.parent / "copy", found.run)
    apply_change(sources, added, untrusted=frozenset())
    design = read_design(written.parent / "copy")
    assert design.constraints == written.parent / "copy" / "constraints.sdc"
    assert (written.parent / "copy" / "constraints.sdc").read_text() == (
        "set_load 1 [get_ports s]\nset_load 2.0 [get_ports {s}]\n"
    )
    assert (written / "own.sdc").read_text() == "set_load 1 [get_ports s]"


def test_hints_are_lines_for_the_design_file(written: Path, run: CommandLine) -> None:
    model = scripted("set: floorplan.utilization = 0.7\nset: gap_um = 6\nwhy: it is loose")
    ended = run("hints", written, "--model", model.model)
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "# it is loose", "[floorplan]", "utilization = 0.7", "[macros]", "gap_um = 6",
    ]  # fmt: skip
    assert "lint: done; 0 warnings" in model.question
    report = (written / "runs" / "edu45" / "report.html").read_text()
    assert "floorplan.utilization = 0.7" in report
    assert '<th scope="row">floorplan_hints</th>' in report
    with_them = DESIGN + "\n".join(ended.out.splitlines())
    (written / "design.toml").write_text(with_them)
    assert read_design(written).macros.gap_um == 6.0
    found = run("hints", written, "--model", scripted("keep: all\nwhy: fine").model)
    assert "nothing to change" in found.out


def test_the_facts_are_the_same_on_every_machine(written: Path) -> None:
    found = read_run(written / "runs" / "edu45")
    assert facts.in_words(found) == facts.in_words(_elsewhere(found))


def _elsewhere(run: RunOnDisk) -> RunOnDisk:
    """The run as another machine would have made it."""
    slower = [
        replace(
            stage,
            record=replace(stage.record, wall_s=9.0, note=f"{stage.record.note} (9.1 s)"),
        )
        for stage in run.stages
    ]
    return replace(run, stages=tuple(slower))


def test_the_run_that_is_meant_is_found_or_asked_for(written: Path, tmp_path: Path) -> None:
    assert run_folder(written) == written / "runs" / "edu45"
    other = written / "runs" / "other"
    other.mkdir()
    (other / "run.json").write_text('{"design": "adder", "pdk": "nothing"}')
    with pytest.raises(InputError, match="more than one run"):
        run_folder(written)
    with pytest.raises(InputError, match="there is no PDK"):
        find_run(other)
    other.rename(tmp_path / "far")
    with pytest.raises(InputError) as caught:
        find_run(tmp_path / "far")
    assert "--design" in caught.value.hint
    (tmp_path / "far" / "run.json").write_text('{"design": "else"}')
    with pytest.raises(InputError, match="this is a run of else, not of adder"):
        find_run(tmp_path / "far", written)
