"""Detailed placement: a legal placement made better step by step, legal all the time.

First the cells of each row take their best places in order (`row_shift`). Then rounds of

1. global swap: cells go into, or change places within, their optimal regions (`swap`),
2. vertical swap: the same one line up or down,
3. independent-set matching: many equally wide cells change places at once (`matching`),
4. local reordering: every order of a few neighbours (`reorder`),
5. row shift again, for the free sites between cells,
6. flipping cells about y (`flip`), where rows allow it,

until a round gains next to nothing. Each move is judged by the exact change of the wirelength.

References:
    M. Pan, N. Viswanathan, C. Chu, An efficient and effective detailed placement algorithm,
    ICCAD 2005.
    T.-C. Chen, Z.-W. Jiang, T.-C. Hsu, H.-C. Chen, Y.-W. Chang, NTUplace3, IEEE Transactions on
    CAD 27, 2008.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from agents.flat.detailed.board import Board, make_board, placement_of, total_hpwl_um
from agents.flat.detailed.flip import flip_cells
from agents.flat.detailed.matching import match_cells, new_matching
from agents.flat.detailed.reach import new_reach
from agents.flat.detailed.reorder import new_window, reorder_rows
from agents.flat.detailed.row_shift import new_row_scratch, shift_rows
from agents.flat.detailed.swap import new_slots, swap_cells
from agents.flat.detailed.trial import new_trial
from agents.flat.detailed.wires import Wires
from agents.flat.site_rows import SiteRows, site_rows
from agents.progress import WIRELENGTH, Progress, ProgressCallback
from placement_env.errors import InputError
from placement_env.netlist import Netlist, Placement, hpwl_um

#: Rounds at most, and the share of the wirelength that a round must gain for another one.
ROUNDS, LEAST_SHARE = 8, 2e-4
#: Global swap tries so many lines above and below the best one, and so many places each way.
_LINES, _PLACES = 8, 12
#: Cells of a window of local reordering; 24 orders each.
_NEIGHBOURS = 4
#: Height of a matching window in lines; it is as wide as it is high.
_MATCHED_LINES = 24

#: The steps of a round, in their order.
STEPS = (
    "global swap",
    "vertical swap",
    "matching",
    "local reordering",
    "row shift",
    "flipping",
)

_Step = tuple[str, Callable[[], int]]


@dataclass(frozen=True)
class StepGain:
    """What one step of detailed placement did.

    Attributes:
        step: Its name.
        before_um: Weighted HPWL of the netlist before it.
        after_um: The same after it.
        moved: Cells that it moved; windows that it put in another order, for local reordering.
        seconds: Time that it took.
    """

    step: str
    before_um: float
    after_um: float
    moved: int
    seconds: float


def refine(
    netlist: Netlist,
    legal: Placement,
    *,
    seed: int = 1,
    budget_s: float = np.inf,
    rounds: int = ROUNDS,
    flip: bool | None = None,
    only: Collection[str] = STEPS,
    progress: ProgressCallback | None = None,
) -> tuple[Placement, tuple[StepGain, ...]]:
    """Shorten the wires of a legal placement by moving its standard cells; it stays legal.

    Macros, ports and fixed cells stay. The wirelength never grows in any step. The same arguments
    give the same result as long as `budget_s` does not end it.

    Args:
        netlist: A flat netlist with rows.
        legal: Its cells on sites, without overlap.
        seed: Decides where the windows of the matching begin.
        budget_s: No step begins later than this.
        rounds: So many rounds at most.
        flip: Whether cells may be mirrored about y; by default only in LEF/DEF designs, since
            Bookshelf's official evaluation knows no orientations.
        only: Names of the steps that are taken.
        progress: Is told after each step; its snapshot is a legal placement.

    Returns:
        The placement, and what each step gained.

    Raises:
        InputError: As `agents.flat.row_legal.legalize_rows`, or a cell does not lie legally.
    """
    if rounds < 0:
        raise InputError(f"detailed placement has {rounds} rounds, expected at least 0")
    began = time.perf_counter()
    rows = site_rows(netlist, legal)
    if len(rows.cells) == 0:
        return legal, ()
    wires, board = make_board(netlist, rows, legal)
    flip = netlist.unit_um is not None if flip is None else flip
    steps = [step for step in _steps_of_a_round(wires, board, rows, seed) if step[0] in only]
    steps = [step for step in steps if flip or step[0] != "flipping"]
    unchanging = hpwl_um(netlist, legal) - total_hpwl_um(wires, board)
    gains: list[StepGain] = []

    def take(name: str, step: Callable[[], int]) -> bool:
        start = time.perf_counter()
        if start - began > budget_s:
            return False
        before = unchanging + total_hpwl_um(wires, board)
        moved = step()
        after = unchanging + total_hpwl_um(wires, board)
        now = time.perf_counter()
        gains.append(StepGain(name, before, after, moved, now - start))
        if progress:
            progress(
                Progress(
                    name, now - began, budget_s, after, sum(gain.moved for gain in gains),
                    lambda: placement_of(board, netlist, rows, legal), measure=WIRELENGTH,
                )
            )  # fmt: skip
        return True

    in_time = all(take(*step) for step in steps if step[0] == "row shift")
    for _ in range(rounds):
        before = total_hpwl_um(wires, board)
        in_time = in_time and all(take(*step) for step in steps)
        if not in_time or before - total_hpwl_um(wires, board) <= LEAST_SHARE * before:
            break
    return placement_of(board, netlist, rows, legal), tuple(gains)


def _steps_of_a_round(wires: Wires, board: Board, rows: SiteRows, seed: int) -> list[_Step]:
    """The steps of a round by name; each works on the board and says how many cells it moved."""
    rng = np.random.default_rng(seed)
    trial, reach = new_trial(wires, board), new_reach(wires)
    slots = new_slots(_LINES, _PLACES)
    matching = new_matching(wires, board)
    window = new_window(wires, _NEIGHBOURS)
    row_scratch = new_row_scratch(wires, board)
    columns = max(round(_MATCHED_LINES * rows.height_um / rows.site_um), 1)

    def swap(vertical: bool) -> int:
        order = np.argsort(board.site, kind="stable")
        return swap_cells(wires, board, trial, reach, slots, order, vertical, _LINES, _PLACES)

    def match() -> int:
        down, left = int(rng.integers(_MATCHED_LINES)), int(rng.integers(columns))
        return match_cells(
            wires, board, trial, reach, matching, _MATCHED_LINES, columns, down, left
        )

    return [
        ("global swap", lambda: swap(False)),
        ("vertical swap", lambda: swap(True)),
        ("matching", match),
        ("local reordering", lambda: reorder_rows(wires, board, trial, window)),
        ("row shift", lambda: shift_rows(wires, board, trial, row_scratch)),
        ("flipping", lambda: flip_cells(wires, board, trial)),
    ]
