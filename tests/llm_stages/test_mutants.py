"""Mutants differ from their source in one place, compile, and are the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_stages import slang
from llm_stages.mutants import KINDS, Mutant, mutants

COUNTER = """module counter #(parameter int LAST = 9) (
  input  logic       clk, rst_n,
  input  logic       up,
  output logic [3:0] count,
  output logic       full
);
  // the last one: µ
  assign full = count == LAST && !up;
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) count <= 4'd0;
    else if (up) count <= count + 4'h1;
endmodule
"""


def of_kind(kind: str, text: str = COUNTER, top: str = "counter") -> list[Mutant]:
    return [mutant for mutant in mutants(text, top) if mutant.kind == kind]


def changed_lines(mutant: Mutant) -> list[str]:
    before = COUNTER.splitlines()
    return [line for line in mutant.text.splitlines() if line not in before]


def test_all_kinds_occur_and_all_mutants_elaborate(tmp_path: Path) -> None:
    found = mutants(COUNTER, "counter")
    assert {mutant.kind for mutant in found} == set(KINDS)
    assert len({mutant.text for mutant in found}) == len(found)
    for number, mutant in enumerate(found):
        path = tmp_path / f"{number}.sv"
        path.write_text(mutant.text)
        elaborated = slang.elaborate([path], tops=["counter"])
        assert [item for item in elaborated.diagnostics() if item.severity == "error"] == []
        assert elaborated.ports("counter") == [
            slang.Port("clk", "in", 1),
            slang.Port("rst_n", "in", 1),
            slang.Port("up", "in", 1),
            slang.Port("count", "out", 4),
            slang.Port("full", "out", 1),
        ]


def test_a_stuck_state_keeps_its_reset() -> None:
    (stuck,) = of_kind("state stuck")
    assert changed_lines(stuck) == ["    else if (up) count <= count;"]
    assert (stuck.line, stuck.was, stuck.now) == (11, "count + 4'h1", "count")


def test_an_ignored_reset_is_not_waited_for_either() -> None:
    (ignored,) = of_kind("reset ignored")
    assert changed_lines(ignored) == [
        "  always_ff @(posedge clk)",
        "    if (!1'b1) count <= 4'd0;",
    ]


def test_a_reset_among_other_conditions_is_found() -> None:
    text = "module m(input clk, reset, output reg [3:0] q); always @(posedge clk) " + (
        "if (reset || q == 9) q <= 0; else q <= q + 1; endmodule"
    )
    (ignored,) = of_kind("reset ignored", text, "m")
    assert "if (1'b0 || q == 9) q <= 0;" in ignored.text


def test_constants_stay_in_their_width_and_sizes_are_no_constants() -> None:
    texts = [mutant.text for mutant in of_kind("constant off by one")]
    assert any("count <= 4'd1;" in text for text in texts)
    assert any("LAST = 10)" in text for text in texts)
    assert all("[3:0]" in text for text in texts)
    (wrapped,) = of_kind(
        "constant off by one", "module m(output [1:0] y); assign y = 2'b11; endmodule", "m"
    )
    assert "2'd0" in wrapped.text


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("a & b", "a | b"),
        ("a ^ b", "a ~^ b"),
        ("a + b", "a - b"),
        ("a < b", "a <= b"),
        ("a ? b : 2'd1", "a ? 2'd1 : b"),
        ("~a", "a"),
        ("a == b", "a != b"),
    ],
)
def test_operators_are_swapped(was: str, now: str) -> None:
    text = f"module m(input [1:0] a, b, output [1:0] y); assign y = {was}; endmodule"
    swapped = of_kind("operator swapped", text, "m")
    assert [mutant.text for mutant in swapped] == [text.replace(was, now)]


def test_the_text_alone_decides() -> None:
    assert mutants(COUNTER, "counter") == mutants(COUNTER, "counter")
    assert of_kind("output inverted", COUNTER, "absent") == []
