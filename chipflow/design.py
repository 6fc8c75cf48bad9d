"""`design.toml`: what to build, read into frozen dataclasses.

```toml
name = "gcd"
top = "gcd"
rtl = ["gcd.v"]              # or: spec = "spec.md", and an LLM writes the RTL
testbench = ["gcd_tb.v"]     # optional
testbench_top = "gcd_tb"
pdk = "edu45"                # a name, or a path to a pdk.toml

[clock]
port = "clk"
period_ns = 2.0

[floorplan]
utilization = 0.6
aspect_ratio = 1.0

[macros]
min_bits = 1024              # smaller memories become flip-flops
gap_um = 4.0                 # least distance between macros

[placement]
budget_s = 20.0
seed = 1

[models]
default = "ollama/qwen2.5-coder"
spec_to_rtl = "anthropic/claude-sonnet-4-5"
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Clock:
    """The one clock of the design."""

    port: str = "clk"
    period_ns: float = 2.0


@dataclass(frozen=True)
class Floorplan:
    """Size and shape of the core."""

    utilization: float = 0.6
    aspect_ratio: float = 1.0


@dataclass(frozen=True)
class Macros:
    """How memories become macros, and the room between them."""

    min_bits: int = 1024
    gap_um: float = 4.0


@dataclass(frozen=True)
class PlacementSettings:
    """Effort of macro and cell placement."""

    budget_s: float = 20.0
    seed: int = 1
    cell_effort: int = 3


@dataclass(frozen=True)
class Models:
    """LiteLLM model strings: one for all stages, others for single stages."""

    default: str = ""
    spec_to_rtl: str = ""
    api_base: str = ""


@dataclass(frozen=True)
class Design:
    """A design as its `design.toml` states it; paths are absolute.

    Attributes:
        folder: The folder that holds `design.toml`.
        name: Name of the design, used for files and folders.
        top: Top module.
        rtl: Verilog and SystemVerilog sources; empty where a spec is to become RTL.
        include_dirs: Folders searched for `include files.
        defines: Preprocessor macros, each NAME or NAME=VALUE.
        spec: Specification in prose, for `spec_to_rtl`.
        testbench: Test bench sources; empty where there is none.
        testbench_top: Top module of the test bench.
        pdk: Name of a PDK, or a path to its description.
    """

    folder: Path
    name: str
    top: str
    rtl: tuple[Path, ...] = ()
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()
    spec: Path | None = None
    testbench: tuple[Path, ...] = ()
    testbench_top: str = ""
    pdk: str = "edu45"
    clock: Clock = field(default_factory=Clock)
    floorplan: Floorplan = field(default_factory=Floorplan)
    macros: Macros = field(default_factory=Macros)
    placement: PlacementSettings = field(default_factory=PlacementSettings)
    models: Models = field(default_factory=Models)
