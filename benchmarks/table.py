"""Results of a suite as JSON and as a Markdown table beside the published numbers."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.placement import Result
from placement_env.metrics import METRICS


def to_json(results: Sequence[Result]) -> list[dict]:
    """Plain values of the results, for `json.dump`."""
    return [
        {
            "design": result.design,
            "budget_s": result.budget_s,
            "seed": result.seed,
            "legal": result.legal,
            **result.scores,
            "published": [
                {
                    "label": entry.label,
                    "metric": entry.metric,
                    "value": entry.value,
                    "source": entry.source,
                }
                for entry in result.published
            ],
        }
        for result in results
    ]


def to_markdown(results: Sequence[Result]) -> str:
    """A table with one row a run, the published numbers beside it and their sources below."""
    sources: list[str] = []
    rows = [["design", "budget s", "seed", "score", "value", "legal", "wall s", "published"]]
    for result in results:
        beside = []
        for entry in result.published:
            if entry.metric != result.metric:
                continue
            if entry.source not in sources:
                sources.append(entry.source)
            change = result.scores[result.metric] / entry.value - 1
            mark = sources.index(entry.source) + 1
            beside.append(f"{number(entry.value)} {entry.label} [{mark}] ({change:+.1%})")
        rows.append(
            [
                result.design,
                f"{result.budget_s:g}",
                str(result.seed),
                METRICS[result.metric].meaning.split(",")[0],
                number(result.scores[result.metric]),
                "yes" if result.legal else "NO",
                f"{result.scores['time__wall_s']:.1f}",
                "; ".join(beside) or "none known",
            ]
        )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    lines += [""] + [f"[{mark}] {source}" for mark, source in enumerate(sources, start=1)]
    return "\n".join(lines).rstrip() + "\n"


def number(value: float) -> str:
    """Four decimals for costs, whole numbers with separators for lengths."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}"
