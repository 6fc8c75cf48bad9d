"""A scoreboard as one HTML page that opens offline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.scoreboard import Board
from benchmarks.scoreboard_table import NOTE, cells, meaning, sources_of

_HOME = Path(__file__).parent
#: `owner/name@commit` at the head of a source.
_REPOSITORY = re.compile(r"([\w.-]+/[\w.-]+)(?:@([0-9a-f]{7,40}))?(?=[,: ]|$)")


def to_html(boards: Sequence[Board]) -> str:
    """The page: a table a suite, with the sources of the published numbers below it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_HOME), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup((_HOME / "report.css").read_text(encoding="utf-8"))
    return environment.get_template("scoreboard.html.j2").render(
        style=style,
        version=version("chipflow-hybrid"),
        note=NOTE,
        boards=[_content(board) for board in boards],
    )


def _content(board: Board) -> dict[str, object]:
    sources = sources_of(board)
    rows = []
    for row in board.standings:
        words = cells(board, row, "{}")
        best = [row.values.get(d) == board.best[d] and d not in row.illegal for d in board.designs]
        rows.append(
            {
                "placer": row.placer,
                "mark": sources.index(row.source) + 1 if row.source else 0,
                "words": list(zip(words, [False, False, *best, False, False, False], strict=True)),
            }
        )
    return {
        "suite": board.suite,
        "meaning": meaning(board),
        "designs": board.designs,
        "rows": rows,
        "sources": [{"text": source, "link": _link(source)} for source in sources],
    }


def _link(source: str) -> str:
    """Where a source can be looked at; empty where it names no repository."""
    found = _REPOSITORY.match(source)
    if not found:
        return ""
    repository, commit = found.groups()
    return f"https://github.com/{repository}" + (f"/tree/{commit}" if commit else "")
