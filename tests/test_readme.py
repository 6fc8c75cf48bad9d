"""The README's commands: CI runs the one for tests, and those of chipflow exist as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agents.train import TrainingArguments
from chipflow.cli import app
from chipflow.design import read_design, why_no_model

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "agent.md").read_text()
PROVIDERS = (ROOT / "docs" / "providers.md").read_text()
VERILOG = (ROOT / "docs" / "verilog.md").read_text()
LOOP = (ROOT / "docs" / "repair_loop.md").read_text()
PAGES = README + GUIDE + PROVIDERS + VERILOG + LOOP
COMMANDS = sorted(set(re.findall(r"^    (?:\.venv/bin/)?chipflow (.+?)(?: +#.*)?$", PAGES, re.M)))


def test_the_test_command_is_what_ci_runs() -> None:
    command = "sh scripts/test.sh"
    assert f"\n    {command}\n" in README
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith(command)


def test_the_first_command_installs_and_runs_an_example() -> None:
    command = re.search(r"^    (sh .+?) && \.venv/bin/chipflow run (\S+)$", README, re.M)
    assert command is not None
    assert (ROOT / command[1].split()[1]).is_file()
    assert (ROOT / command[2] / "design.toml").is_file()


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_and_options_exist(line: str) -> None:
    words = line.split()
    command: Any = typer.main.get_command(app)
    depth = 0
    while depth < len(words) and words[depth] in getattr(command, "commands", {}):
        command = command.commands[words[depth]]
        depth += 1
    assert depth > 0, f"chipflow has no command {words[0]}"
    known = {option for parameter in command.params for option in parameter.opts}
    if words[0] == "train":
        known = {f"--{name.replace('_', '-')}" for name in TrainingArguments.__dataclass_fields__}
    given = [word for word in words[depth:] if word.startswith("-")]
    assert set(given) <= known
    assert CliRunner().invoke(app, [*words[:depth], "--help"]).exit_code == 0


def test_the_table_of_models_in_the_guide_can_be_used(tmp_path: Path) -> None:
    table = re.search(r"```toml\n(\[models\].+?)```", PROVIDERS, re.S)
    assert table is not None
    (tmp_path / "spec.md").write_text("An adder.")
    head = 'name = "a"\ntop = "a"\nspec = "spec.md"\n'
    (tmp_path / "design.toml").write_text(head + table[1])
    assert len(read_design(tmp_path).models.fallbacks) == 2
    strings = re.findall(r"^\| [^|]+ \| `(\w+/[^`]+)` \|", PROVIDERS, re.M)
    assert len(strings) == 7
    assert not [string for string in strings if why_no_model(string)]


def test_linked_files_exist() -> None:
    for page in (
        "README.md",
        "ARCHITECTURE.md",
        "docs/agent.md",
        "docs/providers.md",
        "docs/repair_loop.md",
        "docs/verilog.md",
        "examples/README.md",
    ):
        path = ROOT / page
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{page} links to {target}"


def test_files_named_in_the_architecture_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    names = re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9.]*)`", text)
    assert len(names) > 20
    missing = [
        name
        for name in names
        if not any((ROOT / base / name).exists() for base in ("", "chipflow"))
    ]
    assert set(missing) <= {"shared/data"}
