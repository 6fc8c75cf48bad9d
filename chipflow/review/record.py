"""`review.json`: what a model proposed, what became of it, and the metrics before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FILE_NAME = "review.json"

Status = Literal["proposed", "kept", "rejected", "your decision"]


@dataclass(frozen=True)
class Judged:
    """A proposal and what became of it.

    Attributes:
        change: The proposal (`llm_stages.review.Change`) as JSON.
        status: "your decision" where it asks something else of the chip and was not allowed.
        reason: Why it is not kept.
        patch: Name of the patch file; empty where the change does not apply.
        passed: The gates that it has passed, in words and in order.
        before: The metrics that it was measured against; empty where it was not.
        after: The metrics with it.
    """

    change: Mapping[str, Any]
    status: Status
    reason: str = ""
    patch: str = ""
    passed: tuple[str, ...] = ()
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)

    @property
    def measured(self) -> str:
        """The metric that it aims at, before and after; empty where it was not measured."""
        name = self.change["metric"]
        if name not in self.before or name not in self.after:
            return ""
        return f"{name} {self.before[name]:.6g} -> {self.after[name]:.6g}"


@dataclass(frozen=True)
class ReviewRecord:
    """A review.

    Attributes:
        design: Name of the design.
        run: The run that was reviewed.
        asked: How the answer came to be (`llm_stages.typed_answer.Asked`) as JSON.
        changes: The proposals in the model's order.
        refused: Proposals that could not be used, in words.
        patched_design: The copy with all changes that were kept; empty where there is none.
    """

    design: str
    run: str
    asked: Mapping[str, Any]
    changes: tuple[Judged, ...]
    refused: tuple[str, ...] = ()
    patched_design: str = ""

    def write(self, folder: Path) -> Path:
        """Writes `review.json` into a folder."""
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return path
