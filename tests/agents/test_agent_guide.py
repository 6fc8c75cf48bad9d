"""What docs/agent.md shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "agent.md"


def test_the_example_with_maskable_ppo_runs(capsys: pytest.CaptureFixture) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.S)
    assert len([line for line in example.splitlines() if line]) <= 10
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["model"].num_timesteps == 128
    action, _ = names["model"].predict(
        names["env"].reset()[0], action_masks=names["env"].unwrapped.action_masks()
    )
    assert names["env"].unwrapped.action_masks()[action]
    assert capsys.readouterr().out.startswith("(array(")
