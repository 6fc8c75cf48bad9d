"""`design.toml`: what to build, read into frozen dataclasses by `read_design`.

```toml
name = "gcd"
top = "gcd"
rtl = ["gcd.v"]              # or: spec = "spec.md", and an LLM writes the RTL
testbench = ["gcd_tb.v"]     # optional
testbench_top = "gcd_tb"      # for cocotb: testbench = ["test_gcd.py"], testbench_top = "test_gcd"
simulator = "icarus"         # or "verilator"
constraints = "gcd.sdc"      # optional; or: constraints_spec = "timing.md", and an LLM writes them
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
agent = "graph-rl"           # places macros; or "search", the same without what it learned
policy = "trained.safetensors"  # optional: a policy that `chipflow train` made
budget_s = 20.0
seed = 1
routability = true           # cells make room where wires would crowd

[models]                     # docs/providers.md
default = "ollama_chat/qwen2.5-coder"
spec_to_rtl = "anthropic/claude-sonnet-4-5"
fallbacks = ["openai/qwen@http://127.0.0.1:8000/v1"]
loop = true                  # write a reference model too, and repair what does not agree with it
escalate = ["openai/gpt-5"]  # models that go on where the one that repairs is stuck
budget_usd = 2.0
```
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from chipflow.toml_text import TomlText, did_you_mean
from placement_env.errors import InputError

#: Values of `simulator`, the default first.
SIMULATORS = ("icarus", "verilator")

#: Values of `placement.agent`, the default first.
MACRO_AGENTS = ("graph-rl", "search")


@dataclass(frozen=True)
class Clock:
    """The one clock of the design."""

    port: str = "clk"
    period_ns: float = 2.0


@dataclass(frozen=True)
class Floorplan:
    """Size and shape of the core.

    Attributes:
        utilization: Share of the core, less what macros take, that standard cells fill.
        aspect_ratio: Height over width.
    """

    utilization: float = 0.6
    aspect_ratio: float = 1.0


@dataclass(frozen=True)
class Macros:
    """How memories become macros, and the room between them.

    Attributes:
        min_bits: Memories of fewer bits become flip-flops.
        gap_um: Least distance between macros.
    """

    min_bits: int = 1024
    gap_um: float = 4.0


@dataclass(frozen=True)
class PlacementSettings:
    """How macros and cells are placed.

    Attributes:
        agent: What places macros: the agent with its policy, or the exact search alone.
        policy: Weights of the agent's policy; None for those that chipflow comes with.
        budget_s: Seconds for the macros.
        seed: Seed of both placers.
        cell_density: The fullest that rows become, above 0 and up to 1: wires need room.
        routability: Cells are spread out where wires would be more than the tracks.
    """

    agent: str = MACRO_AGENTS[0]
    policy: Path | None = None
    budget_s: float = 20.0
    seed: int = 1
    cell_density: float = 0.8
    routability: bool = False


@dataclass(frozen=True)
class Models:
    """Which models write, and what that may cost (docs/providers.md).

    A model is one string, PROVIDER/NAME or PROVIDER/NAME@ADDRESS. Only the models themselves are
    settings that results depend on: limits can be changed without any stage running again.

    Attributes:
        default: Model of every LLM stage that names none of its own.
        spec_to_rtl: Model of `spec_to_rtl`.
        write_constraints: Model of `write_constraints`.
        floorplan_hints: Model of `floorplan_hints`.
        review: Model of `review`.
        explain: Model of `explain`.
        normalise_spec: Model of `normalise_spec`, a stage of the repair loop like the next two.
        write_bench: Model of `write_bench`.
        repair: Model of `repair`.
        loop: RTL from a specification is written by the repair loop (docs/repair_loop.md).
        escalate: Models that go on with `repair` where its own is stuck, weakest first.
        api_base: Address of the models `openai/NAME` above that have none of their own.
        fallbacks: Models to ask where the one of the stage fails, in order.
        timeout_s: Time for one answer.
        retries: How often a call that failed for a while only is made again.
        at_once: Calls at the same time.
        budget_tokens: Tokens of a run, of questions and answers; 0 for no limit, as below.
        budget_usd: Money of a run.
        budget_s: Time of all calls of a run together.
        budget_calls: Calls of a run.
    """

    default: str = ""
    spec_to_rtl: str = ""
    write_constraints: str = ""
    floorplan_hints: str = ""
    review: str = ""
    explain: str = ""
    normalise_spec: str = ""
    write_bench: str = ""
    repair: str = ""
    loop: bool = False
    escalate: tuple[str, ...] = ()
    api_base: str = ""
    fallbacks: tuple[str, ...] = ()
    timeout_s: float = 600.0
    retries: int = 2
    at_once: int = 4
    budget_tokens: int = 0
    budget_usd: float = 0.0
    budget_s: float = 0.0
    budget_calls: int = 0

    def of(self, stage: str) -> str:
        """The model string of an LLM stage, with its address; empty where none is named."""
        return self._addressed(getattr(self, stage) or self.default)

    def ladder(self, stage: str) -> tuple[str, ...]:
        """The model of an LLM stage, and for `repair` the stronger ones after it."""
        stronger = self.escalate if stage == "repair" else ()
        return (self.of(stage), *(self._addressed(model) for model in stronger))

    def _addressed(self, model: str) -> str:
        return f"{model}@{self.api_base}" if self.api_base and takes_api_base(model) else model


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
        testbench: Test bench sources, Verilog, or Python for cocotb; empty where there is none.
        testbench_top: Top module of the test bench; for cocotb the Python module with the tests.
        simulator: "icarus" or "verilator".
        constraints: Timing constraints (SDC); None for one clock and what the PDK says.
        constraints_spec: Prose that `write_constraints` turns into constraints.
        untrusted: Those of `rtl` that a language model has written or changed: they are checked,
            and simulated in a sandbox.
        pdk: Name of a PDK, or a path to its description.
        loop_testbench: The test bench where RTL is written by the repair loop, else nothing; these
            four are derived.
        loop_testbench_top: Its top module.
        loop_simulator: Its simulator.
        loop_defines: The macros, likewise.
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
    simulator: str = SIMULATORS[0]
    constraints: Path | None = None
    constraints_spec: Path | None = None
    untrusted: tuple[Path, ...] = ()
    pdk: str = "edu45"
    clock: Clock = field(default_factory=Clock)
    floorplan: Floorplan = field(default_factory=Floorplan)
    macros: Macros = field(default_factory=Macros)
    placement: PlacementSettings = field(default_factory=PlacementSettings)
    models: Models = field(default_factory=Models)
    loop_testbench: tuple[Path, ...] = field(init=False, default=())
    loop_testbench_top: str = field(init=False, default="")
    loop_simulator: str = field(init=False, default="")
    loop_defines: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """Derive what the repair loop works with, so that no other RTL depends on it."""
        if self.spec and self.models.loop:
            for name in ("testbench", "testbench_top", "simulator", "defines"):
                object.__setattr__(self, f"loop_{name}", getattr(self, name))

    @property
    def has_cocotb_testbench(self) -> bool:
        """Whether the test bench is Python, for cocotb."""
        return any(path.suffix == ".py" for path in self.testbench)


#: Stages of `llm_stages` that can have a model of their own in `Models`: those that write RTL, and
#: all.
RTL_STAGES = ("spec_to_rtl", "normalise_spec", "write_bench", "repair")
LLM_STAGES = (*RTL_STAGES, "write_constraints", "floorplan_hints", "review", "explain")

_FILE_LISTS = ("rtl", "testbench", "untrusted")
_FILES = ("spec", "constraints", "constraints_spec", "placement.policy")
_SWITCHES = ("models.loop", "placement.routability")
_NOT_SET_BY_USERS = (
    "folder",
    *(f"loop_{name}" for name in ("testbench", "testbench_top", "simulator", "defines")),
)
_MODEL_LISTS = ("models.fallbacks", "models.escalate")
_MODEL_NAMES = ("models.default", *(f"models.{stage}" for stage in LLM_STAGES))
_MODEL = re.compile(r"[\w.-]+/\S+")
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?")
_FILE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_DEFINE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(=.*)?")
_IDENTIFIERS = ("top", "testbench_top", "clock.port")

# Least and greatest value of each number, both allowed.
_LIMITS: dict[str, tuple[float, float]] = {
    "clock.period_ns": (0.001, 1e6),
    "floorplan.utilization": (0.01, 0.95),
    "floorplan.aspect_ratio": (0.1, 10.0),
    "macros.min_bits": (1, 2**40),
    "macros.gap_um": (0.0, 1e4),
    "placement.budget_s": (0.01, 1e6),
    "placement.seed": (0, 2**31 - 1),
    "placement.cell_density": (0.05, 1),
    "models.timeout_s": (1.0, 1e5),
    "models.retries": (0, 20),
    "models.at_once": (1, 1000),
    "models.budget_tokens": (0, 2**40),
    "models.budget_usd": (0.0, 1e9),
    "models.budget_s": (0.0, 1e9),
    "models.budget_calls": (0, 2**31),
}


def read_design(path: Path | str, *, pdk: str | None = None) -> Design:
    """Reads a design and checks all of it.

    Args:
        path: The folder that holds `design.toml`, or the file itself.
        pdk: Name or description file of the PDK to use in place of the design's own.

    Raises:
        InputError: The design is missing, malformed, or names what does not exist.
    """
    file = _design_file(Path(path))
    text = TomlText.read(file)
    given = text.parse()
    known = _known_settings()
    values: dict[str, Any] = {}
    for key, value in given.items():
        if is_dataclass(known.get(key)):
            if not isinstance(value, dict):
                raise text.error(key, f"{key} must be a table", f"write [{key}] on its own line")
            for inner, inner_value in value.items():
                name = f"{key}.{inner}"
                values[name] = _check(text, name, inner_value, known)
        else:
            values[key] = _check(text, key, value, known)
    for name in ("name", "top"):
        if name not in values:
            raise InputError(
                f"{name} is missing", where=str(file), hint=f'add a line such as {name} = "gcd"'
            )
    for name, kind in known.items():
        if is_dataclass(kind) and isinstance(kind, type):
            inner = [key for key in values if key.startswith(f"{name}.")]
            values[name] = kind(**{key.partition(".")[2]: values.pop(key) for key in inner})
    design = Design(folder=file.parent, **values)
    _check_together(text, design)
    if pdk is not None:
        design = replace(design, pdk=_pdk(pdk, Path.cwd(), where="--pdk"))
    return design


def setting(design: Design, name: str) -> Any:
    """The value of a setting by its dotted name, such as "clock.period_ns"."""
    value: Any = design
    for part in name.split("."):
        value = getattr(value, part)
    return value


def limits(name: str) -> tuple[float, float]:
    """The least and the greatest value of a number by its dotted name, both allowed."""
    return _LIMITS[name]


def _design_file(path: Path) -> Path:
    path = Path(os.path.abspath(path.expanduser()))
    if path.is_file():
        return path
    file = path / "design.toml"
    if file.is_file():
        return file
    if path.is_dir():
        inside = sorted(p.parent.name for p in path.glob("*/design.toml"))
        raise InputError(
            "this folder holds no design.toml",
            where=str(path),
            hint=f"one of its designs: {', '.join(inside)}" if inside else "name a design's folder",
        )
    nearby = sorted(p.parent.name for p in path.parent.glob("*/design.toml"))
    raise InputError(
        "there is no such design",
        where=str(path),
        hint=did_you_mean(path.name, nearby) or "name a folder that holds design.toml",
    )


def _known_settings() -> dict[str, Any]:
    """Each setting's dotted name to its type; a table's name to its dataclass."""
    known: dict[str, Any] = {}
    for name, kind in get_type_hints(Design).items():
        if name in _NOT_SET_BY_USERS:
            continue
        known[name] = kind
        if is_dataclass(kind):
            known |= {f"{name}.{f.name}": get_type_hints(kind)[f.name] for f in fields(kind)}
    return known


def _check(text: TomlText, name: str, value: Any, known: Mapping[str, Any]) -> Any:
    """The value in the type of the setting, after all checks that need no other setting."""
    if name not in known:
        what = "table" if isinstance(value, dict) else "setting"
        listing = ", ".join(sorted(k for k in known if "." not in k or k.split(".")[0] in name))
        raise text.error(
            name, f"unknown {what} {name}", did_you_mean(name, known) or f"one of: {listing}"
        )
    if name in _LIMITS:
        return _number(text, name, value, whole=known[name] is int)
    if name in _SWITCHES:
        if not isinstance(value, bool):
            raise text.error(name, f"{name} must be true or false, not {value!r}")
        return value
    if name in (*_FILE_LISTS, "include_dirs", "defines", *_MODEL_LISTS):
        return _strings(text, name, value)
    if not isinstance(value, str):
        raise text.error(name, f"{name} must be a string, not {value!r}", f'{name} = "..."')
    if name in _MODEL_NAMES and value:
        return _model(text, name, value)
    if name == "models.api_base" and value and (wrong := why_no_address(value)):
        raise text.error(name, f"{name}: {wrong[0]}", wrong[1])
    if name in _FILES:
        return _existing(text, name, value)
    if name == "simulator" and value not in SIMULATORS:
        raise text.error(name, f"there is no simulator {value!r}", " or ".join(SIMULATORS))
    if name == "placement.agent" and value not in MACRO_AGENTS:
        raise text.error(name, f"no agent {value!r} places macros here", " or ".join(MACRO_AGENTS))
    if name == "pdk":
        return _pdk(value, text.file.parent, where=text.where(name))
    if name == "name" and not _FILE_NAME.fullmatch(value):
        raise text.error(
            name,
            f"the name {value!r} cannot be the name of a file",
            "use letters, digits, _ - and . (at most 64, a letter or _ first)",
        )
    if name in _IDENTIFIERS and not _IDENTIFIER.fullmatch(value):
        raise text.error(name, f"{name} = {value!r} is not a Verilog identifier")
    return value


def _number(text: TomlText, name: str, value: Any, *, whole: bool) -> int | float:
    low, high = _LIMITS[name]
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        expected = "a whole number" if whole else "a number"
        raise text.error(name, f"{name} must be {expected}, not {value!r}")
    if not (math.isfinite(value) and low <= value <= high):
        raise text.error(name, f"{name} = {value} is out of range", f"{low:g} to {high:g}")
    return value if whole else float(value)


def _strings(text: TomlText, name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise text.error(name, f"{name} must be a list of strings", f'{name} = ["...", "..."]')
    for item in value:
        if value.count(item) > 1:
            raise text.error(name, f"{name} names {item} twice", "remove one", item)
        if name == "defines" and not _DEFINE.fullmatch(item):
            raise text.error(name, f"{item!r} is no preprocessor macro", "NAME or NAME=VALUE", item)
    if name in _MODEL_LISTS:
        return tuple(_model(text, name, item) for item in value)
    if name == "defines":
        return tuple(value)
    return tuple(_existing(text, name, item, folder=name == "include_dirs") for item in value)


def _model(text: TomlText, name: str, value: str) -> str:
    if wrong := why_no_model(value):
        raise text.error(name, f"{name}: {wrong[0]}", wrong[1], value)
    return value


def takes_api_base(model: str) -> bool:
    """Whether `models.api_base` is the address of this model."""
    return model.startswith("openai/") and "@" not in model


def why_no_model(value: str) -> tuple[str, str] | None:
    """What is wrong with a model string, and what to do; None where it can be used."""
    model, _, address = value.partition("@http")
    if address and (wrong := why_no_address(f"http{address}")):
        return wrong
    if not _MODEL.fullmatch(model):
        return (
            f"{value!r} is no model",
            "write PROVIDER/NAME or PROVIDER/NAME@ADDRESS; chipflow llm list shows providers",
        )
    return None


def why_no_address(value: str) -> tuple[str, str] | None:
    """What is wrong with the address of a server, and what to do; None where it can be used."""
    if _ADDRESS.fullmatch(value):
        return None
    if "@" in value or "?" in value:  # not repeated here: it may hold a password
        return (
            "the address holds a user, a password or a query",
            "give the address alone, and the key in the variable CHIPFLOW_LLM_API_KEY",
        )
    return (f"{value!r} is no address", "write it in full, such as http://127.0.0.1:8000/v1")


def _existing(text: TomlText, name: str, value: str, *, folder: bool = False) -> Path:
    """The absolute path of a file or folder that the design names."""
    path = Path(os.path.abspath(text.file.parent / value))
    if path.is_dir() if folder else path.is_file():
        return path
    siblings = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    what = "folder" if folder else "file"
    message = f"{name} names {value!r}, and there is no such {what}"
    if path.exists():
        message = f"{name} names {value!r}, which is not a {what}"
    raise text.error(name, message, did_you_mean(path.name, siblings), value)


def _pdk(value: str, base: Path, where: str) -> str:
    """A PDK's name as it is, or the absolute path of its description file."""
    if "/" not in value and not value.endswith(".toml"):
        return value
    path = Path(os.path.abspath(base / Path(value).expanduser()))
    if not path.is_file():
        raise InputError(
            f"there is no PDK description {value}",
            where=where,
            hint="name a PDK, or the path of a pdk.toml",
        )
    return str(path)


