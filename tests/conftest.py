"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.data import find
from placement_env.errors import ChipError

# Prompt packs that somebody has tuned on this machine are no part of what is tested.
os.environ["CHIPFLOW_PROMPTS"] = "none"

# A shell starts what it runs in the background with Ctrl-C ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Finds a benchmark file, or skips the test where the data is not on this machine."""

    def locate(relative: str) -> Path:
        try:
            return find(relative)
        except ChipError as error:
            pytest.skip(str(error))

    return locate
