"""`chipflow place` on real flat netlists: by default, and ended by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import registry
from placement_env.row_legality import check_rows


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("phase", ["cells spread", "matching"])
def test_ctrl_c_leaves_a_legal_placement(phase: str, data_file, tmp_path: Path) -> None:
    data_file("ispd18/ispd18_test1.input.def.gz")
    command = [sys.executable, "-m", "chipflow.cli", "place", "ispd18_test1", "--json"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if phase in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert json.loads(out)["options"]["agent"] == "flat"
    benchmark = registry.load("ispd18_test1")
    netlist, placed = benchmark.read(tmp_path / "placement.def")
    report = check_rows(netlist, placed, start=benchmark.placements["initial"])
    assert report.legal, report.describe(netlist)
