"""The options that say how macros are placed, for the commands that place them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from agents import floorplanner, legal_start, placers
from agents.flat import inputs
from agents.flat.device import balance_on
from agents.lattice import MARGIN_UM, make_lattice
from agents.progress import ProgressCallback
from benchmarks.placement import is_flat
from placement_env.cores import usable_cores
from placement_env.cost.model import cost_model
from placement_env.cost.proxy import check_positions
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.legality import check_fixed, outside
from placement_env.netlist import Netlist, NodeKind, Placement, oriented_size
from placement_env.route_estimate import TrackSupply

#: Names in an error; more would hide the hint.
_NAMED = 3


@dataclass(frozen=True)
class MacroOptions:
    """How macros are placed. Options that are not given are the placer's own.

    Attributes:
        agent: Name of the placer of macros, as `agents.placers` has it.
        fixed: Names of nodes that stay where the start has them.
        hard_only: Soft macros stay where the start has them.
        from_nothing: Movable macros have no place yet.
        gap_um: Least distance between hard macros.
        grid_um: Lower left corners of macros are multiples of it.
        flips: Hard macros may be mirrored.
        cores: Processor cores that are used; all when None.
        moves: Try so many moves, whatever time they take.
        device: Where the flat placer spreads macros and cells (`agents.flat.device`).
        routability: Cells are spread out where wires would be more than the tracks.
    """

    agent: str = "search"
    fixed: Sequence[str] = ()
    hard_only: bool = False
    from_nothing: bool = False
    gap_um: float = 0.0
    grid_um: float | None = None
    flips: bool = False
    cores: int | None = None
    moves: int | None = None
    device: str = "cpu"
    routability: bool = False

    def record(self) -> dict[str, object]:
        """The options as plain values, for a file that says how its results were made."""
        values = asdict(self)
        return values | {"fixed": sorted(self.fixed), "cores": self.cores or usable_cores()}

    def problem(self, netlist: Netlist, start: Placement) -> tuple[Netlist, Placement]:
        """The netlist with everything fixed that is not to move, and its start.

        Soft macros that stick out by no more than files round are moved inside: those of published
        placements do.

        Raises:
            InputError: A node is unknown, or a netlist with cells was to be placed by its hard
                macros alone.
        """
        fixed = netlist.fixed.copy()
        fixed[_nodes_named(netlist, self.fixed)] = True
        if self.hard_only:
            if is_flat(netlist):
                raise InputError(
                    "--hard-only is for clustered netlists, and this one has standard cells",
                    where=netlist.name,
                    hint="leave it out: cells are placed around the macros",
                )
            fixed[netlist.nodes_of(NodeKind.SOFT_MACRO)] = True
        netlist = replace(netlist, fixed=fixed)
        return netlist, _inside(netlist, start)

    def check(
        self,
        netlist: Netlist,
        start: Placement,
        budget_s: float,
        tracks: TrackSupply | None = None,
    ) -> None:
        """Refuse at once what cannot be placed.

        Raises:
            InputError: Agent, budget, device or an option cannot be used; a macro does not fit into
                the canvas; fixed macros overlap or stick out.
        """
        netlist, start = self.problem(netlist, start)
        for name in self._given():
            if name not in placers.options_of(self.agent, netlist):
                raise InputError(
                    f"the agent {self.agent!r} has no option --{name.removesuffix('_um')}",
                    hint=f"leave it out, or use --agent {'flat' if name == 'device' else 'search'}",
                )
        if self.agent == "flat":
            balance_on(self.device)
        if self.routability:
            self._check_routability(netlist, tracks)
        if self.grid_um is not None and is_flat(netlist):
            raise InputError(
                "--grid is for clustered netlists: beside cells, macros lie on rows and sites",
                where=netlist.name,
                hint="leave it out",
            )
        if self.moves is None and not 0 < budget_s < float("inf"):
            raise InputError(
                f"the budget is {budget_s:g} s, expected more than 0", hint="give --budget SECONDS"
            )
        check_positions(netlist, start)
        if placers.is_floorplan(netlist):
            floorplanner.check(netlist, start)
            return
        if is_flat(netlist):
            inputs.check_fits(netlist, start)
            return
        model = cost_model(netlist, start.orient)
        hard, soft = legal_start.movable(netlist, model)
        legal_start.check_fits(netlist, model, hard=hard, soft=soft)
        make_lattice(netlist, model, gap_um=self.gap_um, grid_um=self.grid_um)
        check_fixed(netlist, start)

    def place(
        self,
        netlist: Netlist,
        start: Placement,
        *,
        budget_s: float,
        seed: int,
        progress: ProgressCallback | None = None,
        tracks: TrackSupply | None = None,
    ) -> Placement:
        """Place what is not fixed; the routing tracks are for `routability`."""
        netlist, start = self.problem(netlist, start)
        given = self._given() | ({"tracks": tracks} if self.routability else {})
        return placers.named(self.agent)(
            netlist,
            start,
            budget_s=budget_s,
            seed=seed,
            progress=progress,
            gap_um=self.gap_um,
            from_nothing=self.from_nothing,
            **given,
        )

    def _check_routability(self, netlist: Netlist, tracks: TrackSupply | None) -> None:
        """Raise `InputError` where cells cannot be spread for wires."""
        if not is_flat(netlist):
            raise InputError(
                "--routability makes standard cells wider, and this netlist has none",
                where=netlist.name,
                hint="leave it out: the proxy cost counts congestion",
            )
        if "tracks" not in placers.options_of(self.agent, netlist):
            raise InputError(
                f"the agent {self.agent!r} has no option --routability",
                hint="leave it out, or use --agent flat",
            )
        if tracks is None:
            raise InputError(
                "--routability needs the routing tracks, and the files of this netlist state none",
                where=netlist.name,
                hint="leave it out, or give a DEF with TRACKS for layers of both directions",
            )

    def _given(self) -> dict[str, Any]:
        """The options that have been given, of those that only some placers have."""
        options = {
            "grid_um": self.grid_um,
            "flips": self.flips or None,
            "cores": self.cores,
            "moves": self.moves,
            "device": self.device if self.device != "cpu" else None,
        }
        return {name: value for name, value in options.items() if value is not None}


def _inside(netlist: Netlist, start: Placement) -> Placement:
    """The start with fixed soft macros that stick out by rounding moved inside."""
    soft = np.intersect1d(outside(netlist, start), netlist.nodes_of(NodeKind.SOFT_MACRO))
    soft = soft[netlist.fixed[soft]]
    if not soft.size:
        return start
    canvas = netlist.canvas
    centres = []
    for centre, size, low, high in zip(
        (start.x_um, start.y_um),
        oriented_size(netlist, start),
        (canvas.left_um, canvas.bottom_um),
        (canvas.right_um, canvas.top_um),
        strict=True,
    ):
        half = size[soft] / 2 + MARGIN_UM
        inside = np.clip(centre[soft], low + half, high - half)
        near = np.abs(inside - centre[soft]) <= 2 * MARGIN_UM
        centres.append(centre.copy())
        centres[-1][soft] = np.where(near, inside, centre[soft])
    return replace(start, x_um=centres[0], y_um=centres[1])


def _nodes_named(netlist: Netlist, names: Iterable[str]) -> list[int]:
    """The nodes with these names.

    Raises:
        InputError: One is not in the netlist.
    """
    number = {name: node for node, name in enumerate(netlist.node_name)}
    unknown = [name for name in names if name not in number]
    if unknown:
        macros = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
        near = did_you_mean(unknown[0], [netlist.node_name[node] for node in macros])
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        examples = ", ".join(netlist.node_name[node] for node in macros[:_NAMED])
        raise InputError(
            f"--fix: the netlist has no node {unknown[0]!r}{more}",
            where=netlist.name,
            hint=near or f"its macros are called {examples}",
        )
    return [number[name] for name in names]
