"""Problems of RTL benchmarks: what a model is told, and what judges its answer.

What judges, the golden test bench with its reference, never reaches the model: a solver gets a task
made of `spec` and `top` alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from llm_stages import cocotb_bench, hdl, slang
from llm_stages.judge import Counters
from llm_stages.verdict import Verdict

#: Time for compiling, and for simulating, one answer.
TIME_LIMIT_S = 60.0


@dataclass(frozen=True)
class SimulatedBench:
    """A test bench in Verilog that counts.

    Attributes:
        files: The trusted sources by file name, in the order in which they are read.
        top: The test bench's top module.
        counters: Where it counts.
        inputs: Inputs of the device, which an answer must not declare otherwise.
        data: Files that the test bench reads, copied beside it.
    """

    files: Mapping[str, str]
    top: str
    counters: Counters
    inputs: tuple[str, ...] = ()
    data: tuple[Path, ...] = ()


@dataclass(frozen=True)
class CocotbBench:
    """A test bench in Python for cocotb.

    Attributes:
        files: Its Python sources by file name.
        module: The module with the tests.
        sources: Further Verilog of the problem, by file name.
    """

    files: Mapping[str, str]
    module: str
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Problem:
    """One problem of a benchmark.

    Attributes:
        name: Its name.
        spec: What the model is told.
        top: The module to write.
        bench: What judges.
        reference: RTL that is right, with `top` as its module; empty where there is none.
        cannot_run: Why nothing here can judge it; empty where something can.
    """

    name: str
    spec: str
    top: str
    bench: SimulatedBench | CocotbBench
    reference: str = ""
    cannot_run: str = ""


def judge(
    problem: Problem, rtl: str, work_dir: Path, *, simulator: str = "icarus", timeout_s: float
) -> Verdict:
    """Simulate an answer to a problem under its golden test bench, in the sandbox.

    Args:
        problem: The problem.
        rtl: The answer; it is untrusted.
        work_dir: A new folder for sources and simulation.
        simulator: "icarus" or "verilator".
        timeout_s: Wall time for compiling, and for simulating.

    Raises:
        llm_stages.errors.ToolMissing: The simulator, cocotb or a sandbox is missing.
    """
    work_dir.mkdir(parents=True)
    answer = work_dir / "answer.sv"
    answer.write_text(rtl, encoding="utf-8")
    bench = problem.bench
    if isinstance(bench, CocotbBench):
        return cocotb_bench.simulate(
            [*_written(work_dir / "sources", bench.sources), answer],
            top=problem.top,
            test_module=bench.module,
            test_files=_written(work_dir / "bench", bench.files),
            work_dir=work_dir / "simulation",
            timeout_s=timeout_s,
            untrusted=[answer],
            simulator=simulator,
        )
    if reason := _turned_inputs(answer, problem.top, bench.inputs):
        return _refused(reason, work_dir)
    trusted = _written(work_dir / "bench", bench.files)
    run_dir = work_dir / "simulation"
    run_dir.mkdir()
    for path in bench.data:
        shutil.copy(path, run_dir)
    return hdl.simulate(
        [*trusted, answer],
        top=bench.top,
        work_dir=run_dir,
        timeout_s=timeout_s,
        untrusted=[answer],
        counters=bench.counters,
        simulator=simulator,
    )


def digest(problem: Problem) -> str:
    """A short hash of what a problem asks and of what judges it."""
    bench = problem.bench
    entry = bench.module if isinstance(bench, CocotbBench) else bench.top
    judging = [entry, bench_text(bench), problem.reference, problem.cannot_run]
    text = json.dumps([problem.spec, problem.top, *judging])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bench_text(bench: SimulatedBench | CocotbBench) -> str:
    """All that a test bench is made of."""
    files = dict(bench.files)
    if isinstance(bench, CocotbBench):
        files |= bench.sources
    else:
        files |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in bench.data}
    return json.dumps(files, sort_keys=True)


def renamed(rtl: str, old: str, new: str) -> str:
    """The source with one identifier renamed wherever it stands."""
    return re.sub(rf"(?<![\w$\\]){re.escape(old)}(?![\w$])", new, rtl)


def _written(folder: Path, files: Mapping[str, str]) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _turned_inputs(answer: Path, top: str, inputs: tuple[str, ...]) -> str:
    """Which input the answer declares as something that it could drive; empty where none."""
    ports = slang.elaborate([answer], tops=[top], ignore_unknown_modules=True).ports(top) or []
    turned = [port for port in ports if port.name in inputs and port.direction == "inout"]
    return f"the port {turned[0].name!r} must be an input, found inout" if turned else ""


def _refused(reason: str, work_dir: Path) -> Verdict:
    log = work_dir / "simulation.log"
    log.write_text(reason + "\n", encoding="utf-8")
    return Verdict("could_not_run", "unsafe", reason, None, 0.0, log)
