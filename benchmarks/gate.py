"""Golden scores, and what got worse against them.

`golden.toml` holds tables such as this one; results are compared where a table of the same suite,
placer and budget has their design:

    [[golden]]
    suite = "tilos"
    placer = "search, moves 200000"
    budget_s = 10.0
    metric = "placement__proxy__cost__robust"
    tolerance = 0.005                        # of the value, in the direction that is worse
    values = { ariane133_ng45 = 0.5998 }

Which direction is worse is known of each metric (`placement_env.metrics`).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Literal

from benchmarks.kept_runs import Record
from benchmarks.scoreboard import placer_name
from benchmarks.summary import Summary, summarize
from placement_env.errors import InputError
from placement_env.formats.text import read_text
from placement_env.metrics import METRICS

#: The file that the project's own results are held against.
GOLDEN = Path(__file__).parent / "golden.toml"

#: What TOML takes for a key without quotes.
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

Verdict = Literal["worse", "better", "as before"]


@dataclass(frozen=True)
class Golden:
    """What one score of one placer on one design was.

    Attributes:
        suite: Name of the suite.
        placer: As `benchmarks.scoreboard.placer_name` has it.
        budget_s: Seconds that the placer was given.
        design: Name of the design.
        metric: The score.
        value: Its median over seeds.
        tolerance: The share of the value by which it may get worse, or better without notice.
    """

    suite: str
    placer: str
    budget_s: float
    design: str
    metric: str
    value: float
    tolerance: float


@dataclass(frozen=True)
class Compared:
    """A score beside its golden one.

    Attributes:
        golden: The golden score.
        value: What it is now; NaN where not all runs ended legal.
        verdict: What that means; not legal is worse than anything.
    """

    golden: Golden
    value: float
    verdict: Verdict

    def line(self) -> str:
        """Verdict, what was compared, both values and the change."""
        golden = self.golden
        now = (
            "not legal any more"
            if isnan(self.value)
            else f"{self.value:.6g}, was {golden.value:.6g} "
            f"({self.value / golden.value - 1:+.2%}, tolerance {golden.tolerance:.2%})"
        )
        return (
            f"{self.verdict}: {golden.suite} {golden.design}, {golden.placer}, "
            f"{golden.budget_s:g} s: {golden.metric} {now}"
        )


def read_golden(path: Path) -> list[Golden]:
    """Read a file of golden scores.

    Raises:
        InputError: The file is missing or malformed, or names an unknown metric.
    """
    text = read_text(path)
    try:
        goldens = [
            Golden(
                suite=str(table["suite"]),
                placer=str(table["placer"]),
                budget_s=float(table["budget_s"]),
                design=str(design),
                metric=str(table["metric"]),
                value=float(value),
                tolerance=float(table["tolerance"]),
            )
            for table in tomllib.loads(text)["golden"]
            for design, value in table["values"].items()
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"this is no file of golden scores: {error!r}",
            where=str(path),
            hint="benchmarks/gate.py shows one; chipflow bench gate --update writes one",
        ) from None
    for golden in goldens:
        if golden.metric not in METRICS or METRICS[golden.metric].better == "none":
            raise InputError(
                f"{golden.metric!r} is no score of which a direction is better",
                where=str(path),
                hint="placement_env/metrics.py has them all",
            )
        if not golden.value > 0 or not golden.tolerance >= 0:
            raise InputError(
                f"{golden.design} has the value {golden.value} and the tolerance "
                f"{golden.tolerance}, expected numbers above 0",
                where=str(path),
            )
    return goldens


def compare(
    records: Iterable[Record], goldens: Sequence[Golden]
) -> tuple[list[Compared], list[Golden]]:
    """The scores of which a golden one is known beside it, and the golden ones without a score."""
    scores = _measured(records)
    compared, absent = [], []
    for golden in goldens:
        key = (golden.suite, golden.placer, golden.budget_s, golden.design)
        row = scores.get(key)
        if row is None or golden.metric not in (row.median_scores | {row.metric: row.median}):
            absent.append(golden)
            continue
        value = row.median if golden.metric == row.metric else row.median_scores[golden.metric]
        if row.legal_runs < row.runs:
            value = nan
        change = value / golden.value - 1
        if METRICS[golden.metric].better == "higher":
            change = -change
        verdict: Verdict = "as before"
        if not change <= golden.tolerance:  # NaN is worse than anything
            verdict = "worse"
        elif change < -golden.tolerance:
            verdict = "better"
        compared.append(Compared(golden, value, verdict))
    return compared, absent


def updated(records: Iterable[Record], goldens: Sequence[Golden], tolerance: float) -> list[Golden]:
    """The golden scores with those of the records in place of, or behind, the ones that were.

    Args:
        records: Results; of each, the score that its design is judged by counts, if legal.
        goldens: The golden scores so far; they keep their tolerances, and stay where nothing was
            measured.
        tolerance: Of scores that are new.
    """
    by_key = {(g.suite, g.placer, g.budget_s, g.design, g.metric): g for g in goldens}
    for (suite, placer, budget_s, design), row in _measured(records).items():
        if row.legal_runs < row.runs:
            continue
        key = (suite, placer, budget_s, design, row.metric)
        keeps = by_key[key].tolerance if key in by_key else tolerance
        by_key[key] = Golden(*key, value=row.median, tolerance=keeps)
    return list(by_key.values())


def to_toml(goldens: Sequence[Golden]) -> str:
    """The golden scores as `read_golden` reads them."""
    tables: dict[tuple[str, str, float, str, float], list[str]] = {}
    for g in goldens:
        table = tables.setdefault((g.suite, g.placer, g.budget_s, g.metric, g.tolerance), [])
        key = g.design if _BARE_KEY.fullmatch(g.design) else _quoted(g.design)
        table.append(f"{key} = {g.value!r}")
    lines = ["# Golden scores; benchmarks/gate.py says what they are for."]
    for (suite, placer, budget_s, metric, tolerance), values in tables.items():
        lines += [
            "",
            "[[golden]]",
            f"suite = {_quoted(suite)}",
            f"placer = {_quoted(placer)}",
            f"budget_s = {budget_s!r}",
            f"metric = {_quoted(metric)}",
            f"tolerance = {tolerance!r}",
            f"values = {{ {', '.join(values)} }}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML string, which JSON's is but for the one control character that JSON allows."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _measured(records: Iterable[Record]) -> dict[tuple[str, str, float, str], Summary]:
    """Suite, placer, budget and design of each summary."""
    return {
        (
            str(record.made_with.get("suite")),
            placer_name(record.made_with),
            row.budget_s,
            row.design,
        ): row
        for record in records
        for row in summarize(record.results)
    }
