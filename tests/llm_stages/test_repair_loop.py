"""The repair loop with scripted models and a real simulator: what it keeps, undoes and doubts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from llm_stages import gates, hdl, sandbox
from llm_stages.budget import Budget
from llm_stages.errors import BudgetSpent, DraftRejected, InputError, NoConnection
from llm_stages.exchange import Request
from llm_stages.notes import MOST_BYTES
from llm_stages.repair_loop import LoopOptions, solve
from llm_stages.slang import Diagnostic
from llm_stages.store import Store
from llm_stages.verdict import Verdict
from tests.llm_stages.loop_models import (
    COUNTER,
    GATE,
    MODEL,
    STRONGER,
    asking,
    counter,
    counter_reference,
    edit,
    gate,
    gate_reference,
    scripted,
)

pytestmark = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None, reason="needs iverilog, a sandbox"
)

AND, UP = GATE.format("a and b"), COUNTER.format("up by 1")
QUICK = LoopOptions(warm=0, steps=3, mutants=0)


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_a_cold_sample_that_agrees_with_the_reference_is_taken(tmp_path: Path) -> None:
    with scripted(write_bench=[gate_reference("a & b")], spec_to_rtl=[gate("a & b")]) as script:
        result = solve(AND, top="gate", asking=asking(), folder=tmp_path)
    assert (result.verified, result.basis, result.calls) == (True, "reference model", 2)
    assert [request.stage for request in script.asked] == ["write_bench", "spec_to_rtl"]
    assert "assign y" not in script.question("write_bench")
    assert [request.temperature for request in script.asked] == [0.0, 0.0]
    assert result.mutants.tried > 0
    assert result.mutants.survived == 0
    assert result.score.reached == len(gates.GATES)
    node = json.loads((tmp_path / "candidates/00-cold/node.json").read_text())
    assert node["score"]["agreement"] == 1.0
    assert (tmp_path / "candidates/00-cold/rtl.sv").read_text() == result.rtl
    assert "def outputs" in (tmp_path / "references/0/reference.py").read_text()
    assert json.loads((tmp_path / "result.json").read_text())["verified"]


def test_a_step_of_repair_gets_the_window_with_its_drivers_and_the_notes() -> None:
    worse, good = (
        edit("assign q = count;", "assign q = ~count;"),
        edit("assign following = count + 2;", "assign following = count + 1;"),
    )
    with scripted(
        write_bench=[counter_reference("1")],
        spec_to_rtl=[counter("2")],
        repair=["nothing of use", "nothing again", worse, worse, good],
    ) as script:  # fmt: skip
        result = solve(
            UP, top="counter", asking=asking(), options=replace(QUICK, steps=4, rejects=9)
        )
    assert result.verified
    assert "count + 1;" in result.rtl
    first, last = script.question("repair", 0), script.question("repair")
    window = first.partition("<<<findings")[2]
    assert "First mismatch in cycle" in window
    assert "<- wrong" in window
    assert "up=1" in window
    assert "line 4: assign following = count + 2;" in window  # two levels behind q
    assert "line 7: else if (up) count <= following;" in window
    assert "following: " in window
    assert len(window.encode()) < 4500
    assert "An earlier answer could not be used" in script.question("repair", 1)
    # The better source is what the last question holds, not the one that was undone.
    assert "count + 2;" in last
    assert "q = ~count;" not in last.partition("Tried and undone")[0]
    assert "tried before" in last
    assert len(last.partition("findings")[2].encode()) < 4500 + MOST_BYTES


def test_an_edit_that_loses_what_was_reached_is_undone() -> None:
    breaks = edit("assign y = a | b;", "assign y = a | c;")
    mends = edit("a | b", "a & b")
    with scripted(
        write_bench=[gate_reference("a & b")], spec_to_rtl=[gate("a | b")], repair=[breaks, mends]
    ) as script:
        result = solve(AND, top="gate", asking=asking(), options=QUICK)
    assert result.verified
    assert "undeclared identifier" in script.question("repair")
    assert "assign y = a | b;" in script.question("repair")


def test_a_source_that_does_not_compile_is_mended_from_its_errors() -> None:
    mends = edit("   2   assign y = a & c;", "  assign y = a & b;")  # line number copied too
    with scripted(
        write_bench=[gate_reference("a & b")], spec_to_rtl=[gate("a & c")], repair=[mends]
    ) as script:
        result = solve(AND, top="gate", asking=asking(), options=QUICK)
    assert result.verified
    assert "line 2, column 18: use of undeclared identifier 'c'" in script.question("repair")


def test_a_known_slip_costs_no_call() -> None:
    slip = gate("a & b").replace(");\n", ") begin\n").replace("endmodule", "end")
    with scripted(write_bench=[gate_reference("a & b")], spec_to_rtl=[slip]) as script:
        result = solve(AND, top="gate", asking=asking(), options=QUICK)
    assert result.verified
    assert (result.calls, result.candidates) == (2, 2)
    assert not script.of("repair")


def test_the_reference_is_doubted_where_samples_agree_against_it() -> None:
    lines: list[str] = []
    answers = [gate("a & b"), gate("b & a"), gate("~(~a | ~b)")]
    with scripted(
        write_bench=[gate_reference("a | b"), gate_reference("a & b")], spec_to_rtl=answers
    ) as script:
        result = solve(AND, top="gate", asking=asking(log=lines.append), options=LoopOptions())
    assert result.verified
    assert (result.references, len(script.of("spec_to_rtl"))) == (2, 2)
    assert any(
        "reference model 0 is doubted: in case 1 y is 1 there and 0 in 2" in x for x in lines
    )


def test_the_samples_are_wrong_where_a_second_reference_says_so_too() -> None:
    lines: list[str] = []
    with scripted(
        write_bench=[gate_reference("a & b")],
        spec_to_rtl=[gate("a | b"), gate("b | a")],
        repair=[edit("a | b", "a & b")],
    ):
        options = replace(QUICK, warm=1, references=2)
        result = solve(AND, top="gate", asking=asking(log=lines.append), options=options)
    assert result.verified
    assert "a & b" in result.rtl
    assert "another one agrees with it" in lines


def test_without_a_usable_reference_the_samples_vote() -> None:
    answers = [gate("a ^ b"), gate("a & b"), gate("a + b"), gate("b & a"), gate("a & b")]
    with scripted(write_bench=["I cannot."], spec_to_rtl=answers) as script:
        result = solve(AND, top="gate", asking=asking(), options=replace(QUICK, warm=4))
    assert (result.verified, result.basis) == (False, "vote")
    assert "a & b" in result.rtl
    assert result.in_words().startswith("not verified")
    assert len(script.of("write_bench")) == 6  # three references, each asked for once more


def test_the_stronger_model_goes_on_where_the_weaker_one_is_stuck() -> None:
    def repair(request: Request) -> str:
        return edit("a | b", "a & b") if request.model == STRONGER else edit("a | b", "a ^ b")

    ladder = {"": (MODEL,), "repair": (MODEL, STRONGER)}
    with scripted(
        write_bench=[gate_reference("a & b")], spec_to_rtl=[gate("a | b")], repair=repair
    ) as script:
        options = replace(QUICK, rejects=2, steps=6)
        result = solve(AND, top="gate", asking=asking(models=ladder), options=options)
    assert result.verified
    assert [request.model for request in script.of("repair")] == [MODEL, MODEL, STRONGER]


def test_the_users_own_test_bench_decides(tmp_path: Path) -> None:
    bench = tmp_path / "bench.sv"
    bench.write_text(
        "module bench;\n  reg [1:0] a = 0, b = 2;\n  wire [1:0] y;\n  gate g(a, b, y);\n"
        '  initial begin\n    $dumpfile("w.vcd"); $dumpvars; #1 a = 3;\n'
        '    #1 if (y !== 2) $fatal(1, "y is %0d, expected 2", y); $finish(0);\n  end\n'
        "endmodule\n"
    )

    def test_bench(device: Path, work_dir: Path) -> Verdict:
        return hdl.simulate(
            [bench, device], top="bench", work_dir=work_dir, untrusted=[device], timeout_s=20
        )

    forged = gate("a | b").replace("endmodule", "initial $finish;\nendmodule")
    with scripted(
        spec_to_rtl=[forged, gate("a | b")], repair=["no", "no", edit("a | b", "a & b")]
    ) as script:
        options = replace(QUICK, warm=1)
        result = solve(AND, top="gate", asking=asking(), options=options, test_bench=test_bench)
    assert (result.verified, result.basis) == (True, "test bench")
    assert "a & b" in result.rtl
    assert not script.of("write_bench")
    assert "$finish: generated HDL may only use" in script.question("repair", 0)
    asked = script.question("repair")
    assert "y is 3, expected 2" in asked
    assert "time 1: a=3 b=2 y=3" in asked
    assert str(tmp_path) not in asked


def test_a_synthesis_tool_is_one_of_the_gates() -> None:
    def synthesize(path: Path, top: str, work_dir: Path) -> gates.Synthesis:
        if "|" in path.read_text():
            return gates.Synthesis((Diagnostic(str(path), 2, 3, "error", "Loop", "a loop"),))
        return gates.Synthesis((), cells=3)

    with scripted(
        write_bench=[gate_reference("a & b")],
        spec_to_rtl=[gate("a | b"), gate("a & b")],
        repair=["no"],
    ) as script:
        result = solve(
            AND, top="gate", asking=asking(), options=replace(QUICK, warm=1), synthesize=synthesize
        )
    assert (result.verified, result.score.minus_cells) == (True, -3)
    assert "line 2, column 3: a loop" in script.question("repair")


def test_a_small_effort_is_spent_on_rtl_and_the_rest_is_kept() -> None:
    with scripted(write_bench=[gate_reference("a & b")], spec_to_rtl=[gate("a & b")]) as script:
        effort = asking(max_tokens=400, most_tokens=1100)
        result = solve(AND, top="gate", asking=effort, options=QUICK)
        assert script.asked[0].stage == "spec_to_rtl"
        assert result.prompt_tokens + result.completion_tokens <= 1100
        assert result.stopped
        spent = Budget(max_tokens=10)
        with pytest.raises(BudgetSpent):
            solve(AND, top="gate", asking=asking(budget=spent), options=QUICK)
        calls = asking(most_calls=1)
        assert solve(AND, top="gate", asking=calls, options=QUICK).calls == 1


def test_a_small_effort_is_not_spent_on_a_text_that_leaves_questions() -> None:
    unclear = COUNTER.format("up").replace("Synchronous reset", "Reset")
    answers = {
        "normalise_spec": ["{}"],
        "spec_to_rtl": [counter("1")],
        "write_bench": [counter_reference("1")],
    }
    with scripted(**answers) as script:
        solve(unclear, top="counter", asking=asking(), options=QUICK)
        assert script.asked[0].stage == "normalise_spec"
    with scripted(**answers) as script:
        effort = asking(max_tokens=400, most_tokens=1200)
        solve(unclear, top="counter", asking=effort, options=QUICK)
        assert script.asked[0].stage == "spec_to_rtl"


def test_errors_say_what_to_do() -> None:
    with pytest.raises(InputError, match="needs a model"):
        solve(AND, top="gate", asking=asking(models={}))
    with pytest.raises(InputError, match="has 0 characters"):
        solve(" \n", top="gate", asking=asking())
    with pytest.raises(InputError, match="not the name of a module"):
        solve(AND, top="a b", asking=asking())

    def down(request: Request) -> str:
        raise NoConnection("nobody is there")

    with scripted(write_bench=down), pytest.raises(NoConnection):
        solve(AND, top="gate", asking=asking(retries=0))
    with (
        scripted(write_bench=["no"], spec_to_rtl=["no"], repair=["no"]),
        pytest.raises(DraftRejected, match="holds no module") as caught,
    ):
        solve(AND, top="gate", asking=asking(), options=replace(QUICK, warm=1))
    assert "stronger model" in caught.value.hint


def dying(request: Request) -> str:
    """Answers like a script; ends the process at the second repair where it is told to."""
    step = (request.seed or 0) % 40_000
    if os.environ.get("DIES") and request.stage == "repair" and step == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if request.stage == "write_bench":
        return gate_reference("a & b")
    return gate(f"a & (b + {step})" if request.stage == "repair" else "a | b")


_PROGRAM = """
import sys
from pathlib import Path
from llm_stages.asker import Asking
from llm_stages.repair_loop import solve
from llm_stages.store import Store
from tests.llm_stages import test_repair_loop as here
ask = Asking({"": ("python/tests.llm_stages.test_repair_loop:dying",)},
             store=Store(Path(sys.argv[1]), "resume"))
