"""Candidates of the repair loop: a source, how it came to be, and how far it climbs.

Two candidates are the same where their tokens are: white space and comments do not count.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pyslang import parsing, syntax

from llm_stages.gates import Climb, Score


@dataclass(frozen=True)
class Candidate:
    """One source.

    Attributes:
        name: Such as "02-warm"; the name of its folder.
        rtl: The source; empty where an answer held none.
        climb: What the gates say.
        parent: Name of the candidate that it was made from; empty for a sample of its own.
        model: The model that was asked.
        score: With the present test bench.
        signature: How it fails: first row and outputs that differ, or the first finding. Empty
            where it does not.
        is_measured: There was something to measure it by; else the score holds no agreement.
    """

    name: str
    rtl: str
    climb: Climb
    parent: str
    model: str
    score: Score = field(default_factory=Score)
    signature: str = ""
    is_measured: bool = False


def token_hash(rtl: str) -> str:
    """Hash of the tokens of a source."""
    words: list[str] = []

    def visit(item: object) -> None:
        if isinstance(item, parsing.Token) and item.rawText:
            words.append(item.rawText)

    syntax.SyntaxTree.fromText(rtl).root.visit(visit)
    return hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest()


def keep(candidate: Candidate, folder: Path, notes: str) -> None:
    """Write a candidate down: `node.json`, `rtl.sv`, `gates.json` and `notes.md` in its folder.

    The folder gets its name when it is whole.
    """
    target = folder / candidate.name
    part = folder / f".{candidate.name}.part"
    part.mkdir(parents=True, exist_ok=True)
    node = {
        "parent": candidate.parent,
        "model": candidate.model,
        "score": asdict(candidate.score),
        "signature": candidate.signature,
        "rtl_sha256": hashlib.sha256(candidate.rtl.encode()).hexdigest(),
    }
    records = [asdict(record) for record in candidate.climb.records]
    (part / "node.json").write_text(json.dumps(node, indent=1) + "\n", encoding="utf-8")
    (part / "rtl.sv").write_text(candidate.rtl, encoding="utf-8")
    (part / "gates.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    (part / "notes.md").write_text(notes + "\n", encoding="utf-8")
    if target.exists():
        for path in part.iterdir():
            path.replace(target / path.name)
        part.rmdir()
    else:
        part.rename(target)
