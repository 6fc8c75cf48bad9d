"""Curves of what some parts of the agent reach in how much time, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.ablation import AblationRun
from placement_env.render import save_figure

#: Colours of arms, in their order (Okabe and Ito: distinct for common forms of colour blindness).
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_WIDE_INCHES, _TALL_INCHES = 2.7, 2.2


def draw_curves(runs: Sequence[AblationRun], arms: Sequence[str], path: Path) -> Path:
    """Draw robust costs over the budget, a panel a design and a row a start.

    A curve goes through the medians of the seeds, shaded from the least to the largest cost.

    Where a curve is to the left of another one, the arm reaches the same cost in less time.

    Args:
        runs: At least one.
        arms: Names of the arms to draw, six at most; those that did not run are left out.
        path: The .png or .svg file to write.

    Returns:
        `path`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    costs: dict[tuple[str, str, str, float], list[float]] = {}
    for run in runs:
        costs.setdefault((run.start, run.design, run.arm, run.budget_s), []).append(run.robust_cost)
    starts = list(dict.fromkeys(run.start for run in runs))
    designs = list(dict.fromkeys(run.design for run in runs))
    shown = [arm for arm in arms if any(run.arm == arm for run in runs)]
    figure = Figure(
        figsize=(_WIDE_INCHES * len(designs), _TALL_INCHES * len(starts) + 0.4),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(starts), len(designs), squeeze=False)
    for row, start in enumerate(starts):
        for column, design in enumerate(designs):
            axes = panels[row, column]
            here = {key[2:]: found for key, found in costs.items() if key[:2] == (start, design)}
            if not here:
                axes.set_axis_off()
                continue
            for arm, colour in zip(shown, _COLOURS, strict=False):
                budgets = sorted(budget_s for name, budget_s in here if name == arm)
                of_seeds = [here[arm, budget_s] for budget_s in budgets]
                axes.plot(budgets, [median(of) for of in of_seeds], "o-", color=colour, ms=4)
                low, high = [min(of) for of in of_seeds], [max(of) for of in of_seeds]
                axes.fill_between(budgets, low, high, color=colour, alpha=0.15, linewidth=0)
            seconds = sorted({budget_s for _, budget_s in here})
            axes.set_xscale("log")
            axes.set_xticks(seconds, [f"{budget_s:g}" for budget_s in seconds])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.tick_params(labelsize=8)
            axes.set_title(f"{design}, from {start}", fontsize=9)
            axes.set_xlabel("seconds", fontsize=8)
            axes.grid(alpha=0.3)
        panels[row, 0].set_ylabel("robust proxy cost", fontsize=8)
    handles = [
        panels[0, 0].plot([], [], "o-", color=colour, ms=4)[0]
        for _, colour in zip(shown, _COLOURS, strict=False)
    ]
    figure.legend(handles, shown, loc="outside upper center", ncols=len(shown), fontsize=8)
    return save_figure(figure, path)
