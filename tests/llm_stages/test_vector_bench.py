"""The generated test bench: what it sees, how strong it is, and what is shown of a mismatch."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_stages import generated_bench, reference_vote, sandbox, vector_bench
from llm_stages.driver_trace import drivers
from llm_stages.errors import WrongAnswer
from llm_stages.mismatch_window import MOST_BYTES, window
from llm_stages.reference_model import Expected, extract_python, run
from llm_stages.stimulus import Stimulus
from llm_stages.vector_bench import Trace, compare
from tests.llm_stages.loop_models import counter, counter_reference
from tests.llm_stages.reference_cases import ROWS, UP, spec_of

needs_tools = pytest.mark.skipif(
    sandbox.mechanism() is None or vector_bench.hdl.find_simulator() is None,
    reason="needs iverilog and a sandbox",
)


@needs_tools
def test_the_bench_sees_what_a_device_does(tmp_path: Path) -> None:
    device = tmp_path / "device.sv"
    body = "input clk, input d, output reg q); always @({} clk) q <= d; endmodule"
    for edge, words in (("posedge", "positive edge"), ("negedge", "negative edge of clk")):
        text = f"- input clk\n- input d\n- output q (1 bit)\n\nAt the {words}."
        spec = spec_of(text, "top")
        device.write_text(f"module top({body.format(edge)}")
        rows = Stimulus(tuple({"d": bit} for bit in (1, 0, 0, 1, 1)))
        trace, verdict = vector_bench.simulate(device, spec, rows, tmp_path / edge)
        assert verdict.passed
        assert trace is not None
        assert [row[0] for row in trace.rows] == ["x", "1", "0", "0", "1"]
    text = "- input clk\n- input d\n- output q (1 bit)\n\nA dual-edge flip-flop."
    spec = spec_of(text, "top")
    device.write_text(
        "module top(input clk, input d, output q); reg p, n; always @(posedge clk) p <= d;\n"
        "always @(negedge clk) n <= d; assign q = clk ? p : n; endmodule"
    )
    trace, _ = vector_bench.simulate(device, spec, rows, tmp_path / "both")
    assert trace is not None
    assert [row[0] for row in trace.rows][1:] == ["1", "0", "0", "1"]
    device.write_text("module top(input clk, input d, output q); initial $finish; endmodule")
    assert vector_bench.simulate(device, spec, rows, tmp_path / "forged")[0] is None


@needs_tools
def test_ports_may_be_called_as_they_like(tmp_path: Path) -> None:
    names = ("row", "rows", "seen", "errors", "rows_done", "device")
    text = "".join(f"- input {name}\n" for name in names) + "- output y (1 bit)\n"
    spec = spec_of(text, "top")
    device = tmp_path / "device.sv"
    device.write_text(f"module top(input {', '.join(names)}, output y); assign y = row; endmodule")
    rows = Stimulus(tuple(dict.fromkeys(names, bit) for bit in (1, 0, 1)))
    trace, verdict = vector_bench.simulate(device, spec, rows, tmp_path / "run")
    assert trace is not None, verdict
    assert [row[0] for row in trace.rows] == ["1", "0", "1"]


@needs_tools
def test_a_bench_that_checks_nothing_is_refused_and_a_weak_one_is_found(tmp_path: Path) -> None:
    nothing = Expected("", tuple((None,) for _ in ROWS.rows))
    bench = generated_bench.GeneratedBench("", UP, ROWS, (nothing,))
    with pytest.raises(WrongAnswer, match="leaves open"):
        generated_bench._check_against_stub(bench, nothing, tmp_path)
    rtl = counter("1").partition("\n")[2].removesuffix("```")
    idle = Stimulus(tuple({"reset": int(n < 4), "up": 0} for n in range(8)))
    expected = run(extract_python(counter_reference("1")), UP, idle, tmp_path / "run")
    weak = generated_bench.GeneratedBench("", UP, idle, (expected,))
    found = generated_bench.check_mutants(weak, expected, rtl, tmp_path / "weak", most=5)
    assert found.tried == 5
    assert found.share >= 0.4
    assert "line" in found.examples[0]
    strong = generated_bench.stronger(weak, tmp_path / "strong")
    expected = strong.references[0]
    assert len(expected.rows) == len(strong.stimulus.rows) > 1000
    found = generated_bench.check_mutants(strong, expected, rtl, tmp_path / "mutants", most=5)
    assert found.share < 0.4


def test_the_vote_names_who_is_suspect() -> None:
    def trace(*values: int) -> Trace:
        return Trace(tuple((format(value, "04b"),) for value in values))

    expected = Expected("", ((None,), (1,), (2,)))
    right, wrong, other = trace(9, 1, 2), trace(9, 1, 3), trace(9, 1, 4)
    found = compare(wrong, expected, UP)
    assert (found.checks, found.mismatches, found.first_row) == (2, 1, 2)
    assert found.first_outputs == ("q",)
    for traces, suspect in (
        ([right, wrong], "none"),
        ([right, wrong, wrong], "bench"),
        ([wrong], "undecided"),
        ([wrong, wrong, other], "bench"),
        ([wrong, other], "rtl"),
        ([wrong, trace(9, 0, 2)], "rtl"),
        ([wrong, wrong, trace(9, 0, 2)], "bench"),
    ):
        assert reference_vote.judge(expected, traces, UP).suspect == suspect
    contested = reference_vote.first_contested(expected, [wrong, wrong, other], UP)
    assert contested == reference_vote.Contested(2, "q", 2, 3, 2)
    unknown = Trace((("xxxx",),) * 3)
    alike = reference_vote.behaviours(
        [expected], [right, wrong, unknown, other, wrong, unknown], UP
    )
    assert [(item.candidates, item.references, item.votes) for item in alike] == [
        ((0,), (0,), 2), ((1, 4), (), 2), ((3,), (), 1),
    ]  # fmt: skip
    assert reference_vote.elected(alike, lead=0) == alike[0]
    assert reference_vote.elected(alike, lead=1) is None
    assert reference_vote.elected(alike[:1], lead=2) == alike[0]
    assert reference_vote.elected(alike[1:], lead=0) is None
    assert reference_vote.matrix([expected], [wrong, right], UP).best() == (0, 1)


def test_drivers_are_followed_through_instances_and_conditions() -> None:
    source = (
        "module top(input clk, input [1:0] s, output reg [3:0] q, output z);\n"
        "  wire [3:0] inner;\n"
        "  part u1(.i(s), .o(inner));\n"
        "  always @(posedge clk)\n"
        "    case (s)\n"
        "      0: q <= inner;\n"
        "      default: q[s] <= 0;\n"
        "    endcase\n"
        "  assign z = 0;\n"
        "endmodule\n"
        "module part(input [1:0] i, output [3:0] o);\n"
        "  assign o = i + 1;\n"
        "endmodule\n"
    )
    found = drivers(source, "top", ["q"])
    assert [(d.signal, d.line) for d in found] == [
        ("q", 6), ("q", 7), ("inner", 3), ("u1.o", 12),
    ]  # fmt: skip
    assert found[0].conditions == (4, 5)
    assert set(found[0].reads) == {"inner", "s"}
    assert found[-1].reads == ("u1.i",)
    assert drivers("module top(", "top", ["q"]) == ()


@needs_tools
def test_a_window_has_ten_cycles_and_four_kilobytes_at_most(tmp_path: Path) -> None:
    wide = "\n".join(f"- output q{n} (64 bits)" for n in range(40))
    spec = spec_of(f"- input clk\n- input d (64 bits)\n{wide}\n", "top")
    ports = ", ".join(f"output reg [63:0] q{n}" for n in range(40))
    body = " ".join(f"q{n} <= d;" for n in range(40))
    rtl = f"module top(input clk, input [63:0] d, {ports});\n"
    rtl += f"always @(posedge clk) begin {body} end\nendmodule\n"
    rows = Stimulus(tuple({"d": n} for n in range(30)))
    seen = Trace(tuple((format(n, "064b"),) * 40 for n in range(30)))
    wanted = Expected("", tuple((n if n < 25 else n + 1,) * 40 for n in range(30)))
    text = window(rtl, spec, rows, seen, wanted, compare(seen, wanted, spec), tmp_path)
    assert text.startswith("First mismatch in cycle 25")
    assert "cycle 16:" in text
    assert "cycle 15:" not in text
    assert len(text.encode()) <= MOST_BYTES
