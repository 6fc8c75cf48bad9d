"""What tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chipflow.command_line import CommandLine, command_line


@pytest.fixture
def chipflow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return command_line(capsys, monkeypatch)
