"""A Gymnasium environment in which an agent places hard macros one by one; see `MacroPlacementEnv`.

`import placement_env.registration` makes it known as `chipflow/MacroPlacement-v0`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from placement_env.cost.model import cost_model
from placement_env.cost.proxy import ProxyCost, evaluate
from placement_env.env_input import load
from placement_env.errors import InputError
from placement_env.graph import adjacency, node_features, relative_positions
from placement_env.macro_grid import MacroGrid
from placement_env.netlist import (
    FloatArray,
    Grid,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    oriented_size,
)
from placement_env.raster import raster
from placement_env.soft_rule import SoftRule

Observation = dict[str, Any]


class MacroPlacementEnv(gymnasium.Env[Observation, np.int64]):
    """Place the hard macros of a netlist one by one on a grid; the reward is the proxy cost.

    ## Description
    The netlist is that of a chip: ports and fixed macros stand still, hard macros are placed by the
    agent, largest first, and soft macros and standard cells follow by a rule (`soft_rule.py`). An
    episode places every movable hard macro once.

    ## Action Space
    `Discrete(columns * rows)`: the grid cell for the current macro, `row * columns + column`, row 0
    at the bottom. The macro's centre goes to the cell's centre, moved inwards just so far that the
    macro lies inside the canvas. Orientations stay as the start placement has them.

    A cell is legal if the macro there overlaps no placed and no fixed macro, exactly. Legal cells
    are 1 in `info["action_mask"]` and in the observation's `mask`, and True in `action_masks()`.

    ## Observation Space
    `Dict` of `Box`, N the number of nodes:

    | key | shape | range | what |
    | --- | --- | --- | --- |
    | nodes | (N, 12) float32 | [0, 1] | features of `graph.node_features` (kind, size, degree), |
    | | | | then x and y as shares of the canvas, placed (1) or not, current (1) or not |
    | current | (1,) int64 | [0, N - 1] | node to place now |
    | mask | (columns * rows,) int8 | {0, 1} | legal cells |
    | occupancy | (rows, columns) float32 | [0, 1] | share of each cell under placed macros |
    | pull | (rows, columns) float32 | [0, 1] | distance from each cell to what the current macro |
    | | | | is connected to, weighted; 0 at the best cell, 1 at the worst |

    Nodes that are not placed yet are where their nets pull them. The edges between the nodes never
    change within an environment: `env.unwrapped.edges`, a SciPy sparse matrix [N, N].

    ## Rewards
    The proxy cost is wirelength + 0.5 density + 0.5 congestion of all nodes (`cost.proxy`, exact).
    Macros that are not placed yet are points where their nets pull them: they add to wirelength
    and routes, and cover nothing.
    - `reward="dense"`: by how much the step changed the cost, negated. The rewards of an episode
      sum to the cost before the first step minus the final cost.
    - `reward="terminal"`: minus the final cost on the last step, else 0.

    An illegal action, and a step after which the next macro has no legal cell, end the episode with
    `-dead_end_penalty` on top.

    ## Starting State
    No movable hard macro is placed. `reset` checks that the netlist is feasible. The start is the
    same for every seed.

    ## Episode End
    - Termination: all movable hard macros are placed, or a dead end (see Rewards).
    - Truncation: never; an episode has at most as many steps as there are macros.

    ## Information
    `reset` and `step` return
    - `action_mask`: (columns * rows,) int8, legal cells of the current macro; all 0 at the end.
    - `reward_terms`: dict of `wirelength`, `density`, `congestion` and `cost` as things stand.
    - `macro`: name of the current macro; empty at the end.
    - `placed`: number of macros placed.
    - `dead_end`: "" or the reason why the episode ended early.

    `env.unwrapped.placement()` is the placement as it stands.

    ## Arguments
    - `netlist`: a `Netlist`, or a path: `.pb.txt` of Circuit Training (with a `.plc`) or `.aux` of
      Bookshelf, gzipped or not.
    - `placement`: a `Placement` with the positions of ports and fixed macros, or the path of a
      `.plc`, which also states canvas and grid. By default: `initial.plc` beside a `.pb.txt`, and
      what a Bookshelf design comes with.
    - `grid`: routing grid for netlists without one (`netlist.Grid`); the cost needs it.
    - `columns`, `rows`: size of the action grid; by default that of the routing grid.
    - `reward`: "dense" or "terminal".
    - `spread`: how evenly soft macros and cells spread, 0 to 1.
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
        grid: Grid | None = None,
        columns: int | None = None,
        rows: int | None = None,
        reward: Literal["dense", "terminal"] = "dense",
        spread: float = 0.5,
        dead_end_penalty: float = 5.0,
        render_mode: str | None = None,
    ) -> None:
        if reward not in ("dense", "terminal"):
            raise InputError(f"reward is {reward!r}, expected 'dense' or 'terminal'")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InputError(f"render_mode is {render_mode!r}, expected None or 'rgb_array'")
        self.netlist, self.start = load(netlist, placement, grid)
        self.render_mode = render_mode
        self._dense = reward == "dense"
        self._penalty = float(dead_end_penalty)
        model = cost_model(self.netlist, self.start.orient)
        nodes = model.nodes  # with flags of our own, which macros switch on when they are placed
        nodes = nodes._replace(is_macro=nodes.is_macro.copy(), is_hard=nodes.is_hard.copy())
        self._model = replace(model, nodes=nodes)
        assert self.netlist.grid is not None
        self.grid = MacroGrid(
            self.netlist.canvas,
            columns or self.netlist.grid.columns,
            rows or self.netlist.grid.rows,
        )
        self.edges = adjacency(self.netlist)
        self._width, self._height = oriented_size(self.netlist, self.start)
        hard = self.netlist.node_kind == NodeKind.HARD_MACRO
        self._fixed_macros = np.flatnonzero(hard & self.netlist.fixed)
        self.order = _largest_first(self.netlist, np.flatnonzero(hard & ~self.netlist.fixed))
        self._soft = SoftRule(self.netlist, ~hard & ~self.netlist.fixed, spread=spread)
        self._features = node_features(self.netlist).astype(np.float32)
        everything = SoftRule(self.netlist, ~self.netlist.fixed, spread=spread)
        self._unplaced = everything.place(self.start.x_um, self.start.y_um)

        cells, nodes = self.grid.columns * self.grid.rows, self.netlist.num_nodes
        shape, features = (self.grid.rows, self.grid.columns), self._features.shape[1] + 4
        self.action_space = spaces.Discrete(cells)
        self.observation_space = spaces.Dict(
            {
                "nodes": spaces.Box(0.0, 1.0, (nodes, features), np.float32),
                "current": spaces.Box(0, nodes - 1, (1,), np.int64),
                "mask": spaces.Box(0, 1, (cells,), np.int8),
                "occupancy": spaces.Box(0.0, 1.0, shape, np.float32),
                "pull": spaces.Box(0.0, 1.0, shape, np.float32),
            }
        )
        self._begin()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Take all movable hard macros off.

        Raises:
            InputError: The netlist has no movable hard macro, or one that has no legal place.
        """
        super().reset(seed=seed)
        self._check_feasible()
        self._begin()
        return self._observation(), self._info()

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Place the current macro.

        Raises:
            InputError: The episode is over, or the action is no cell of the grid.
        """
        if self._step >= len(self.order) or self._dead_end:
            raise InputError("the episode is over", hint="call reset() first")
        if not self.action_space.contains(action):
            raise InputError(f"action {action!r} is outside {self.action_space}")
        before = self._cost.total
        reward = 0.0
        if self._mask[int(action)]:
            self._put(self.order[self._step], int(action))
            self._step += 1
            self._update()
            if self._dense:
                reward = before - self._cost.total
            if self._step < len(self.order) and not self._mask.any():
                self._dead_end = "the next macro has no legal cell"
        else:
            self._dead_end = "the cell is not legal"
        terminated = self._step == len(self.order) or bool(self._dead_end)
        if terminated and not self._dense:
            reward -= self._cost.total
        if self._dead_end:
            reward -= self._penalty
            self._mask = np.zeros_like(self._mask)
        return self._observation(), float(reward), terminated, False, self._info()

    def action_masks(self) -> NDArray[np.bool_]:
        """(columns * rows,) legal cells of the current macro, as SB3-contrib's MaskablePPO asks."""
        return self._mask.copy()

    def placement(self) -> Placement:
        """Where everything is now; macros that are not placed are where their nets pull them."""
        return Placement(self._x.copy(), self._y.copy(), self.start.orient.copy())

    def proxy_cost(self) -> ProxyCost:
        """The proxy cost of `placement()`."""
        return self._cost

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """(height, width, 3) picture of the placed macros, the soft ones and the current one."""
        if self.render_mode is None:
            return None
        soft = self.netlist.nodes_of(NodeKind.SOFT_MACRO)
        current = self.order[self._step : self._step + 1]
        return raster(
            self.netlist.canvas,
            [
                (self._boxes(soft), (214, 230, 210), (188, 210, 183)),
                (self._boxes(self._standing()), (74, 111, 165), (38, 64, 103)),
                (self._boxes(current), (230, 159, 0), (150, 100, 0)),
            ],
        )

    def _begin(self) -> None:
        self._x, self._y = self.start.x_um.copy(), self.start.y_um.copy()
        self._x[self.order], self._y[self.order] = (axis[self.order] for axis in self._unplaced)
        self._model.nodes.is_macro[self.order] = self._model.nodes.is_hard[self.order] = False
        self._step = 0
        self._dead_end = ""
        self._update()

    def _put(self, macro: int, action: int) -> None:
        row, column = divmod(action, self.grid.columns)
        x, y = self.grid.candidates(*self._size(macro))
        self._x[macro], self._y[macro] = x[column], y[row]
        self._model.nodes.is_macro[macro] = self._model.nodes.is_hard[macro] = True

    def _update(self) -> None:
        """Bring soft macros, cost and mask up to date with the placed macros."""
        self._x, self._y = self._soft.place(self._x, self._y)
        self._cost = evaluate(self._model, self._x, self._y)
        if self._step < len(self.order):
            macro = self.order[self._step]
            placed = self._boxes(self._standing())
            self._mask = self.grid.legal(*self._size(macro), placed).ravel()
        else:
            self._mask = np.zeros(self.grid.columns * self.grid.rows, dtype=bool)

    def _standing(self) -> IntArray:
        """Hard macros that are in the way: fixed or placed."""
        return np.concatenate([self._fixed_macros, self.order[: self._step]])

    def _boxes(self, macros: IntArray) -> FloatArray:
        """[K, 4] left, bottom, right and top, of centres rounded as `legality` rounds them."""
        x = self._x[macros].astype(np.float32).astype(np.float64)
        y = self._y[macros].astype(np.float32).astype(np.float64)
        half_width, half_height = self._width[macros] / 2, self._height[macros] / 2
        return np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1)

    def _size(self, macro: int) -> tuple[float, float]:
        """Width and height of a macro as it lies."""
        return float(self._width[macro]), float(self._height[macro])

    def _current(self) -> int:
        """The node to place now; the last one when all are placed."""
        return int(self.order[min(self._step, len(self.order) - 1)])

    def _observation(self) -> Observation:
        current = self._current()
        x, y = relative_positions(self.netlist, Placement(self._x, self._y, self.start.orient))
        state = np.zeros((self.netlist.num_nodes, 4), dtype=np.float32)
        state[:, 0], state[:, 1] = x.clip(0.0, 1.0), y.clip(0.0, 1.0)
        state[:, 2] = self.netlist.fixed
        state[self.order[: self._step], 2] = 1.0
        state[current, 3] = 1.0
        return {
            "nodes": np.concatenate([self._features, state], axis=1),
            "current": np.array([current], dtype=np.int64),
            "mask": self._mask.astype(np.int8),
            "occupancy": self.grid.covered(self._boxes(self._standing())).astype(np.float32),
            "pull": self._pull(current),
        }

    def _pull(self, macro: int) -> NDArray[np.float32]:
        """[rows, columns] weighted Manhattan distance to the macro's neighbours, in [0, 1]."""
        begin, end = self.edges.indptr[macro : macro + 2]
        near, weight = self.edges.indices[begin:end], self.edges.data[begin:end]
        x, y = self.grid.candidates(*self._size(macro))
        along_x = np.abs(x[:, None] - self._x[near]) @ weight  # [columns]
        along_y = np.abs(y[:, None] - self._y[near]) @ weight  # [rows]
        pull = along_y[:, None] + along_x[None, :]
        low, high = float(pull.min()), float(pull.max())
        return ((pull - low) / (high - low) if high > low else np.zeros_like(pull)).astype(
            np.float32
        )

    def _info(self) -> dict[str, Any]:
        cost = self._cost
        going_on = self._step < len(self.order) and not self._dead_end
        return {
            "action_mask": self._mask.astype(np.int8),
            "reward_terms": {
                "wirelength": cost.wirelength,
                "density": cost.density,
                "congestion": cost.congestion,
                "cost": cost.total,
            },
            "macro": self.netlist.node_name[self._current()] if going_on else "",
            "placed": self._step,
            "dead_end": self._dead_end,
        }

    def _check_feasible(self) -> None:
        name, canvas = self.netlist.node_name, self.netlist.canvas
        if len(self.order) == 0:
            raise InputError(
                "the netlist has no movable hard macro to place",
                where=self.netlist.name,
                hint="is it the right netlist, and are its macros marked as fixed?",
            )
        fixed = self._boxes(self._fixed_macros)
        for macro in self.order:
            width, height = self._size(macro)
            if not self.grid.legal(width, height, fixed).any():
                reason = "fixed macros leave no room for it" if len(fixed) else "it does not fit"
                raise InputError(
                    f"the macro {name[macro]!r} of {width:g} x {height:g} um has no legal cell on "
                    f"the canvas of {canvas.width_um:g} x {canvas.height_um:g} um: {reason}",
                    where=self.netlist.name,
                    hint="enlarge the canvas, or use a finer grid (columns, rows)",
                )
        area = float((self._width[self.order] * self._height[self.order]).sum())
        if area > canvas.width_um * canvas.height_um:
            raise InputError(
                f"the hard macros have {area:g} um2, the canvas "
                f"{canvas.width_um * canvas.height_um:g} um2; the largest macro is "
                f"{name[self.order[0]]!r}",
                where=self.netlist.name,
                hint="enlarge the canvas",
            )


def _largest_first(netlist: Netlist, macros: IntArray) -> IntArray:
    area = netlist.width_um[macros] * netlist.height_um[macros]
    return macros[np.argsort(-area, kind="stable")]
