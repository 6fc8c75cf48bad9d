"""Scoring of RTL problems: references pass, what differs fails, all stay in the count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cvdp, rtllm, verilog_eval, verilog_record, verilog_suites
from benchmarks.pass_at_k import pass_at_k
from benchmarks.verilog_answers import asked, from_folder, mutated, references
from benchmarks.verilog_arms import Answer, Task
from benchmarks.verilog_problems import Problem, SimulatedBench, judge
from benchmarks.verilog_run import Outcome, Plan, run, run_one
from benchmarks.verilog_table import summary, to_markdown
from llm_stages import hdl, sandbox
from llm_stages.errors import BudgetSpent, NoConnection
from llm_stages.judge import Counters
from placement_env.errors import InputError

needs_simulator = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None,
    reason="needs Icarus Verilog and a sandbox",
)

# A wire, a register, two resets, a state machine, and one whose reference Icarus 11 cannot compile.
SAMPLE = ("Prob007_wire", "Prob031_dff", "Prob041_dff8r", "Prob047_dff8ar", "Prob128_fsm_ps2")
# Prob082's reference runs into the test bench's own limit; the other one uses casts that Icarus 11
# does not have.
CANNOT_RUN = ("Prob082_lfsr32", "Prob151_review2015_fsm")


@pytest.fixture
def here(data_file: Callable[[str], Path]) -> None:
    """Skip where VerilogEval is not on this machine."""
    for name in SAMPLE:
        data_file(f"verilog-eval/{name}_test.sv")


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_good_one(
    counts: tuple[int, int], data: st.DataObject
) -> None:
    samples, passed = counts
    k = data.draw(st.integers(1, samples))
    draws = list(combinations(range(samples), k))
    good = sum(min(draw) < passed for draw in draws)
    assert pass_at_k(samples, passed, k) == pytest.approx(good / len(draws))


def test_no_estimate_without_enough_samples() -> None:
    for samples, passed, k in ((1, 0, 2), (2, 3, 1), (0, 0, 1), (3, 1, 0)):
        with pytest.raises(ValueError, match="no estimate"):
            pass_at_k(samples, passed, k)


@needs_simulator
@pytest.mark.usefixtures("here")
def test_references_pass() -> None:
    outcomes = list(run(SAMPLE, verilog_eval.load, Plan(references), cores=2))
    assert {outcome.problem for outcome in outcomes} == set(SAMPLE)
    assert all(sample.passed and sample.checks for o in outcomes for sample in o.samples)
    assert summary(outcomes).pass_at == {"1": 1.0}


@needs_simulator
@pytest.mark.usefixtures("here")
def test_no_mutant_that_differs_passes() -> None:
    plan = Plan(mutated(1), compare_waves=True)
    outcomes = list(run(SAMPLE[1:], verilog_eval.load, plan, cores=2))
    samples = [sample for outcome in outcomes for sample in outcome.samples]
    kinds = {sample.note.partition(" in line")[0] for sample in samples}
    assert {"output inverted", "state stuck", "reset ignored", "constant off by one"} <= kinds
    assert summary(outcomes).differing == ()
    assert all(sample.differs == "" for sample in samples if sample.passed)
    assert sum(not sample.passed for sample in samples) >= len(samples) - 1


@needs_simulator
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "device",
    [
        "RefModule inner(.clk(clk), .d(d), .q(q));",
        "assign q = 0; initial force d = 0;",
        "assign q = 0; assign (supply1, supply0) d = 0;",
        "assign q = 0; supply0 zero; tran(zero, d);",
        "assign q = 0; sink inner(d);",
        "assign q = 0; always @(clk) tb.stats1 = 0;",
        "assign q = 0; initial stim1.wavedrom_stop;",
        "assign q = 0; initial forever #0;",
    ],
)
def test_a_device_cannot_change_what_its_reference_sees(tmp_path: Path, device: str) -> None:
    problem = verilog_eval.load("Prob031_dff")
    text = (
        "module sink(inout d); assign d = 0; endmodule\n"
        f"module TopModule(input clk, input d, output q); {device} endmodule\n"
    )
    verdict = judge(problem, text, tmp_path / "work", timeout_s=3.0)
    assert verdict.cause == ("time_limit" if "#0" in device else "unsafe"), verdict.reason


@needs_simulator
@pytest.mark.usefixtures("here")
def test_an_input_stays_an_input(tmp_path: Path) -> None:
    problem = verilog_eval.load("Prob031_dff")
    text = "module TopModule(input clk, inout d, output q); assign d = 0; endmodule\n"
    verdict = judge(problem, text, tmp_path / "work", timeout_s=10.0)
    assert (verdict.status, verdict.cause) == ("could_not_run", "unsafe")


@needs_simulator
def test_what_cannot_run_stays_in_the_count(data_file: Callable[[str], Path]) -> None:
    for name in CANNOT_RUN:
        data_file(f"verilog-eval/{name}_test.sv")

    def never(task: Task) -> Answer:
        raise AssertionError("a model was asked for nothing")

    names = ["Prob007_wire", *CANNOT_RUN]
    outcomes = list(run(names[1:], verilog_eval.load, Plan(asked(never, samples=1)), cores=2))
    outcomes += run(names[:1], verilog_eval.load, Plan(references))
    found = summary(outcomes)
    assert set(found.could_not_run) <= set(CANNOT_RUN)
    assert "Prob082_lfsr32" in found.could_not_run
    assert found.problems == 3
    assert found.pass_at["1"] == pytest.approx(1 / 3)
    text = to_markdown(outcomes, {"suite": "s", "answers": "a", "simulator": "i"}, set_size=156)
    assert "3 asked for, 156 in the whole set" in text
    assert "- Prob082_lfsr32: with the reference" in text


@pytest.mark.slow
@needs_simulator
@pytest.mark.timeout(1800)
def test_all_references_pass_and_no_mutant_does(data_file: Callable[[str], Path]) -> None:
    data_file("verilog-eval/Prob001_zero_test.sv")
    names = verilog_eval.names()
    by_reference = summary(list(run(names, verilog_eval.load, Plan(references), cores=2)))
    assert by_reference.solved == by_reference.problems - len(by_reference.could_not_run)
    plan = Plan(mutated(3), compare_waves=True)
    outcomes = list(run(names, verilog_eval.load, plan, cores=2))
    assert all(s.differs == "" for o in outcomes for s in o.samples if s.passed)
    broken = summary(outcomes)
    assert broken.samples > 5 * by_reference.solved
    assert broken.differing == ()


INVERTER = "module TopModule(input a, output y); assign y = ~a; endmodule\n"


def made_up(name: str) -> Problem:
    """A problem in RTLLM's way of counting, judged by a test bench of three lines."""
    bench = (
        "module tb; reg a = 0; wire y; integer bad = 0, n = 0; TopModule u(a, y); initial begin\n"
        "#1 n = 2; if (y !== 1) bad = bad + 1; a = 1; #1 if (y !== 0) bad = bad + 1; $finish;\n"
        "end endmodule\n"
    )
    counted = SimulatedBench({"tb.v": bench}, "tb", Counters("tb.bad", "tb.n"))
    return Problem(name, f"invert a ({name})", "TopModule", counted, INVERTER)


