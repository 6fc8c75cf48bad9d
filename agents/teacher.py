"""Placements to learn from: what the exact search makes of a netlist, kept for later runs."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np

from agents import search
from agents.netlist_digest import netlist_digest
from agents.training_netlists import TrainingNetlist
from placement_env.errors import InputError
from placement_env.netlist import Placement

# A design of which there are variants is searched with so many times as many moves.
_OF_PARENT = 10


def taught_placement(given: TrainingNetlist, *, moves: int, seed: int, folder: Path) -> Placement:
    """The placement that the search reaches; from a file where it was searched before.

    Args:
        given: The netlist; where it is placed, the search starts from that, and a variant from what
            the design that it is a variant of teaches.
        moves: Moves of the search, so that every machine teaches alike.
        seed: Its seed.
        folder: Where placements are kept, named by netlist, moves and seed.

    Raises:
        InputError: The netlist cannot be placed, or a kept file cannot be read.
    """
    start, from_nothing = given.start, not given.is_placed
    if given.parent and given.carry:
        # All variants begin with one placement of their design, so that they teach one order of the
        # macros of the many that are as good.
        parent = taught_placement(given.parent, moves=moves * _OF_PARENT, seed=seed, folder=folder)
        start, from_nothing = given.carry(parent), False
    key = f"{given.name}\n{netlist_digest(given.netlist, start)}\n{moves}\n{seed}"
    file = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    if file.exists():
        return _read(file, given)
    placed = search.place(
        given.netlist,
        start,
        budget_s=1.0,
        seed=seed,
        moves=moves,
        cores=1,
        from_nothing=from_nothing,
        until_interrupted=False,
    )
    folder.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as opened:
        np.savez(opened, x_um=placed.x_um, y_um=placed.y_um, orient=placed.orient)
    os.replace(part, file)
    return placed


def _read(file: Path, given: TrainingNetlist) -> Placement:
    try:
        with np.load(file, allow_pickle=False) as kept:
            placement = Placement(kept["x_um"], kept["y_um"], kept["orient"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"the kept placement of {given.name} cannot be read: {error}",
            where=str(file),
            hint="delete it; it is made again",
        ) from None
    return placement
