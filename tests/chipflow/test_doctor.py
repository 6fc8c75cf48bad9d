from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chipflow import doctor
from chipflow.tools import versions
from tests.chipflow.test_cli import ROOT, chipflow


def test_every_tool_is_named_with_purpose_and_remedy() -> None:
    code, out, _ = chipflow("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(out)["findings"]}
    assert code == 0
    for name in versions.TOOLS:
        finding = findings[name]
        assert finding["purpose"]
        assert finding["remedy"]
        assert bool(finding["version"]) == finding["found"]
    assert {"prefect", "torch", "edu45", "nangate45", "Prefect server", "import agents"} <= set(
        findings
    )
    assert findings["numpy"]["found"]
    assert findings["edu45"]["found"]


def test_the_table_for_people() -> None:
    code, out, _ = chipflow("doctor", PATH="/nowhere")
    assert code == 0
    line = next(line for line in out.splitlines() if "iverilog" in line)
    assert line.startswith("no ")
    assert "apt-get install iverilog" in line
    assert "everything that is needed is here" in out


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.importlib.metadata.version

    def version(name: str) -> str:
        if name == "prefect":
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    found = next(finding for finding in doctor.examine() if finding.name == "prefect")
    assert found.required
    assert not found.found
    assert found.remedy.startswith("pip install 'prefect")


def test_a_foreign_package_under_our_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "chipflow.cli", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert told["lacking"] == ["import agents"]
    found = next(finding for finding in told["findings"] if finding["name"] == "import agents")
    assert found["version"] == str(tmp_path / "agents")
    assert "virtual environment" in found["remedy"]
