"""Asserts that two netlists, or two placements, are equal to the last bit."""

from __future__ import annotations

import dataclasses

import numpy as np

from placement_env.netlist import Netlist, Placement


def same_netlist(one: Netlist, other: Netlist) -> None:
    """Assert that all fields are equal; NaN equals NaN."""
    for field in dataclasses.fields(Netlist):
        _same(getattr(one, field.name), getattr(other, field.name), field.name)


def same_placement(one: Placement, other: Placement) -> None:
    """Assert that all nodes lie at the same place in the same orientation."""
    for field in dataclasses.fields(Placement):
        _same(getattr(one, field.name), getattr(other, field.name), field.name)


def _same(one: object, other: object, name: str) -> None:
    if dataclasses.is_dataclass(one) and dataclasses.is_dataclass(other):
        for field in dataclasses.fields(one):
            _same(getattr(one, field.name), getattr(other, field.name), f"{name}.{field.name}")
    elif isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, err_msg=name)
    else:
        assert one == other, name
