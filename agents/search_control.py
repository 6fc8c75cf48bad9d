"""A learned control of the search: how hot, how far and by which kinds of moves it anneals.

The schedule tuned by hand is corrected by factors that depend on the situation: the netlist's size,
crowding and shape of the problem, the length of the anneal, and whether it starts from nothing. The
correction is linear in a few features, so that it can be read, learned from some hundred runs, and
cannot go far astray on a netlist that is unlike those it was trained on.

References:
    X. Chen, Y. Tian, "Learning to perform local rewriting for combinatorial optimization", NeurIPS
    2019 (arXiv 1810.00337), and A. H. C. Correia et al., "Neural simulated annealing", AISTATS 2023
    (arXiv 2203.02201): local searches whose proposals are learned and generalise to other sizes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from agents.annealing_schedule import TYPICAL_SIZE, Schedule, Situation, tuned
from agents.hard_moves import HardMove
from agents.soft_moves import SoftMove
from placement_env.errors import InputError
from placement_env.netlist import FloatArray

#: Of `features` and the kinds of moves; weights for others do not fit.
VERSION = 5
FEATURES = (
    "given",
    "length",
    "beyond",
    "from nothing",
    "accepted",
    "cells",
    "hard over soft",
    "hard area",
    "hard size from nothing",
    "hard size given",
)
#: What is corrected by a factor each; the last one is not a correction, but eagerness itself.
SCALARS = (
    "first heat",
    "last heat",
    "bend",
    "first step",
    "last step",
    "first hard share",
    "last hard share",
    "eagerness",
)
#: Features that shares of kinds of moves depend on: the first ones.
SHARE_FEATURES = 4
#: Shares of all kinds, of which some are not proposed at all by the schedule tuned by hand.
_SOFT = {
    SoftMove.SWAP: 0.04,
    SoftMove.PIN: 0.28,
    SoftMove.ANYWHERE: 0.02,
    SoftMove.STEP: 0.20,
    SoftMove.STRAIGHT: 0.15,
    SoftMove.PULL: 0.22,
    SoftMove.RELIEF: 0.06,
    SoftMove.TOWARD: 0.03,
}
_HARD = {
    HardMove.SWAP: 0.10,
    HardMove.TOWARD: 0.10,
    HardMove.ANYWHERE: 0.03,
    HardMove.ROUTES: 0.10,
    HardMove.BESIDE: 0.10,
    HardMove.FLIP: 0.05,
    HardMove.STEP: 0.24,
    HardMove.STRAIGHT: 0.18,
    HardMove.PULL: 0.03,
    HardMove.NEAR_SWAP: 0.07,
    HardMove.PLANNED: 0.06,
}
# No correction is by more than a factor of e to this power.
_MOST = 3.0
_MOST_HARD_SHARE = 0.9
_MOST_EAGERNESS = 1.5
# Anneals of so many moves a macro are long: what is right for short ones goes no further in the
# same direction, and beyond that there is a direction of its own, up to the longest.
_LONG, _LONGEST = 1000.0, 30_000.0
# What was learned of given placements is of short searches, and made long ones worse: beyond so
# many moves a macro it fades, and the longest go without.
_FADING = 10_000.0


@dataclass(frozen=True)
class SearchControl:
    """A control by its weights; call it with a situation.

    Attributes:
        scalars: [SCALARS, FEATURES] logarithms of factors are these times the features.
        soft: [2, kinds of soft moves, SHARE_FEATURES] the same of shares, at first and in the end.
        hard: [2, kinds of hard moves, SHARE_FEATURES] likewise.
    """

    scalars: FloatArray
    soft: FloatArray
    hard: FloatArray

    def __call__(self, situation: Situation) -> Schedule:
        """The corrected schedule."""
        base, seen = tuned(situation), features(situation)
        by = np.clip(self.scalars @ seen, -_MOST, _MOST)
        factor = dict(zip(SCALARS, np.exp(by).tolist(), strict=True))
        few = seen[:SHARE_FEATURES]
        first, last = base.hard_share
        return Schedule(
            heat=(base.heat[0] * factor["first heat"], base.heat[1] * factor["last heat"]),
            bend=base.bend * factor["bend"],
            step=(base.step[0] * factor["first step"], base.step[1] * factor["last step"]),
            hard_share=(
                min(first * factor["first hard share"], _MOST_HARD_SHARE),
                min(last * factor["last hard share"], _MOST_HARD_SHARE),
            ),
            soft_shares=_corrected(np.array([_SOFT[kind] for kind in SoftMove]), self.soft @ few),
            hard_shares=_corrected(_hard_shares(situation), self.hard @ few),
            eagerness=float(np.clip(by[-1], 0.0, _MOST_EAGERNESS)),
        )


def features(situation: Situation) -> FloatArray:
    """[FEATURES] what the corrections depend on; what is not known yet is as usual."""
    length, accepted = situation.moves_per_macro, situation.accepted
    length = _LONG if length is None else length
    from_nothing = float(situation.from_nothing)
    left = log(_LONGEST / min(max(length, _FADING), _LONGEST)) / log(_LONGEST / _FADING)
    given = 0.0 if situation.from_nothing else left
    size = log(situation.hard_size / TYPICAL_SIZE)
    return np.array(
        [
            given,
            log(min(max(length, 1.0), _LONG) / _LONG),
            log(min(max(length, _LONG), _LONGEST) / _LONG),
            from_nothing,
            0.0 if accepted is None else log(max(accepted, 0.01) / 0.35),
            log(situation.cells / 800),
            log((situation.hard + 1) / (situation.soft + 1)) + 1.3,
            4 * (situation.hard_area - 0.45),
            from_nothing * size,
            given * size,
        ]
    )


def untrained() -> SearchControl:
    """All weights zero."""
    return SearchControl(
        np.zeros((len(SCALARS), len(FEATURES))),
        np.zeros((2, len(SoftMove), SHARE_FEATURES)),
        np.zeros((2, len(HardMove), SHARE_FEATURES)),
    )


def to_vector(control: SearchControl) -> FloatArray:
    """All weights in one row."""
    return np.concatenate([part.ravel() for part in vars(control).values()])


def from_vector(vector: FloatArray) -> SearchControl:
    """The control with these weights."""
    like = vars(untrained())
    ends = np.cumsum([part.size for part in like.values()])
    cut = np.split(vector, ends[:-1])
    return SearchControl(
        *(part.reshape(old.shape) for part, old in zip(cut, like.values(), strict=True))
    )


def save_control(file: Path, control: SearchControl, about: dict[str, str]) -> None:
    """Write a control and what is to be remembered of its training.

    Raises:
        InputError: The file cannot be written.
    """
    parts = {name: np.ascontiguousarray(part) for name, part in vars(control).items()}
    try:
        save_file(parts, file, metadata={"version": json.dumps(VERSION), **about})
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"the file cannot be written: {error}",
            where=str(file),
            hint="check that its folder may be written and has room",
        ) from None


def load_control(file: Path) -> SearchControl:
    """Read a control.

    Raises:
        InputError: The file is missing or damaged, or was written for other features.
    """
    try:
        with safe_open(file, "np") as opened:
            version = (opened.metadata() or {}).get("version", "none")
            parts = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"the file cannot be read: {error}", where=str(file)) from None
    shapes = {name: part.shape for name, part in vars(untrained()).items()}
    found = {name: part.shape for name, part in parts.items()}
    if version != json.dumps(VERSION) or found != shapes:
        raise InputError(
            f"the search control is of version {version}, this chipflow uses version {VERSION}"
            if version != json.dumps(VERSION)
            else f"the weights of the search control are {found}, expected {shapes}",
            where=str(file),
            hint="train it again, or use the version of chipflow that wrote it",
        )
    return SearchControl(**parts)


def _hard_shares(situation: Situation) -> FloatArray:
    """Shares of the kinds of moves of hard macros before they are corrected."""
    shares = np.array([_HARD[kind] for kind in HardMove])
    if not situation.planned:
        shares[HardMove.PLANNED] = 0.0
    return shares


def _corrected(shares: FloatArray, by: FloatArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Shares at first and in the end, [2, kinds] logarithms of whose corrections are given."""
    first, last = shares * np.exp(np.clip(by, -_MOST, _MOST))
    return tuple(first.tolist()), tuple(last.tolist())
