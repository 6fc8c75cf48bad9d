"""Small RTL designs with test benches, and a bench that runs the front end's stages on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chipflow.design import Clock, Design, Macros
from chipflow.engine.declared import as_declared
from chipflow.pdk import library
from chipflow.pdk.description import Pdk
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.stages import rtl
from placement_env.errors import ChipError

COUNTER = """\
module counter #(parameter W = 4) (
    input wire clk, input wire rst, input wire up, output reg [W-1:0] count, output wire zero);
  assign zero = count == 0;
  always @(posedge clk)
    if (rst) count <= 0;
    else if (up) count <= count + 1;
    else count <= count - 1;
endmodule
"""

COUNTER_BENCH = """\
module counter_tb;
  reg clk = 0, rst = 1, up = 1;
  wire [3:0] count;
  wire zero;
  reg [3:0] expected = 0;
  integer i;
  counter dut (.clk(clk), .rst(rst), .up(up), .count(count), .zero(zero));
  always #5 clk = ~clk;
  initial begin
    repeat (3) @(negedge clk);
    rst = 0;
    for (i = 0; i < 60; i = i + 1) begin
      up = (i % 7) < 4;
      expected = up ? expected + 1 : expected - 1;
      @(negedge clk);
      if (count !== expected || zero !== (expected == 0))
        $fatal(1, "count is %0d, expected %0d", count, expected);
    end
    $finish;
  end
endmodule
"""

# A scratchpad with byte masks that becomes macros, one with two ports that cannot, and one that is
# too small to be worth a macro.
SCRATCHPADS = """\
module scratchpads (
    input wire clk, input wire ce, input wire we, input wire [3:0] strobe,
    input wire [5:0] address, input wire [31:0] data,
    output reg [31:0] word, output reg [7:0] other, output wire [7:0] tiny);
  reg [31:0] single [0:63];
  reg [7:0] dual [0:31];
  reg [7:0] small_one [0:3];
  integer i;
  always @(posedge clk)
    if (ce) begin
      if (we) begin
        for (i = 0; i < 4; i = i + 1)
          if (strobe[i]) single[address][8*i+:8] <= data[8*i+:8];
      end else word <= single[address];
    end
  always @(posedge clk) begin
    if (we) dual[address[4:0]] <= data[7:0];
    other <= dual[data[4:0]];
  end
  always @(posedge clk) if (we) small_one[address[1:0]] <= data[7:0];
  assign tiny = small_one[address[3:2]];
endmodule
"""

SCRATCHPADS_BENCH = """\
module scratchpads_tb;
  reg clk = 0, ce = 1, we = 1;
  reg [3:0] strobe = 4'hf;
  reg [5:0] address = 0;
  reg [31:0] data = 0;
  wire [31:0] word;
  wire [7:0] other, tiny;
  reg [31:0] model [0:63];
  reg [7:0] model_of_dual [0:31], expected;
  integer i, seed = 7;
  scratchpads dut (.clk(clk), .ce(ce), .we(we), .strobe(strobe), .address(address), .data(data),
                   .word(word), .other(other), .tiny(tiny));
  always #5 clk = ~clk;
  always @(posedge clk) begin
    if (we) model_of_dual[address[4:0]] <= data[7:0];
    expected <= model_of_dual[data[4:0]];
  end
  initial begin
    @(negedge clk);
    for (i = 0; i < 64; i = i + 1) begin
      address = i; data = $random(seed); model[i] = data;
      @(negedge clk);
    end
    for (i = 0; i < 300; i = i + 1) begin
      address = $random(seed); data = $random(seed); strobe = $random(seed); we = 1;
      if (strobe[0]) model[address][7:0] = data[7:0];
      if (strobe[1]) model[address][15:8] = data[15:8];
      if (strobe[2]) model[address][23:16] = data[23:16];
      if (strobe[3]) model[address][31:24] = data[31:24];
      @(negedge clk);
      address = $random(seed); we = 0;
      @(negedge clk);
      if (word !== model[address]) $fatal(1, "word %h, expected %h", word, model[address]);
      if (other !== expected) $fatal(1, "other %h, expected %h", other, expected);
    end
    $finish;
  end
endmodule
"""


def load_pdk(name: str) -> Pdk:
    """The PDK, or a skipped test where its files are not on this machine."""
    try:
        return library.load(name)
    except ChipError as error:
        if name == "edu45":
            raise
        pytest.skip(str(error))


class FrontEnd:
    """Runs stages one after another as the flow does: undeclared reads are errors.

    Args:
        folder: For sources and results.
        pdk: The process.
        sources: File name to text; the first file's name is that of the top module.
        bench: Test bench; its module is called TOP_tb.
        settings: Fields of `Design` to set.
    """

    def __init__(
        self,
        folder: Path,
        pdk: Pdk,
        sources: Mapping[str, str],
        bench: str = "",
        **settings: object,
    ) -> None:
        source_dir = folder / "design"
        source_dir.mkdir()
        for name, text in sources.items():
            (source_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (source_dir / name).write_text(text)
        top = Path(next(iter(sources))).stem
        if bench:
            (source_dir / f"{top}_tb.v").write_text(bench)
        given: dict = {
            "folder": source_dir,
            "name": top,
            "top": top,
            "rtl": tuple(source_dir / name for name in sources if name.endswith(("v", "sv"))),
            "testbench": (source_dir / f"{top}_tb.v",) if bench else (),
            "testbench_top": f"{top}_tb" if bench else "",
            "clock": Clock("clk", 2.0),
            "macros": Macros(min_bits=256),
        } | settings
        self.design = Design(**given)
        self.pdk = pdk
        self.folder = folder
        self.files: dict[str, Path] = {}
        self.metrics: dict[str, float] = {}
        self.lines: list[str] = []
        self.asking: dict[str, Any] = {}

    def run(self, stage: Stage) -> StageResult:
        """Runs one stage; the first one brings the sources along."""
        if stage is not rtl.STAGE and "rtl" not in self.files:
            self.run(rtl.STAGE)
        out = self.folder / stage.name
        out.mkdir()
        wanted = (*stage.reads, *stage.may_read)
        files = {name: path for name, path in self.files.items() if name in wanted}
        context = StageContext(
            self.design, self.pdk, files, out, log=self.lines.append, asking=self.asking
        )
        result = stage.run(as_declared(context, stage))
        assert set(result.files) <= set(stage.gives)
        self.files |= {name: out / file for name, file in result.files.items()}
        self.metrics |= result.metrics
        return result
