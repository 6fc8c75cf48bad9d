"""The stage that writes a reference model: what the outputs must be, as a small Python program.

Why Python, and why a table: a model that writes the reference in the language of the RTL repeats
its own mistakes, weak models know Python best, and None says what a specification leaves open. The
program runs alone in the sandbox and only its numbers reach the test bench, which is ours
(`vector_bench.py`), so it can neither fail to compile with a device nor decide a verdict. Other
work compares Python references with RTL too: CorrectBench, arXiv 2411.08510; ChipMATE, 2605.12857.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_stages import reference_runner, sandbox
from llm_stages.asker import Asker
from llm_stages.code_block import without_control_characters
from llm_stages.errors import WrongAnswer
from llm_stages.exchange import Reply
from llm_stages.normalise import NormalisedSpec
from llm_stages.stimulus import Stimulus
from llm_stages.text_files import head

STAGE = "write_bench"

_LIMIT_S = 20.0
_LIMITS = sandbox.Limits(cpu_s=20, memory_mib=1024, file_mib=32, disk_mib=32, processes=16)
_MOST_BYTES = 32 * 2**20
_MOST_CHARACTERS = 65536
_FENCE = re.compile(r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.M | re.S)


@dataclass(frozen=True)
class Expected:
    """What the outputs must be over some stimulus.

    Attributes:
        source: The reference model; empty for a table of other origin.
        rows: Values of the outputs, in the order of the specification; None is not checked.
        cases: Sequences of inputs that the reference model wants tested.
    """

    source: str
    rows: tuple[tuple[int | None, ...], ...]
    cases: tuple[tuple[Mapping[str, int], ...], ...] = ()

    @property
    def checks(self) -> int:
        """Values that are checked."""
        return sum(value is not None for row in self.rows for value in row)


def write(
    asker: Asker,
    spec_text: str,
    spec: NormalisedSpec,
    stimulus: Stimulus,
    work_dir: Path,
    *,
    number: int = 0,
) -> Expected:
    """Have a model write a reference model, and run it. It never sees any RTL.

    Args:
        asker: Asks models.
        spec_text: The specification.
        spec: The same, normalised.
        stimulus: The inputs.
        work_dir: A folder for the sandbox.
        number: Another number asks for another, independent reference model.

    Raises:
        WrongAnswer: No answer was a program that yields outputs.
        EffortSpent: The effort is spent.
        StageError: The model could not be asked, or no sandbox works here.
    """

    def read(reply: Reply) -> Expected:
        source = extract_python(reply.text)
        check(source, spec)
        return run(source, spec, stimulus, work_dir)

    care = spec.corner_cases
    fields = {
        "top": spec.top,
        "spec": spec_text,
        "skeleton": skeleton(spec),
        "care": "\nTake care of:\n" + "\n".join(f"- {item}" for item in care) if care else "",
    }
    temperature = 0.0 if number == 0 else 0.7
    return asker.ask(STAGE, read, fields, temperature=temperature, number=number)


def skeleton(spec: NormalisedSpec) -> str:
    """The program to change, with the ports of the module in it; it runs as it is.

    Its registers are the outputs, which is what most small modules have.
    """
    inputs = ", ".join(f'x["{port.name}"] ({port.width} bits)' for port in spec.inputs)
    widths = ", ".join(f"{port.name} ({port.width} bits)" for port in spec.outputs)
    comment = f"    # inputs: {inputs or 'none'}\n"
    if spec.clock is None:
        zeros = ", ".join(f'"{port.name}": 0' for port in spec.outputs)
        return f"def outputs(x):\n{comment}    # outputs: {widths}\n    return {{{zeros}}}\n"
    edge = {"rising": "a rising edge", "falling": "a falling edge", "both": "any edge"}
    when, start = "after reset", "0"
    if spec.reset is None:
        when, start = "at power-up, None where it is not known", "None"
    kept = ", ".join(f'"{port.name}": state["{port.name}"]' for port in spec.outputs)
    first = ", ".join(f'"{port.name}": {start}' for port in spec.outputs)
    but = f"; it is not called while {spec.reset.port} is active" if spec.reset else ""
    return (
        f"def reset():\n    # every register with its value {when}\n    return {{{first}}}\n\n"
        f"def clock(state, x):\n    # {edge[spec.clock.edge]} of {spec.clock.port}: "
        f"every register with its next value{but}\n{comment}    return {{{kept}}}\n\n"
        "def outputs(state, x):\n    # the outputs between two edges, from the registers and "
        f"the present inputs\n    # outputs: {widths}\n    return {{{kept}}}\n\n"
        "# If random inputs would hardly ever reach something, add def cases(): return a list of\n"
        "# lists of dicts, one dict a cycle, with inputs that do.\n"
    )


def extract_python(answer: str) -> str:
    """The program in an answer: the last code block with `def outputs`, and those before it.

    Raises:
        WrongAnswer: There is none.
    """
    answer = without_control_characters(answer)[:_MOST_CHARACTERS]
    blocks = [body for _, body in _FENCE.findall(answer) if "def " in body]
    if not blocks and "def outputs" in answer:
        blocks = [answer[answer.index("def ") :]]
    for number in range(len(blocks) - 1, -1, -1):
        if "def outputs" in blocks[number]:
            whole = blocks[number] if "def clock" in blocks[number] else "\n".join(blocks)
            return whole.strip() + "\n"
    raise WrongAnswer("the answer holds no Python code with a function outputs()")


def check(source: str, spec: NormalisedSpec) -> None:
    """Check that a program has the functions that are called.

    Raises:
        WrongAnswer: It has not, or is no Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise WrongAnswer(f"the Python code is damaged in line {line}: {error}") from None
    defined = {item.name for item in tree.body if isinstance(item, ast.FunctionDef)}
    wanted = ("reset", "clock", "outputs") if spec.clock else ("outputs",)
    missing = [name for name in wanted if name not in defined]
    if missing:
        raise WrongAnswer(f"these functions are missing: {', '.join(missing)}")


