"""VerilogEval v2, specification to RTL: 156 problems from HDLBits with golden test benches.

Its test benches compare `TopModule` with `RefModule` and count in a packed struct `stats1`. They
end by themselves, or print TIMEOUT at a limit of simulated time, which is read from their text.

References:
    Pinckney et al.: Revisiting VerilogEval, arXiv:2408.11053; github.com/NVlabs/verilog-eval (MIT).
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from benchmarks import data
from benchmarks.fetch import origins
from benchmarks.verilog_problems import Problem, SimulatedBench, renamed
from llm_stages import slang
from llm_stages.judge import Counters
from placement_env.errors import InputError
from placement_env.formats.text import read_text

FOLDER = "verilog-eval"
#: Problems of the whole set; the data folder may hold fewer.
SET_SIZE = 156
_TOP, _REFERENCE, _BENCH = "TopModule", "RefModule", "tb"
_LIMIT = re.compile(r"#\s*(\d+)\s*;?\s*\$display\(\s*\"TIMEOUT\"")
_SCALE = re.compile(r"`timescale\s+1\s*ps\s*/\s*1\s*ps")


def names() -> list[str]:
    """The problems that are here or can be fetched, in order."""
    found = {
        path.name.removesuffix("_prompt.txt").removesuffix("_prompt.txt.gz")
        for root in data.data_roots()
        for path in (root / FOLDER).glob("*_prompt.txt*")
    }
    found |= {
        Path(file).name.removesuffix("_prompt.txt")
        for file in origins()
        if file.startswith(f"{FOLDER}/") and file.endswith("_prompt.txt")
    }
    return sorted(found)


def load(name: str) -> Problem:
    """Read one problem.

    Raises:
        InputError: A file is missing and cannot be fetched, or the test bench is not of the kind
            that the set has.
    """
    spec, reference, bench = (
        read_text(data.find(f"{FOLDER}/{name}_{part}"))
        for part in ("prompt.txt", "ref.sv", "test.sv")
    )
    limit = _LIMIT.search(bench)
    if limit is None or not _SCALE.search(bench) or "stats1.clocks" not in bench:
        raise InputError(
            "this is not a test bench of VerilogEval v2: it lacks stats1, a scale of 1 ps or the "
            "TIMEOUT",
            where=f"{FOLDER}/{name}_test.sv",
        )
    return Problem(
        name=name,
        spec=spec,
        top=_TOP,
        bench=SimulatedBench(
            files={"reference.sv": reference, "test_bench.sv": bench},
            top=_BENCH,
            counters=Counters("tb.stats1.errors", "tb.stats1.clocks", cut_at_ps=int(limit[1])),
            inputs=_inputs(reference),
        ),
        reference=renamed(reference, _REFERENCE, _TOP),
    )


def _inputs(reference: str) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
        path = Path(folder) / "reference.sv"
        path.write_text(reference, encoding="utf-8")
        ports = slang.elaborate([path], tops=[_REFERENCE]).ports(_REFERENCE) or []
    return tuple(port.name for port in ports if port.direction == "in")
