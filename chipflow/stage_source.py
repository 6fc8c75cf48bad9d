"""Reads a stage's declaration from its source, so that the flow need not import the stage.

Stage modules import what they work with: KLayout, Numba, SciPy. The flow only needs to know what
they declare; the import happens in the stage's own process, and only if the stage runs. A package
that is missing is then an error of that stage.
"""

from __future__ import annotations

import ast
import importlib
from typing import Any

from chipflow.code_version import source_file
from chipflow.stage import Stage, StageContext, StageResult


class DeferredRun:
    """A stage function that is imported when it is called.

    It carries the function's module and name, as a wrapper of it would.
    """

    def __init__(self, module: str, name: str) -> None:
        self.__module__ = module
        self.__name__ = name

    def __call__(self, ctx: StageContext) -> StageResult:
        """Imports the function and calls it."""
        return getattr(importlib.import_module(self.__module__), self.__name__)(ctx)


def read_stage(module: str) -> Stage:
    """The `STAGE` of a module, without importing the module.

    Args:
        module: Full name, such as "chipflow.stages.lint". It holds `STAGE = Stage(...)` with
            `run=` a function of the module and literals for the rest.

    Raises:
        ValueError: It does not: a fault in the module.
    """
    file = source_file(module)
    if file is None:
        raise ValueError(f"there is no module {module}")
    for node in ast.parse(file.read_bytes()).body:
        match node:
            case ast.Assign(targets=[ast.Name("STAGE")], value=ast.Call() as call):
                return _stage(module, call)
    raise ValueError(f"{file} holds no STAGE = Stage(...)")


def _stage(module: str, call: ast.Call) -> Stage:
    values: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg == "run" and isinstance(keyword.value, ast.Name):
            values["run"] = DeferredRun(module, keyword.value.id)
        elif keyword.arg:
            values[keyword.arg] = ast.literal_eval(keyword.value)
    if call.args or "run" not in values:
        raise ValueError(f"STAGE of {module} is to name its arguments, run among them")
    return Stage(**values)