def _check_cocotb(text: TomlText, design: Design) -> None:
    if not design.has_cocotb_testbench:
        return
    other = next((path for path in design.testbench if path.suffix != ".py"), None)
    if other is not None:
        raise text.error(
            "testbench",
            f"testbench names {other.name} beside files of Python",
            "a test bench is Verilog, or Python for cocotb",
            other.name,
        )
    if design.testbench_top not in (path.stem for path in design.testbench):
        raise text.error(
            "testbench_top",
            f"testbench_top = {design.testbench_top!r} is none of the modules of testbench",
            "for cocotb it is the Python module with the tests",
        )
    if design.simulator != SIMULATORS[0]:
        raise text.error(
            "simulator",
            f"test benches for cocotb run with {SIMULATORS[0]} only",
            "leave simulator out",
        )


def _check_together(text: TomlText, design: Design) -> None:
    """The checks that need more than one setting."""
    if design.rtl and design.spec:
        raise text.error(
            "spec",
            "the design has both rtl and spec",
            "keep rtl to build these files, or spec to have the RTL written",
        )
    if not design.rtl and not design.spec:
        raise text.error(
            "rtl",
            "the design has neither rtl nor spec",
            'add rtl = ["file.v"], or spec = "spec.md"',
        )
    if design.constraints and design.constraints_spec:
        raise text.error(
            "constraints_spec",
            "the design has both constraints and constraints_spec",
            "keep constraints to use this file, or constraints_spec to have one written",
        )
    if design.placement.policy and design.placement.agent != MACRO_AGENTS[0]:
        raise text.error(
            "placement.policy",
            f"placement.policy is not used: the agent {design.placement.agent!r} has none",
            f'remove it, or set agent = "{MACRO_AGENTS[0]}"',
        )
    for path in design.untrusted:
        if path not in design.rtl:
            raise text.error(
                "untrusted",
                f"untrusted names {path.name}, which is not among the files of rtl",
                "it marks those of rtl that a language model wrote",
                path.name,
            )
    if design.testbench and not design.testbench_top:
        raise text.error(
            "testbench", "testbench_top is missing", "name the top module of the test bench"
        )
    _check_cocotb(text, design)
    named = [setting(design, name) for name in _MODEL_NAMES]
    if design.models.api_base and any(named) and not any(map(takes_api_base, named)):
        raise text.error(
            "models.api_base",
            "models.api_base is not used: it is for models openai/NAME",
            f'write the address behind the model: "{next(filter(None, named))}@http://..."',
        )
    if design.testbench_top and not design.testbench:
        raise text.error(
            "testbench_top", "testbench_top is set and testbench is not", "name its files"
        )
