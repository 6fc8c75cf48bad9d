"""Runs a reference model over rows of inputs. A program of its own, for inside the sandbox.

    python -I -S reference_runner.py REFERENCE.py JOB.json RESULT.json

It uses the standard library alone. The result is {"rows": [[int or null, ...], ...], "cases":
[...], "error": ""}, a column an output; null is a value that the specification leaves open.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

Job = dict[str, Any]


class Values(dict):
    """Values by name, which can be written as attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Reference:
    """The functions of a reference model, called leniently."""

    def __init__(self, path: str, job: Job) -> None:
        self.path = path
        self.job = job
        self.names = [name for name, _ in job["outputs"]]
        self.scope: dict[str, Any] = {"__name__": "reference"}
        exec(compile(Path(path).read_text("utf-8"), path, "exec"), self.scope)
        self.state = self.after_reset()

    def after_reset(self) -> Values:
        """The registers after a reset."""
        reset = self.scope.get("reset")
        registers: Any = reset() if callable(reset) else {}
        return Values(registers or {})

    def clock(self, x: dict[str, int]) -> None:
        """One edge of the clock."""
        changed = self._call("clock", x)
        if isinstance(changed, dict):
            self.state = Values(changed)

    def outputs(self, x: dict[str, int]) -> list[int | None]:
        """The outputs as integers in their width, in order."""
        got = self._call("outputs", x)
        if not isinstance(got, dict):
            values = list(got) if isinstance(got, (list, tuple)) else [got]
            if len(values) != len(self.names):
                raise ValueError(f"outputs() must return a dict with {', '.join(self.names)}")
            got = dict(zip(self.names, values, strict=True))
        missing = [name for name in self.names if name not in got]
        if missing:
            raise ValueError(f"outputs() does not return {', '.join(missing)}")
        return [_bits(name, got[name], width) for name, width in self.job["outputs"]]

    def _call(self, name: str, x: dict[str, int]) -> Any:
        function = self.scope[name]
        if function.__code__.co_argcount == 1:
            return function(Values(x))
        return function(self.state, Values(x))


def _bits(name: str, value: Any, width: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip().lower().replace("_", "")
        if not text or set(text) - set("01"):
            return None
        value = int(text, 2)
    if isinstance(value, float) and value != int(value):
        raise ValueError(f"the output {name} is {value!r}, not an integer")
    return int(value) % 2**width


def run(reference: Reference, job: Job) -> tuple[list[list[int | None]], str]:
    """The outputs in each row, and the first thing that went wrong."""
    reset: dict[str, Any] | None = job["reset"]
    clocked = job["clocked"]
    known = reset is None
    rows: list[list[int | None]] = []
    first_error = ""
    nothing: list[int | None] = [None] * len(job["outputs"])
    for number, x in enumerate(job["rows"]):
        in_reset, kind = False, ""
        if reset is not None:
            in_reset, kind = x[reset["port"]] == reset["active"], reset["kind"]
        values = nothing
        try:
            if in_reset and (kind == "asynchronous" or not clocked):
                reference.state = reference.after_reset()
                known = known or not clocked
            unclear = in_reset and kind == "unknown" and clocked
            if known and not unclear:
                values = reference.outputs(x)
            if clocked:
                if in_reset:
                    reference.state = reference.after_reset()
                    known = True
                elif known:
                    reference.clock(x)
        except TypeError as error:
            # Arithmetic on None: the value is not known yet. Elsewhere it is a mistake, and then
            # nothing is ever known.
            first_error = first_error or _in_words(reference.path, error, number)
            values = nothing
        rows.append(values)
    if all(value is None for row in rows for value in row):
        return rows, first_error or "outputs() never returns anything but None"
    return rows, ""


def _in_words(path: str, error: BaseException, row: int | None = None) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else 0
    place = f"line {line}: " if line else ""
    when = f" (in cycle {row})" if row is not None else ""
    return f"{place}{type(error).__name__}: {error}{when}"[:400]


def _cases(scope: dict[str, Any], names: list[str]) -> list[list[dict[str, int]]]:
    """The sequences of `cases()`: lists of dicts; what is no such thing is left out."""
    function = scope.get("cases")
    if not callable(function):
        return []
    try:
        given: Any = function() or []
    except Exception:
        return []
    given = [given] if given and isinstance(given[0], dict) else given
    found: list[list[dict[str, int]]] = []
    for case in list(given)[:32]:
        rows: Any = [case] if isinstance(case, dict) else case
        if isinstance(rows, (list, tuple)) and all(isinstance(row, dict) for row in rows):
            known = [
                {n: int(v) for n, v in row.items() if n in names and isinstance(v, int)}
                for row in list(rows)[:256]
            ]
            found.append(known)
    return found


def main(reference_path: str, job_path: str, result_path: str) -> None:
    """Run and write the result."""
    job = json.loads(Path(job_path).read_text("utf-8"))
    result: dict[str, Any] = {"rows": [], "cases": [], "error": ""}
    try:
        reference = Reference(reference_path, job)
        result["cases"] = _cases(reference.scope, job["inputs"])
        result["rows"], result["error"] = run(reference, job)
    except Exception as error:
        result["error"] = _in_words(reference_path, error)
    Path(result_path).write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
