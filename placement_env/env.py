"""A Gymnasium environment in which an agent places hard macros; see `MacroPlacementEnv`.

`import placement_env.registration` makes it known as `chipflow/MacroPlacement-v0`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from placement_env.cost.proxy import ProxyCost, check_positions
from placement_env.env_input import load
from placement_env.errors import InputError
from placement_env.graph import node_features, to_hetero
from placement_env.macro_board import MacroBoard
from placement_env.netlist import Grid, Netlist, NodeKind, Placement, oriented_size
from placement_env.raster import raster
from placement_env.soft_rule import SPREAD

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Observation = dict[str, Any]
Action = Any
Objective = Callable[[Netlist, Placement], float]

#: Files round positions; fixed macros nearer than this are where they were.
_SAME_UM = 1e-3


class MacroPlacementEnv(gymnasium.Env[Observation, Action]):
    """Place the hard macros of a netlist on a grid; the reward is the drop of the proxy cost.

    ## Description
    The netlist is that of a chip. Ports and fixed macros stand still, the agent places the movable
    hard macros, and soft macros and standard cells follow by rules. There are two starts:

    - `start="construct"`: the canvas is empty, and macros are placed one by one, the largest first.
      Those that do not stand yet are points where their nets pull them: they add to wirelength and
      routes, and cover nothing. Soft macros and cells wait where nets pull them and spread
      (`soft_rule.py`); after the last macro they follow again, and soft macros settle.
    - `start="improve"`: everything stands. A step takes a macro to another place, or exchanges it
      with another one, and the soft macros that it is connected to settle.

    To settle is to go to a cheaper place near by while there is one, decided on the exact cost
    (`cost/settle.py`). M is the number of movable hard macros, numbered largest first; N the number
    of nodes.

    ## Action Space
    A cell is `row * columns + column`, row 0 at the bottom. A macro's centre goes to the cell's
    centre, moved inwards just so far that the macro lies inside the canvas. Orientations stay as
    the placement has them.

    - construct: `Discrete(columns * rows)`, the cell for the current macro. It is legal if the
      macro there overlaps no standing and no fixed macro, exactly.
    - improve: `MultiDiscrete([M, columns * rows])`, a macro and a cell. Where the macro overlaps
      another one there, it is exchanged with the macro on the cell's centre, if both fit. Which
      cells are legal depends on the macro: `place_mask(macro)` says it. A pair that is not legal
      changes nothing, costs a step, and is explained in `info["refused"]`.

    `action_masks()` gives the mask as SB3-contrib's MaskablePPO asks for it: [columns * rows] bool,
    or for improve [M + columns * rows], one mask for each part of the action.

    ## Observation Space
    `Dict` of `Box`:

    | key | shape | range | what |
    | --- | --- | --- | --- |
    | position | (N, 2) float32 | [0, 1] | centres as shares of the canvas |
    | standing | (M,) int8 | {0, 1} | macros that stand |
    | current | (1,) int64 | [0, M - 1] | macro to place now; of improve the one last moved |
    | maps | (5, rows, columns) float32 | [0, 1] | see below |
    | mask | as `action_masks()`, int8 | {0, 1} | legal actions |
    | passed | (1,) float32 | [0, 1] | share of the episode that has passed |

    Maps are: share of each cell under standing and fixed macros; wirelength of the current macro's
    nets with it in that cell, 0 where it is least and 1 where it is most; density d of the cost as
    d / (1 + d); horizontal congestion in the same way; vertical congestion.

    What never changes is not observed again and again: `env.unwrapped.features` [N, 8] says what
    nodes are (`graph.node_features`), `env.unwrapped.edges` [N, N] (SciPy, sparse) how they are
    connected, and `env.unwrapped.graph()` gives both, with positions, as PyG `HeteroData`.

    ## Rewards
    - `reward="dense"`: by how much the step lowered the objective, the rules for soft macros
      included. The rewards of an episode sum to the objective before the first step minus that
      after the last.
    - `reward="terminal"`: 0 until the last step, and then: construct, minus the objective; improve,
      by how much the episode lowered it.

    The objective is `"proxy"`, the proxy cost wirelength + 0.5 density + 0.5 congestion of all
    nodes (`cost/proxy.py`); `"hpwl"`, the wirelength part of it alone; or a function of netlist and
    placement, such as the wirelength after cells are placed (`agents.downstream`). A function is
    called at the ends of an episode only, so its reward is always terminal.

    A step after which the next macro has no legal cell ends the episode with `-dead_end_penalty` on
    top.

    ## Starting State
    construct: no movable hard macro stands; the same for every seed. improve:
    `reset(options={"placement": ...})`, else the environment's placement. Macros that overlap
    others there go to the nearest legal cell, the largest first; then a share `shake` of the macros
    goes to random legal cells. `reset` checks that each macro fits somewhere.

    ## Episode End
    - Termination: construct, when all macros stand, or at a dead end.
    - Truncation: improve, after `horizon` steps.

    ## Information
    `reset` and `step` return
    - `action_mask`: the mask, int8; all 0 at the end of a construction.
    - `reward_terms`: dict of `wirelength`, `density`, `congestion` and `cost` as things stand.
    - `macro`: name of the current macro; empty at the end of a construction.
    - `placed`: number of macros that stand.
    - `dead_end`: "" or the reason why the episode ended early.
    - `refused`: "" or the reason why the last action changed nothing (improve).

    `env.unwrapped.placement()` is the placement as it stands, also before the first `reset`;
    `env.unwrapped.improves` says whether actions are pairs.

    ## Errors
    `InputError` with the macro, the cell and the reason for an action outside the mask of a
    construction, an action outside the space, and a step after the end.

    ## Arguments
    - `netlist`: a `Netlist`, or a path: `.pb.txt` of Circuit Training (with a `.plc`) or `.aux` of
      Bookshelf, gzipped or not.
    - `placement`: a `Placement`, or the path of a `.plc`, which also states canvas and grid. By
      default: `initial.plc` beside a `.pb.txt`, and what a Bookshelf design comes with. construct
      needs the positions of ports and fixed macros only.
    - `start`: "construct" or "improve".
    - `grid`: routing grid for netlists without one (`netlist.Grid`); the cost needs it.
    - `columns`, `rows`: size of the action grid; by default that of the routing grid.
    - `reward`: "dense" or "terminal".
    - `objective`: "proxy", "hpwl" or a function.
    - `spread`: how evenly soft macros and cells spread where they follow, 0 to 1.
    - `sweeps`: how often soft macros settle: construct, all of them after the last macro; improve,
      those connected to moved macros after each step.
    - `horizon`: steps of an episode of improve; by default 2 M.
    - `shake`: share of macros that improve moves at random first.
    - `dead_end_penalty`: what an early end costs.
    - `render_mode`: None or "rgb_array".

    ## Version History
    - v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}  # noqa: RUF012

    def __init__(
        self,
        netlist: Netlist | str | Path,
        placement: Placement | str | Path | None = None,
        *,
        start: Literal["construct", "improve"] = "construct",
        grid: Grid | None = None,
        columns: int | None = None,
        rows: int | None = None,
        reward: Literal["dense", "terminal"] = "dense",
        objective: Literal["proxy", "hpwl"] | Objective = "proxy",
        spread: float = SPREAD,
        sweeps: int = 1,
        horizon: int | None = None,
        shake: float = 0.0,
        dead_end_penalty: float = 5.0,
        render_mode: str | None = None,
    ) -> None:
        for name, value, known in (
            ("start", start, ("construct", "improve")),
            ("reward", reward, ("dense", "terminal")),
            ("objective", objective, ("proxy", "hpwl")),
            ("render_mode", render_mode, (None, *self.metadata["render_modes"])),
        ):
            if value not in known and not (name == "objective" and callable(value)):
                wanted = " or ".join(repr(word) for word in known)
                raise InputError(f"{name} is {value!r}, expected {wanted}")
        if sweeps < 0 or not 0 <= shake <= 1 or (horizon is not None and horizon < 1):
            raise InputError(
                f"sweeps={sweeps}, shake={shake}, horizon={horizon}",
                hint="expected sweeps of 0 or more, a shake from 0 to 1, a horizon of 1 or more",
            )
        if any(count is not None and count < 1 for count in (columns, rows)):
            raise InputError(f"columns={columns}, rows={rows}", hint="expected 1 or more of each")
        self.netlist, self.start = load(netlist, placement, grid)
        self.render_mode = render_mode
        self.features = node_features(self.netlist).astype(np.float32)
        self.improves = start == "improve"
        self._objective = objective
        self._dense = reward == "dense" and not callable(objective)
        self._penalty = float(dead_end_penalty)
        self._sweeps, self._shake = sweeps, shake
        assert self.netlist.grid is not None
        self.board = MacroBoard(
            self.netlist,
            self.start,
            columns=columns or self.netlist.grid.columns,
            rows=rows or self.netlist.grid.rows,
            spread=spread,
        )
        self.edges = self.board.edges
        macros, cells = len(self.board.order), self.board.grid.cells
        self._horizon = (horizon or max(2 * macros, 1)) if self.improves else macros
        self._feasible = False
        self._steps = 0
        self._current = 0
        self._dead_end = self._refused = ""
        self._mask = np.zeros(macros + cells if self.improves else cells, dtype=bool)

        shape = (5, self.board.grid.rows, self.board.grid.columns)
        self.action_space = (
            spaces.MultiDiscrete([max(macros, 1), cells])
            if self.improves
            else spaces.Discrete(cells)
        )
        self.observation_space = spaces.Dict(
            {
                "position": spaces.Box(0.0, 1.0, (self.netlist.num_nodes, 2), np.float32),
                "standing": spaces.Box(0, 1, (macros,), np.int8),
                "current": spaces.Box(0, max(macros - 1, 1), (1,), np.int64),
                "maps": spaces.Box(0.0, 1.0, shape, np.float32),
                "mask": spaces.Box(0, 1, self._mask.shape, np.int8),
                "passed": spaces.Box(0.0, 1.0, (1,), np.float32),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Raises:
            InputError: The netlist has no movable hard macro, or one that has no legal place; or
                the placement to improve does not fit the environment's own.
        """
        super().reset(seed=seed)
        if not self._feasible:
            self.board.check_feasible()
            self._feasible = True
        self._steps = self._current = 0
        self._dead_end = self._refused = ""
        if self.improves:
            self.board.stand(self._improved((options or {}).get("placement", self.start)))
            self._shake_macros()
        else:
            self.board.clear()
        self._update_mask()
        self._first = self.objective() if self.improves or self._dense else 0.0
        return self._observation(), self._info()

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Place or move a macro.

        Raises:
            InputError: The episode is over, or the action is not legal.
        """
        if not self._mask.any() or self._steps >= self._horizon:
            raise InputError("the episode is over", hint="call reset() first")
        before = self.objective() if self._dense else 0.0
        if self.improves:
            self._move(action)
        else:
            self._construct(action)
        self._steps += 1
        whole = self._steps == self._horizon
        if whole and not self.improves:
            self.board.follow()
            self.board.settle(sweeps=self._sweeps)
        self._current = self._current if self.improves else min(self._steps, self._horizon - 1)
        self._update_mask()
        if not whole and not self._mask.any():
            self._dead_end = f"no legal cell is left for the macro {self._name(self._current)!r}"
        over = whole or bool(self._dead_end)
        reward = 0.0
        if self._dense:
            reward = before - self.objective()
        elif over:
            reward = self._first - self.objective()
        if self._dead_end:
            reward -= self._penalty
        terminated, truncated = over and not self.improves, over and self.improves
        return self._observation(), float(reward), terminated, truncated, self._info()

    def action_masks(self) -> NDArray[np.bool_]:
        """The mask of actions, see the class, as SB3-contrib's MaskablePPO asks for it."""
        return self._mask.copy()

    def place_mask(self, macro: int) -> NDArray[np.bool_]:
        """[columns * rows] cells that an action of improve can take the macro to, legally."""
        board = self.board
        mask = board.legal(macro).ravel()
        taken: dict[int, bool] = {}
        for cell in np.flatnonzero(~mask):
            other = board.on(int(cell))
            if other >= 0 and other != macro:
                if other not in taken:
                    taken[other] = board.can_swap(macro, other)
                mask[cell] = taken[other]
        return mask

    def twin(self) -> MacroPlacementEnv:
        """Another environment like this one, which shares with it what never changes."""
        other = copy.copy(self)
        other.board = self.board.twin()
        other._mask = np.zeros_like(self._mask)
        other._steps = other._current = 0
        other._np_random = None
        return other

    def look(self, macro: int) -> Observation:
        """The observation with a chosen macro as the current one, and cells it can go to as mask.

        For agents that choose a macro first and a cell for it then (improve).
        """
        self._current = macro
        mask = self.place_mask(macro).astype(np.int8)
        return self._observation() | {"mask": mask}

    def placement(self) -> Placement:
        """Where everything is now; macros that do not stand are where their nets pull them."""
        return self.board.placement()

    def proxy_cost(self) -> ProxyCost:
        """The proxy cost of `placement()`."""
        return self.board.cost

    def objective(self) -> float:
        """The objective as things stand; a function of the user's is called for it."""
        if callable(self._objective):
            return float(self._objective(self.netlist, self.placement()))
        cost = self.board.cost
        return cost.wirelength if self._objective == "hpwl" else cost.total

    def graph(self) -> HeteroData:
        """The netlist, the action grid and the placement as PyTorch Geometric data."""
        grid = self.board.grid
        return to_hetero(self.netlist, self.placement(), places=(grid.columns, grid.rows))

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """(height, width, 3) picture of the macros that stand, the soft ones and the last one."""
        if self.render_mode is None:
            return None
        placement, soft = self.placement(), self.netlist.nodes_of(NodeKind.SOFT_MACRO)
        half = np.stack([self.netlist.width_um[soft], self.netlist.height_um[soft]], axis=1) / 2
        centre = np.stack([placement.x_um[soft], placement.y_um[soft]], axis=1)
        standing = np.flatnonzero(self.board.standing)
        boxes = np.concatenate([self.board.fixed_boxes(), self.board.boxes(standing)])
        last = self._current if self.improves else self._steps - 1
        last_box = self.board.boxes(standing[standing == last])
        return raster(
            self.netlist.canvas,
            [
                (np.hstack([centre - half, centre + half]), (214, 230, 210), (188, 210, 183)),
                (boxes, (74, 111, 165), (38, 64, 103)),
                (last_box, (230, 159, 0), (150, 100, 0)),
            ],
        )

    def _improved(self, placement: Any) -> Placement:
        """The placement to improve, unless macros lie or fixed ones are elsewhere than at first."""
        if placement is self.start:
            return self.start
        if not isinstance(placement, Placement):
            raise InputError(
                f"the placement to improve is {type(placement).__name__!r}",
                where=self.netlist.name,
                hint="give a placement_env.netlist.Placement",
            )
        check_positions(self.netlist, placement)
        sizes = [np.array(oriented_size(self.netlist, one)) for one in (self.start, placement)]
        fixed = self.netlist.fixed & (self.netlist.node_kind == NodeKind.HARD_MACRO)
        moved = ~np.isclose(placement.x_um, self.start.x_um, rtol=0, atol=_SAME_UM)
        moved |= ~np.isclose(placement.y_um, self.start.y_um, rtol=0, atol=_SAME_UM)
        for what, differs in (
            ("the orientation", placement.orient != self.start.orient),
            ("the shape", (sizes[0] != sizes[1]).any(axis=0)),
            ("the fixed place", fixed & moved),
        ):
            if differs.any():
                name = self.netlist.node_name[int(differs.argmax())]
                raise InputError(
                    f"{what} of {name!r} is another than in the environment's placement",
                    where=self.netlist.name,
                    hint="make an environment with this placement",
                )
        return placement

    def _construct(self, action: Action) -> None:
        cell = self._checked(action)
        if not self._mask[cell]:
            raise InputError(
                self._refusal(self._current, cell),
                where=self.netlist.name,
                hint="take an action that the mask allows",
            )
        self.board.put(self._current, cell)

    def _move(self, action: Action) -> None:
        macro, cell = self._checked(action)
        self._refused = ""
        moved = [macro]
        if self.board.legal(macro).ravel()[cell]:
            self.board.put(macro, cell)
        elif (other := self.board.on(cell)) in (-1, macro) or not self.board.can_swap(macro, other):
            self._refused = self._refusal(macro, cell)
            return
        else:
            self.board.swap(macro, other)
            moved.append(other)
        self._current = macro
        self.board.settle(moved, sweeps=self._sweeps)

    def _checked(self, action: Action) -> Any:
        """The action as int, or macro and cell."""
        wanted = np.asarray(action)
        if wanted.dtype.kind not in "iu" or not self.action_space.contains(wanted.astype(np.int64)):
            raise InputError(
                f"action {action!r} is outside {self.action_space}",
                where=self.netlist.name,
                hint="give whole numbers",
            )
        return tuple(wanted.tolist()) if self.improves else int(wanted)

    def _refusal(self, macro: int, cell: int) -> str:
        """Why a macro cannot go to a cell."""
        row, column = divmod(cell, self.board.grid.columns)
        x, y = self.board.places[macro]
        if not (np.isfinite(x[column]) and np.isfinite(y[row])):
            reason = "it is larger than the canvas"
        else:
            other = self.board.in_the_way(macro, cell)
            named = (
                f"the macro {self.netlist.node_name[other]!r}" if other >= 0 else "another macro"
            )
            reason = f"it would overlap {named}"
        return (
            f"the macro {self._name(macro)!r} cannot go to cell {cell} (row {row}, column "
            f"{column}): {reason}"
        )

    def _name(self, macro: int) -> str:
        return self.netlist.node_name[self.board.order[macro]]

    def _shake_macros(self) -> None:
        macros = len(self.board.order)
        for macro in self.np_random.permutation(macros)[: round(self._shake * macros)]:
            cells = np.flatnonzero(self.board.legal(int(macro)))
            if len(cells):
                self.board.put(int(macro), int(self.np_random.choice(cells)))

    def _update_mask(self) -> None:
        if self.improves:
            self._mask[:] = True
        elif self._steps < self._horizon:
            self._mask = self.board.legal(self._current).ravel()
        else:
            self._mask[:] = False

    def _observation(self) -> Observation:
        maps, position = self.board.observe(self._current)
        return {
            "position": position,
            "standing": self.board.standing.astype(np.int8),
            "current": np.array([self._current], dtype=np.int64),
            "maps": maps,
            "mask": self._mask.astype(np.int8),
            "passed": np.array([self._steps / self._horizon], dtype=np.float32),
        }

    def _info(self) -> dict[str, Any]:
        cost = self.board.cost
        return {
            "action_mask": self._mask.astype(np.int8),
            "reward_terms": {
                "wirelength": cost.wirelength,
                "density": cost.density,
                "congestion": cost.congestion,
                "cost": cost.total,
            },
            "macro": self._name(self._current) if self._mask.any() else "",
            "placed": int(self.board.standing.sum()),
            "dead_end": self._dead_end,
            "refused": self._refused,
        }