solve(here.AND, top="gate", asking=ask, options=here.QUICK, folder=Path(sys.argv[2]))
"""


def test_a_loop_that_was_killed_comes_to_the_same_end(tmp_path: Path) -> None:
    def run(name: str, **environment: str) -> int:
        argv = [sys.executable, "-c", _PROGRAM, str(tmp_path / f"{name}_answers")]
        argv.append(str(tmp_path / name))
        return subprocess.run(argv, env={**os.environ, **environment}, check=False).returncode

    assert run("killed", DIES="yes") == -signal.SIGKILL
    kept = sorted(path.name for path in (tmp_path / "killed/candidates").iterdir())
    assert kept == ["00-cold", "01-edit"]
    assert not (tmp_path / "killed/result.json").exists()
    assert run("killed") == 0
    ask = asking(
        models={"": ("python/tests.llm_stages.test_repair_loop:dying",)},
        store=Store(tmp_path / "whole_answers", "resume"),
    )
    solve(AND, top="gate", asking=ask, options=QUICK, folder=tmp_path / "whole")

    def files(name: str) -> dict[str, str]:
        folder = tmp_path / name
        found = (path for path in folder.rglob("*") if path.is_file())
        texts = {str(path.relative_to(folder)): path.read_text() for path in found}
        result = json.loads(texts.pop("result.json"))
        texts["result"] = json.dumps({**result, "latency_s": 0})
        return texts

    assert files("killed") == files("whole")
    assert files("whole").keys() >= {"notes.md", "spec.json", "candidates/02-edit/gates.json"}
    replayed = replace(ask, store=Store(tmp_path / "whole_answers", "replay"))
    again = solve(AND, top="gate", asking=replayed, options=QUICK)
    assert again.rtl == json.loads((tmp_path / "whole/result.json").read_text())["rtl"]


def test_a_lone_agreement_does_not_end_the_search_where_a_sample_differs() -> None:
    answers = [gate("a & b"), gate("a ^ b"), gate("b & a")]
    references = [gate_reference("a | b"), gate_reference("a ^ b"), gate_reference("a & b")]
    lines: list[str] = []
    with scripted(write_bench=references, spec_to_rtl=answers) as script:
        options = replace(QUICK, warm=6)
        result = solve(AND, top="gate", asking=asking(log=lines.append), options=options)
    # "a ^ b" is a sample and a reference; the sample before it holds it back until others come.
    assert (result.verified, "a & b" in result.rtl or "b & a" in result.rtl) == (True, True), lines
    assert len(script.of("spec_to_rtl")) > 3


def test_an_edit_that_is_proven_to_change_nothing_is_undone() -> None:
    seen: list[str] = []

    def equivalent(one: str, other: str, top: str, work_dir: Path) -> bool:
        seen.append(other)
        return True

    with scripted(
        write_bench=[gate_reference("a & b")],
        spec_to_rtl=[gate("a | b")],
        repair=[edit("a | b", "b | a"), edit("a | b", "a & b")],
    ) as script:
        result = solve(AND, top="gate", asking=asking(), options=QUICK, equivalent=equivalent)
    assert result.verified
    assert len(seen) == 1
    assert "does the same as before" in script.question("repair")


def test_a_test_bench_that_finds_no_mutants_verifies_nothing() -> None:
    lines: list[str] = []
    lazy = gate_reference("a & b if (a, b) == (0, 0) else None")
    with scripted(write_bench=[lazy], spec_to_rtl=[gate("(a & b) & {2{a == b}} & {2{b < 3}}")]):
        result = solve(
            AND, top="gate", asking=asking(log=lines.append), options=replace(QUICK, mutants=8)
        )
    assert not result.verified
    assert "mutants of it do too" in result.in_words()
    assert result.mutants.share > 0.5
    assert any("the test bench is made longer" in line for line in lines)


def test_nothing_is_verified_where_the_effort_ends_before_the_mutants() -> None:
    lazy = gate_reference("a & b if (a, b) == (0, 0) else None")
    weak = "(a & b) & {2{a == b}} & {2{b < 3}}"
    answers = [gate("~(a & b)"), gate(weak), gate(f"{weak} & 3")]
    with scripted(write_bench=[lazy], spec_to_rtl=answers):
        options = LoopOptions(warm=6, references=1)
        result = solve(AND, top="gate", asking=asking(most_calls=4), options=options)
    assert result.stopped
    assert result.mutants.tried > 0
    assert not result.verified


def test_a_model_that_repeats_itself_is_not_sampled_further() -> None:
    with scripted(
        write_bench=[gate_reference("a & b")],
        spec_to_rtl=[gate("a | b")],
        repair=[edit("a | b", "a & b")],
    ) as script:
        options = replace(QUICK, warm=8, references=1)
        result = solve(AND, top="gate", asking=asking(), options=options)
    assert len(script.of("spec_to_rtl")) == 4
    assert result.verified
    assert "a & b" in result.rtl


def test_sources_that_do_the_same_stand_against_a_lone_reference() -> None:
    answers = [gate("a & b"), gate("b & a"), gate("~(~a | ~b)"), gate("a & b & a")]
    with scripted(write_bench=[gate_reference("a | b")], spec_to_rtl=answers) as script:
        options = replace(QUICK, warm=3, references=1)
        result = solve(AND, top="gate", asking=asking(), options=options)
    assert (result.verified, result.basis) == (False, "vote")
    assert "a & b" in result.rtl
    assert not script.of("repair")
