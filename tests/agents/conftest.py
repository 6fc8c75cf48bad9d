"""Fixtures that the tests of placers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from placement_env.formats import ct_protobuf, plc
from placement_env.netlist import Netlist, Placement


@pytest.fixture(scope="session")
def ariane(data_file: Callable[[str], Path]) -> tuple[Netlist, Placement]:
    """The public benchmark ariane133_ng45 with its start, whose macros stick out of the canvas."""
    return _tilos(data_file, "ariane133_ng45")


@pytest.fixture(scope="session")
def nvdla(data_file: Callable[[str], Path]) -> tuple[Netlist, Placement]:
    """The public benchmark nvdla_ng45, whose hard macros are larger than grid cells."""
    return _tilos(data_file, "nvdla_ng45")


def _tilos(data_file: Callable[[str], Path], name: str) -> tuple[Netlist, Placement]:
    netlist, _ = ct_protobuf.read(data_file(f"tilos/{name}/netlist.pb.txt.gz"))
    return plc.read(data_file(f"tilos/{name}/initial.plc"), netlist)
