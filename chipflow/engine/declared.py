"""Holds a stage to its declaration: what it does not declare, it cannot read.

A setting that a stage reads without declaring it is not part of the stage's key, and a change of it
would leave a stale result in place. So reading one is an error, not a wrong answer later.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, is_dataclass, replace
from typing import Any

from chipflow.stage import Stage, StageContext


class UndeclaredRead(RuntimeError):
    """A stage has read what its `Stage` does not declare: a fault in the stage's module."""


def as_declared(context: StageContext, stage: Stage) -> StageContext:
    """The context with every undeclared setting, and an undeclared PDK, closed to the stage."""
    allowed = {"folder", *stage.settings, *stage.sources}
    pdk = context.pdk if stage.uses_pdk else _closed(context.pdk, (), stage.name, "pdk")
    design = _closed(context.design, allowed, stage.name, "design")
    return replace(context, design=design, pdk=pdk)


def _closed(value: Any, allowed: Collection[str], stage: str, path: str) -> Any:
    """A copy of a dataclass that raises where a field outside `allowed` is read."""
    kind = type(value)
    names = [field.name for field in fields(value)]
    hidden = {
        name for name in names if not any(a == name or a.startswith(f"{name}.") for a in allowed)
    }

    def read(self: Any, name: str) -> Any:
        if name in hidden:
            raise UndeclaredRead(
                f"the stage {stage} reads {path}.{name}, which its STAGE does not declare"
            )
        return object.__getattribute__(self, name)

    closed = object.__new__(type(kind.__name__, (kind,), {"__getattribute__": read}))
    for name in names:
        inner = object.__getattribute__(value, name)
        if is_dataclass(inner) and name not in allowed:
            prefix = f"{name}."
            inner_allowed = {a.removeprefix(prefix) for a in allowed if a.startswith(prefix)}
            inner = _closed(inner, inner_allowed, stage, f"{path}.{name}")
        object.__setattr__(closed, name, inner)
    return closed
