"""Answers for examples/gcd, written by hand as a model might give them: no model wrote these.

The first source has a mistake that models make: it subtracts zero for ever where the first number
is zero. The repair mends it.
"""

from __future__ import annotations

from llm_stages.exchange import Request

MODEL = "python/tests.chipflow.gcd_answers:answer"

SOURCE = """```systemverilog
module gcd (
    input  logic        clk,
    input  logic        rst,
    input  logic        in_valid,
    output logic        in_ready,
    input  logic [15:0] in_a,
    input  logic [15:0] in_b,
    output logic        out_valid,
    input  logic        out_ready,
    output logic [15:0] out_gcd
);
  logic [15:0] a, b;
  logic busy;

  assign in_ready = ~busy & ~out_valid;
  assign out_gcd = a;

  always_ff @(posedge clk) begin
    if (rst) begin
      a <= 16'd0;
      b <= 16'd0;
      busy <= 1'b0;
      out_valid <= 1'b0;
    end else if (in_valid && in_ready) begin
      a <= in_a;
      b <= in_b;
      busy <= 1'b1;
    end else if (busy) begin
      if (a == b || b == 16'd0) begin
        busy <= 1'b0;
        out_valid <= 1'b1;
      end else if (a > b) begin
        a <= a - b;
      end else begin
        b <= b - a;
      end
    end else if (out_valid && out_ready) begin
      out_valid <= 1'b0;
    end
  end
endmodule
```"""

NORMALISED = """{
  "ports": [
    {"name": "clk", "direction": "input", "width": 1},
    {"name": "rst", "direction": "input", "width": 1},
    {"name": "in_valid", "direction": "input", "width": 1},
    {"name": "in_ready", "direction": "output", "width": 1},
    {"name": "in_a", "direction": "input", "width": 16},
    {"name": "in_b", "direction": "input", "width": 16},
    {"name": "out_valid", "direction": "output", "width": 1},
    {"name": "out_ready", "direction": "input", "width": 1},
    {"name": "out_gcd", "direction": "output", "width": 16}
  ],
  "clock": {"port": "clk", "edge": "rising"},
  "reset": {"port": "rst", "active": 1, "kind": "synchronous"},
  "latency": "free",
  "corner_cases": ["one number is 0", "both numbers are 0", "both numbers are equal"],
  "open_questions": ["What is out_gcd while out_valid is 0?"]
}"""

REPAIR = """<<<<<<< SEARCH
      end else if (a > b) begin
=======
      end else if (a == 16'd0) begin
        a <= b;
      end else if (a > b) begin
>>>>>>> REPLACE"""

CONSTRAINTS = """question: which cell drives the inputs?
```sdc
set_clock_uncertainty 0.05 [get_clocks {clk}]
set_input_delay 0.3 -clock [get_clocks {clk}] [get_ports {rst in_valid in_a in_b out_ready}]
set_output_delay 0.2 -clock [get_clocks {clk}] [all_outputs]
```"""


ANSWERS = {
    "normalise_spec": NORMALISED,
    "spec_to_rtl": SOURCE,
    "repair": REPAIR,
    "write_constraints": CONSTRAINTS,
}


def answer(request: Request) -> str:
    """What is answered in a stage."""
    return ANSWERS[request.stage]
