"""A scoreboard as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.placement import nominal
from benchmarks.scoreboard import Board, Standing
from benchmarks.table import number
from placement_env.metrics import METRICS

NOTE = (
    "Medians of the seeds, lower is better; the best legal value of each design is bold, and † "
    "marks runs that did not all end legal. Over best: the geometric mean of a row's values over "
    "the best ones. Wall time and memory: of the design that took the most."
)
ROBUST_NOTE = (
    "Ours are robust costs, medians over 20 draws that move every macro by up to 0.01 um; "
    "published ones are nominal."
)


def to_markdown(boards: Sequence[Board]) -> str:
    """A section a suite, with the sources of the published numbers below its table."""
    lines = ["# Scoreboard", "", NOTE, ""]
    for board in boards:
        lines += [f"## {board.suite}", "", f"{meaning(board)}.", ""]
        titles = ["placer", "budget s", "seeds", *board.designs, "over best", "wall s", "MB"]
        lines += [_line(titles), "|" + " --- |" * len(titles)]
        sources = sources_of(board)
        for row in board.standings:
            mark = f" [{sources.index(row.source) + 1}]" if row.source else ""
            lines.append(_line([row.placer + mark, *cells(board, row, "**{}**")]))
        lines += ["", *(f"[{k}] {source}  " for k, source in enumerate(sources, start=1)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def meaning(board: Board) -> str:
    """What the numbers of a board are."""
    says = METRICS[nominal(board.metric)].meaning
    return says + ". " + ROBUST_NOTE.rstrip(".") if nominal(board.metric) != board.metric else says


def sources_of(board: Board) -> list[str]:
    """The sources of the published rows, each once."""
    return list(dict.fromkeys(row.source for row in board.standings if row.source))


def cells(board: Board, row: Standing, best: str) -> list[str]:
    """The words of a row after its name.

    Args:
        board: The board.
        row: One of its rows.
        best: How the best value of a design is marked, with {} for the value.
    """
    return [
        "–" if row.budget_s is None else f"{row.budget_s:g}",
        str(row.seeds or "–"),
        *(_value(board, row, design, best) for design in board.designs),
        f"{row.over_best:.3f}",
        "–" if row.wall_s is None else f"{row.wall_s:.1f}",
        "–" if row.memory_bytes is None else f"{row.memory_bytes / 1e6:.0f}",
    ]


def _value(board: Board, row: Standing, design: str, best: str) -> str:
    if design not in row.values:
        return "–"
    shown = number(row.values[design])
    if design in row.illegal:
        return f"{shown} †"
    return best.format(shown) if row.values[design] == board.best[design] else shown


def _line(words: Sequence[str]) -> str:
    return "| " + " | ".join(words) + " |"
