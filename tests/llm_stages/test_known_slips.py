"""Known slips of syntax are corrected, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_stages import hdl
from llm_stages.known_slips import corrected

HEAD = "module top (\n  input logic [1:0] a,\n  output logic y\n);\n"
NET = "module top(input [1:0] a, output y);\n"


@pytest.mark.parametrize(
    ("wrong", "kept"),
    [
        (HEAD.replace(");", ") begin") + "  assign y = ^a;\nend\n", "assign y = ^a;"),
        (HEAD.replace(");", ") begin") + "  assign y = ^a;\nend\nendmodule\n", "assign y = ^a;"),
        (
            HEAD.replace(");", ") begin")
            + "always @* begin\n  if (a == 1) begin y = 1; end\n  else y = 0;\nend\nend\n",
            "else y = 0;",
        ),
        (HEAD + "  assign y = ^a;\n", "assign y = ^a;"),
        (HEAD + "  always @* begin\n    y = ^a;\n", "y = ^a;"),
        (HEAD + "  // again\n  logic y;\n  assign y = ^a;\nendmodule\n", "assign y = ^a;"),
        (HEAD + "  logic y = ^a;\nendmodule\n", "assign y = ^a;"),
        (NET + "  input [1:0] a;\n  output reg y;\n  always @* y = ^a;\nendmodule\n", "y = ^a;"),
        (NET + "  always @(*) begin y = ^a; end\nendmodule\n", "begin y = ^a; end"),
        (
            HEAD + "  always_ff @(posedge clk or negedge rst_n) begin\n    y <= ^a;\n  end\n"
            "endmodule\n",
            "always @(*) begin\n    y <= ^a;",
        ),
        (HEAD + "  reg logic t;\n  always @* t = ^a;\n  assign y = t;\nendmodule\n", "logic t;"),
    ],
)
def test_what_is_corrected(wrong: str, kept: str, tmp_path: Path) -> None:
    path = tmp_path / "top.sv"
    path.write_text(wrong)
    assert hdl.lint([path], top="top").errors
    right = corrected(wrong, "top")
    path.write_text(right)
    assert not hdl.lint([path], top="top").errors, right
    assert kept in right


def test_right_sources_stay_as_they_are() -> None:
    for body in (
        "  wire t = a[0];\n  assign y = t;\nendmodule\n",
        "  always_comb begin\n    y = 0;\n    if (a == 2) y = 1;\n  end\nendmodule\n",
        "  wire clk = a[0];\n  always @(posedge clk) y <= a[1];\nendmodule\n",
        "  sub u(.a(a), .y(y));\nendmodule\nmodule sub(input [1:0] a, output y);\n"
        "  assign y = a[1];\nendmodule\n",
    ):
        assert corrected(HEAD + body, "top") == HEAD + body


@given(st.text(alphabet="module top(ab);[1:0]=<output reg\nend beginalways@", max_size=200))
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(corrected(text, "top"), str)