@needs_simulator
def test_a_solver_is_told_the_specification_alone() -> None:
    told: list[Task] = []

    def solve(task: Task) -> Answer:
        told.append(task)
        right = task.sample == 1
        return Answer(INVERTER if right else INVERTER.replace("~", ""), 10, 5, None)

    outcome = run_one(made_up, "p1", Plan(asked(solve, samples=3)))
    assert [sample.status for sample in outcome.samples] == ["failed", "passed", "failed"]
    assert [(task.spec, task.top, task.sample) for task in told] == [
        ("invert a (p1)", "TopModule", number) for number in range(3)
    ]
    found = summary([outcome])
    assert found.pass_at == pytest.approx({"1": 1 / 3, "3": 1.0})
    assert (found.prompt_tokens, found.completion_tokens, found.cost_usd) == (30, 15, None)


@needs_simulator
def test_the_budget_ends_a_problem_and_keeps_its_samples() -> None:
    def solve(task: Task) -> Answer:
        return Answer(INVERTER, 30, 30)

    outcome = run_one(made_up, "p1", Plan(asked(solve, samples=9, budget_tokens=100)))
    assert len(outcome.samples) == 2
    assert "tokens are spent" in outcome.stopped

    def refuse(task: Task) -> Answer:
        raise BudgetSpent("the next call may use too much")

    nothing = run_one(made_up, "p2", Plan(asked(refuse, samples=9, budget_tokens=100)))
    assert nothing.samples == ()
    assert summary([outcome, nothing]).pass_at == {"1": 0.5}


@needs_simulator
def test_a_provider_that_fails_ends_the_run_after_what_was_done() -> None:
    def solve(task: Task) -> Answer:
        if "p2" in task.spec:
            raise NoConnection("nothing answers")
        return Answer(INVERTER)

    done: list[Outcome] = []

    def collect(outcomes: Iterator[Outcome]) -> None:
        for outcome in outcomes:
            done.append(outcome)

    with pytest.raises(NoConnection):
        collect(run(["p1", "p2", "p3"], made_up, Plan(asked(solve, samples=1))))
    assert [outcome.problem for outcome in done] == ["p1"]


@needs_simulator
def test_answers_from_files(tmp_path: Path) -> None:
    (tmp_path / "p1.sv").write_text(INVERTER)
    (tmp_path / "p2").mkdir()
    (tmp_path / "p2" / "p2_sample01.sv").write_text(INVERTER.replace("~", ""))
    (tmp_path / "p2" / "p2_sample02.sv").write_text("no Verilog")
    outcomes = list(run(["p1", "p2", "p3"], made_up, Plan(from_folder(tmp_path))))
    causes = {o.problem: [sample.cause for sample in o.samples] for o in outcomes}
    assert causes == {"p1": [""], "p2": ["mismatch", "compile"], "p3": ["compile"]}
    with pytest.raises(InputError, match="folder of answers"):
        from_folder(tmp_path / "absent")


