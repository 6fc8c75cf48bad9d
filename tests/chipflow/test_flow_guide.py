"""docs/flow.md lists every setting with its default, and every stage."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from chipflow.design import Design
from chipflow.flow import load_stages

GUIDE = Path(__file__).parents[2] / "docs" / "flow.md"


def rows_below(heading: str) -> dict[str, str]:
    """What the table below a heading has in its second column, by each name in its first."""
    section = GUIDE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| ")]
    return {name: second for first, second in rows for name in re.findall(r"`([^`]+)`", first)}


def settings_of(kind: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting that users can make, with its default; `models` as a whole."""
    types = get_type_hints(kind)
    for field in fields(kind):
        inner = types[field.name]
        if is_dataclass(inner) and field.name != "models":
            yield from settings_of(inner, f"{field.name}.")
        elif field.init and field.name not in ("folder", "models"):
            yield prefix + field.name, field.default


def test_every_setting_is_listed_with_its_default() -> None:
    rows = rows_below("What can be set")
    settings = dict(settings_of(Design))
    assert set(rows) == {*settings, "models.*"}
    for name, default in settings.items():
        listed = rows[name].strip().strip("`")
        if default in (MISSING, None, "", ()):
            assert listed == "", name
        else:
            assert tomllib.loads(f"value = {listed}")["value"] == default, name


def test_every_stage_is_listed_in_order() -> None:
    assert list(rows_below("Stages")) == [stage.name for stage in load_stages()]
