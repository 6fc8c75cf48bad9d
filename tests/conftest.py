"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.data import find
from placement_env.errors import ChipError


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Finds a benchmark file, or skips the test where the data is not on this machine."""

    def locate(relative: str) -> Path:
        try:
            return find(relative)
        except ChipError as error:
            pytest.skip(str(error))

    return locate