def test_outcomes_survive_being_written(tmp_path: Path) -> None:
    outcomes = [Outcome("p1", "the reference does not compile"), Outcome("p2", "", (), "spent")]
    made_with = {"answers": "references", "code": "1"}
    path = tmp_path / "verilog.json"
    content = verilog_record.to_json(outcomes, summary(outcomes), made_with)
    path.write_text(json.dumps(content))
    kept, changed = verilog_record.read(path, made_with)
    assert (list(kept.values()), changed) == (outcomes, ())
    assert verilog_record.read(path, {**made_with, "code": "2"}) == ({}, ("code",))
    assert verilog_record.read(tmp_path / "absent.json", made_with) == ({}, ())
    path.write_text("{}")
    with pytest.raises(InputError, match=r"verilog\.json"):
        verilog_record.read(path, made_with)


def test_problems_are_chosen_by_names_and_patterns() -> None:
    suite = verilog_suites.RtlSuite("s", ("Prob001_a", "Prob002_b", "Prob010_c"), made_up)
    assert suite.chosen([]) == list(suite.names)
    assert suite.chosen(["Prob010", "Prob001_a"]) == ["Prob001_a", "Prob010_c"]
    assert suite.chosen(["Prob00*"]) == ["Prob001_a", "Prob002_b"]
    with pytest.raises(InputError, match="no problem 'Prob003'"):
        suite.chosen(["Prob003"])
    with pytest.raises(InputError, match="verilog-eval, rtllm, cvdp") as caught:
        verilog_suites.suite("absent")
    assert caught.value.hint


RTLLM_BENCH = """`timescale 1ns/1ps
module testbench;
  reg a = 0; wire y; integer error = 0;
  inverter uut(.a(a), .y(y));
  initial begin
    #1 if (y !== 1) error = error + 1;
    if (error == 0) begin
      $display("=========== Your Design Passed ===========");
    end else $display("=========== Failed ===========");
    $finish;
  end
endmodule
"""


@needs_simulator
def test_designs_of_rtllm(tmp_path: Path) -> None:
    folder = tmp_path / "Logic" / "inverter"
    folder.mkdir(parents=True)
    (folder / "design_description.txt").write_text("Module name:\n    inverter\n")
    (folder / "testbench.v").write_text(RTLLM_BENCH)
    (folder / "verified_inverter.v").write_text(
        "module verified_inverter(input a, output y); assign y = ~a; endmodule\n"
    )
    suite = verilog_suites.suite("rtllm", tmp_path)
    assert suite.names == ("inverter",)
    problem = suite.load("inverter")
    assert problem.top == "inverter"
    printing = (
        "module inverter(input a, output y); assign y = a;\n"
        'initial $display("=========== Your Design Passed ==========="); endmodule\n'
    )
    wrong = "module inverter(input a, output y); assign y = a; endmodule\n"
    for number, (text, cause) in enumerate(
        ((problem.reference, ""), (wrong, "mismatch"), (printing, "unsafe"))
    ):
        verdict = judge(problem, text, tmp_path / f"work{number}", timeout_s=10.0)
        assert verdict.cause == cause, verdict.reason
    with pytest.raises(InputError) as caught:
        rtllm.designs(tmp_path / "work0")
    assert "github.com/hkust-zhiyao/RTLLM" in caught.value.hint


def test_problems_of_cvdp(tmp_path: Path) -> None:
    def line(name: str, **changes: object) -> str:
        record = {
            "id": name,
            "categories": ["cid003", "easy"],
            "input": {"prompt": "Invert a.", "context": {}},
            "output": {"response": "", "context": {"rtl/inverter.sv": INVERTER}},
            "harness": {
                "files": {
                    "src/.env": "SIM = icarus\nTOPLEVEL = TopModule\nMODULE = test_inverter\n",
                    "src/test_inverter.py": "import cocotb\n",
                    "src/test_runner.py": "",
                }
            },
        }
        return json.dumps({**record, **changes})

    path = tmp_path / "problems.jsonl"
    given_sources = {"prompt": "Mend a.", "context": {"rtl/inverter.sv": "module"}}
    lines = [line("b"), line("a", input=given_sources), line("c", harness={"files": {}})]
    path.write_text("\n".join(lines) + "\n")
    found = cvdp.problems(tmp_path)
    assert list(found) == ["a", "b", "c"]
    assert (found["b"].top, found["b"].reference, found["b"].cannot_run) == (
        "TopModule",
        INVERTER,
        "",
    )
    assert "sources that are given" in found["a"].cannot_run
    assert "cocotb module" in found["c"].cannot_run
    path.write_text('{"id": "a"}\n')
    with pytest.raises(InputError, match="not a non-agentic problem") as caught:
        cvdp.problems(path)
    assert caught.value.where == f"{path}:1"
    with pytest.raises(InputError) as caught:
        cvdp.problems(tmp_path / "absent")
    assert "cvdp-benchmark-dataset" in caught.value.hint
