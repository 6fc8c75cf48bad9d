"""Results of a suite as JSON and as Markdown: a summary beside the published numbers, every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.placement import Result
from benchmarks.published import Published
from benchmarks.summary import Summary, summarize

#: Scores of a run that have a column where the runs have them.
_COLUMNS = {
    "placement__proxy__cost__robust": "robust cost",
    "placement__proxy__cost": "nominal cost",
    "placement__proxy__wirelength": "wirelength",
    "placement__proxy__density": "density",
    "placement__proxy__congestion": "congestion",
    "placement__wirelength__hpwl_um": "HPWL",
    "placement__density__overflow": "density overflow",
    "route__overflow__total": "routing overflow",
    "route__usage__ace": "ACE",
    "placement__hard_overlaps__count": "overlaps",
    "placement__cell_overlaps__count": "cell overlaps",
    "placement__outside__count": "outside",
    "placement__misshapen__count": "misshapen",
    "placement__moved_fixed__count": "fixed moved",
    "placement__off_site__count": "off site",
    "placement__off_row__count": "off row",
    "placement__off_fence__count": "off fence",
}
#: Proxy costs say it all where there are some.
_WITHOUT_PROXY = "placement__wirelength__hpwl_um"
_EXPLAINED = (
    "Robust cost: median of the proxy cost over 20 draws that move every macro by up to 0.01 um; "
    "published costs are nominal."
)


def to_json(results: Sequence[Result], made_with: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of summary and runs, for `json.dump`.

    Args:
        results: The runs.
        made_with: Suite, options and versions; `benchmarks.kept_runs` compares them.
    """
    summary = [
        {**vars(entry), "published": _published(entry.published)} for entry in summarize(results)
    ]
    runs = [
        {
            "design": result.design,
            "budget_s": result.budget_s,
            "seed": result.seed,
            "legal": result.legal,
            **result.scores,
        }
        for result in results
    ]
    return {"made_with": dict(made_with), "summary": summary, "runs": runs}


def to_markdown(results: Sequence[Result]) -> str:
    """The summary, with the published numbers beside it and their sources below, then the runs."""
    if not results:
        return ""
    shown = _shown(results)
    sources: list[str] = []
    judged = "robust cost" if "placement__proxy__cost__robust" in shown else "HPWL"
    beside = [name for name in shown if _COLUMNS[name] != judged]
    titles = ["design", "budget s", "runs", f"{judged}: median", "mean", "best"]
    summary = [[*titles, *(_COLUMNS[name] for name in beside), "legal", "wall s", "published"]]
    for entry in summarize(results):
        summary.append(
            [
                entry.design,
                f"{entry.budget_s:g}",
                str(entry.runs),
                *(number(value) for value in (entry.median, entry.mean, entry.best)),
                *(_cell(entry.median_scores, name) for name in beside),
                "yes" if entry.legal_runs == entry.runs else f"NO ({entry.legal_runs})",
                f"{entry.wall_s:.1f}",
                _beside(entry, sources),
            ]
        )
    runs = [["design", "budget s", "seed", *(_COLUMNS[n] for n in shown), "legal", "wall s"]]
    runs += [_run(result, shown) for result in results]
    note = "Columns after best are of the median run; legal and wall time of all runs."
    lines = [
        *markdown_table(summary),
        "",
        f"{note} {_EXPLAINED}" if judged == "robust cost" else note,
        "",
    ]
    if sources:
        lines += [*(f"[{k}] {source}  " for k, source in enumerate(sources, start=1)), ""]
    lines += ["Every run:", "", *markdown_table(runs)]
    return "\n".join(lines) + "\n"


def run_line(result: Result) -> str:
    """One run in a line, for progress."""
    scores = result.scores
    shown = ", ".join(
        f"{_COLUMNS[name]} {_cell(scores, name)}"
        for name in (result.metric, "placement__proxy__cost")
        if name in scores
    )
    legal = "legal" if result.legal else "NOT legal"
    return (
        f"{result.design}: {result.budget_s:g} s, seed {result.seed}: {shown}, {legal}, "
        f"{scores['time__wall_s']:.1f} s"
    )


def number(value: float) -> str:
    """Four decimals for costs, whole numbers with separators for lengths."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}"


def _published(entries: Sequence[Published]) -> list[dict]:
    return [vars(entry) for entry in entries]


def _shown(results: Sequence[Result]) -> list[str]:
    """The columns for which some run has a value."""
    proxy = any("placement__proxy__cost" in result.scores for result in results)
    return [
        name
        for name in _COLUMNS
        if any(name in result.scores for result in results)
        and not (proxy and name == _WITHOUT_PROXY)
    ]


def _cell(scores: dict[str, float], name: str) -> str:
    if name not in scores:
        return "–"
    return f"{scores[name]:.0f}" if name.endswith("__count") else number(scores[name])


def _beside(entry: Summary, sources: list[str]) -> str:
    """The published numbers with marks of their sources, which are added where they are new."""
    beside = []
    for published in entry.published:
        if published.source not in sources:
            sources.append(published.source)
        change = entry.median / published.value - 1
        mark = sources.index(published.source) + 1
        beside.append(f"{number(published.value)} {published.label} [{mark}] ({change:+.1%})")
    return "; ".join(beside) or "none known"


def _run(result: Result, shown: Sequence[str]) -> list[str]:
    return [
        result.design,
        f"{result.budget_s:g}",
        str(result.seed),
        *(_cell(result.scores, name) for name in shown),
        "yes" if result.legal else "NO",
        f"{result.scores['time__wall_s']:.1f}",
    ]


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, whose first row has the titles."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]
