"""A random gate-level design on edu45, with memories, and the folder that synthesis would leave."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from chipflow.design import Design, Floorplan, Macros, PlacementSettings
from chipflow.pdk import library, memory
from chipflow.pdk.description import Pdk
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import memory_folder

WIDTH = 8


@dataclass
class StageBench:
    """Runs stages one after another, handing files and metrics on as the flow does."""

    design: Design
    pdk: Pdk
    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def beside(self, folder: Path, *, placement: PlacementSettings) -> StageBench:
        """A bench with the files and the design of this one, and other settings of placement."""
        folder.mkdir(exist_ok=True)
        design = replace(self.design, placement=placement)
        return StageBench(design, self.pdk, folder, dict(self.files))

    def run(self, stage: Stage) -> StageResult:
        """Run one stage with exactly the files that it declares."""
        out = self.folder / stage.name
        out.mkdir()
        files: Mapping[str, Path] = {
            name: self.files[name]
            for name in (*stage.reads, *stage.may_read)
            if name in self.files or name in stage.reads
        }
        result = stage.run(
            StageContext(
                self.design, self.pdk, files, out,
                metrics=dict(self.metrics) if stage.uses_metrics else {}, log=self.lines.append,
            )
        )  # fmt: skip
        assert set(result.files) <= set(stage.gives)
        for name, file in result.files.items():
            assert (out / file).exists()
            self.files[name] = out / file
        self.metrics |= result.metrics
        return result


def stage_bench(
    folder: Path,
    *,
    cells: int = 300,
    memories: int = 0,
    seed: int = 0,
    floorplan: Floorplan | None = None,
    placement: PlacementSettings | None = None,
    gap_um: float = 2.0,
) -> StageBench:
    """A bench whose files are those of synthesis for a random design of that size."""
    pdk = library.load("edu45")
    made = memory.generate(pdk, 32, WIDTH, folder / "made")
    text, instances = random_gates(made.name, cells=cells, memories=memories, seed=seed)
    gates = folder / "gates.v"
    gates.write_text(text)
    memory_folder.write(folder / "memories", [made], {made.name: instances})
    design = Design(
        folder=folder,
        name="random",
        top="random",
        floorplan=floorplan or Floorplan(),
        macros=Macros(gap_um=gap_um),
        placement=placement or PlacementSettings(budget_s=1.0),
    )
    return StageBench(
        design, pdk, folder, {"gates_verilog": gates, "memories": folder / "memories"}
    )


def random_gates(
    memory_name: str, *, cells: int, memories: int, seed: int
) -> tuple[str, list[str]]:
    """Structural Verilog of locally connected NAND2, INV and DFF cells, and memory instances."""
    rng = random.Random(seed)
    nets = [f"a[{k}]" for k in range(WIDTH)]
    wires: list[str] = []
    body: list[str] = []

    def recent() -> str:
        return rng.choice(nets[-40:])

    def new_wire() -> str:
        wires.append(f"w{len(wires)}")
        return wires[-1]

    instances = []
    for m in range(memories):
        name = f"\\u_bank[{m}].ram "
        data = [new_wire() for _ in range(WIDTH)]
        bus = ", ".join(reversed(data))
        body.append(
            f"  {memory_name} {name}(.clk(clk), .ce_in({recent()}), .we_in({recent()}), "
            f".addr_in({{{', '.join(recent() for _ in range(5))}}}), "
            f".wd_in({{{', '.join(recent() for _ in range(WIDTH))}}}), "
            f".w_mask_in({{{', '.join(recent() for _ in range(WIDTH))}}}), .rd_out({{{bus}}}));"
        )
        instances.append(name.strip())
        nets += data
    for c in range(cells):
        kind, out = rng.choice(("nand", "nand", "inv", "dff")), new_wire()
        if kind == "nand":
            body.append(f"  NAND2_X1 g{c} (.A({recent()}), .B({recent()}), .Y({out}));")
        elif kind == "inv":
            body.append(f"  INV_X1 g{c} (.A({recent()}), .Y({out}));")
        else:
            body.append(f"  DFF_X1 g{c} (.CK(clk), .D({recent()}), .Q({out}));")
        nets.append(out)
    for k in range(WIDTH):
        body.append(f"  BUF_X1 out{k} (.A({nets[-1 - k]}), .Y(y[{k}]));")
    lines = [
        "module random (clk, a, y);",
        "  input clk;",
        f"  input [{WIDTH - 1}:0] a;",
        f"  output [{WIDTH - 1}:0] y;",
        *(f"  wire {wire};" for wire in wires),
        *body,
        "endmodule",
    ]
    return "\n".join(lines) + "\n", instances
