"""`chipflow bench optimum`: the distance to a wirelength that is known to be the least."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipflow.commands import bench_optimum
from tests.chipflow.command_line import CommandLine


def test_floorplans_are_held_against_the_least_wirelength(
    chipflow: CommandLine, tmp_path: Path
) -> None:
    ended = chipflow(
        *("bench", "optimum", "--sides", "2,4", "--budget", 0.5, "--seeds", 2, "--out", tmp_path)
    )
    assert ended.code == 0, ended
    small, larger = (line.split("|") for line in ended.out.splitlines()[2:4])
    assert (small[1].strip(), larger[1].strip()) == ("4", "16")
    assert float(small[4]) < 1.01  # four macros have few arrangements
    for row in (small, larger):
        assert int(row[3]) == 2
        median, least, most = (float(cell) for cell in row[4:7])
        assert 0.999 < least <= median <= most < 2
    assert "netlist 2" in ended.err
    assert (tmp_path / "optimum.md").read_text() == ended.out


def test_netlists_that_find_no_room_are_told(
    chipflow: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_optimum, "_ROOM", 0.0)
    ended = chipflow("bench", "optimum", "--sides", "7", "--budget", 0.1, "--seeds", 1)
    assert ended.code == 0, ended
    assert "| 49 | 147 | 0 | – | – | – |" in ended.out
    assert "no floorplan inside the canvas" in ended.err


def test_sides_are_whole_numbers(chipflow: CommandLine) -> None:
    for sides in ("1", "4,x", ""):
        ended = chipflow("bench", "optimum", "--sides", sides)
        assert ended.code == 2
        assert "--sides is" in ended.err