def run(source: str, spec: NormalisedSpec, stimulus: Stimulus, work_dir: Path) -> Expected:
    """Run a reference model in the sandbox, in a folder of its own below `work_dir`.

    Raises:
        WrongAnswer: It fails, takes too long, or yields no value at all.
        ToolMissing: No sandbox works here.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    job = {
        "inputs": [port.name for port in spec.inputs],
        "outputs": [(port.name, port.width) for port in spec.outputs],
        "clocked": spec.clock is not None,
        "reset": spec.reset.model_dump() if spec.reset else None,
        "rows": [dict(row) for row in stimulus.rows],
    }
    # Where a program has run before, it may have left links, through which we would write.
    run_dir = Path(tempfile.mkdtemp(prefix="run_", dir=work_dir))
    runner = run_dir / "runner.py"
    runner.write_text(Path(reference_runner.__file__).read_text("utf-8"), encoding="utf-8")
    (run_dir / "reference.py").write_text(source, encoding="utf-8")
    (run_dir / "job.json").write_text(json.dumps(job), encoding="utf-8")
    result = run_dir / "result.json"
    python = Path(sys.executable)
    done = sandbox.run(
        [python, "-I", "-S", "-B", "runner.py", "reference.py", "job.json", result.name],
        work_dir=run_dir,
        log_path=work_dir / "reference.log",
        timeout_s=_LIMIT_S,
        isolate=True,
        limits=_LIMITS,
        read_only=[Path(sys.prefix), Path(sys.base_prefix)],
    )
    if done.timed_out or done.overrun or done.exit_code < 0:
        raise WrongAnswer(f"the Python code did not end within {_LIMIT_S:g} s, or used too much")
    return _read(result, spec, len(stimulus.rows), source)


def _read(path: Path, spec: NormalisedSpec, rows: int, source: str) -> Expected:
    """The table, checked: a hostile program may have written anything."""
    try:
        given = json.loads(head(path, most_bytes=_MOST_BYTES))
        if error := str(given["error"]):
            raise WrongAnswer(f"the Python code fails: {error}")
        widths = [port.width for port in spec.outputs]
        table = tuple(tuple(row) for row in given["rows"])
        known = {port.name for port in spec.inputs}
        fits = len(table) == rows and all(
            len(row) == len(widths)
            and all(
                value is None or (type(value) is int and 0 <= value < 2**width)
                for value, width in zip(row, widths, strict=True)
            )
            for row in table
        )
        cases = tuple(
            tuple(
                {name: int(value) for name, value in row.items() if name in known} for row in case
            )
            for case in given["cases"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WrongAnswer("the Python code wrote no result") from None
    if not fits:
        raise WrongAnswer("the Python code wrote no result for every cycle")
    return Expected(source, table, cases)


def checked_outputs(expected: Expected, spec: NormalisedSpec) -> Sequence[str]:
    """The outputs that are checked in some row."""
    return [
        port.name
        for column, port in enumerate(spec.outputs)
        if any(row[column] is not None for row in expected.rows)
    ]
