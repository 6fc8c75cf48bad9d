"""What `MacroPlacementEnv` is given, as a netlist with a grid and a placement of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from placement_env.cost.proxy import check_positions
from placement_env.errors import InputError
from placement_env.formats import bookshelf, ct_protobuf, plc
from placement_env.netlist import (
    Grid,
    Netlist,
    NodeKind,
    Placement,
    check_netlist,
    largest_misfit,
)


def load(
    netlist: Netlist | str | Path, placement: Placement | str | Path | None, grid: Grid | None
) -> tuple[Netlist, Placement]:
    """The netlist with a grid, and a placement that fits it.

    Args:
        netlist: A netlist, or the path of a .pb.txt or .aux, gzipped or not.
        placement: A placement, or the path of a .plc; None for what comes with the file.
        grid: Takes the place of the netlist's own grid.

    Raises:
        InputError: A file cannot be used, positions are missing, or something does not fit.
    """
    if not isinstance(netlist, Netlist):
        path = Path(netlist)
        plain = path.name.removesuffix(".gz")
        if plain.endswith(".pb.txt"):
            netlist, found = ct_protobuf.read(path)
            placement = placement or _plc_beside(path)
        elif plain.endswith(".aux"):
            netlist, found = bookshelf.read(path, allow_unplaced=True)
        else:
            raise InputError(
                f"the netlist {str(path)!r} is of no known kind",
                hint="expected .pb.txt or .aux, gzipped or not",
            )
        placement = found if placement is None else placement
    if isinstance(placement, (str, Path)):
        netlist, placement = plc.read(Path(placement), netlist)
    if placement is None:
        raise InputError(
            "the environment needs the positions of ports and fixed macros",
            where=netlist.name,
            hint="pass placement=, a Placement or the path of a .plc",
        )
    if grid is not None:
        netlist = replace(netlist, grid=grid)
    if netlist.grid is None:
        raise InputError(
            "the netlist has no routing grid, which the proxy cost needs",
            where=netlist.name,
            hint="pass grid=, made with placement_env.gridding.default_grid",
        )
    check_netlist(netlist)
    misfit = largest_misfit(netlist)
    if misfit is not None and netlist.node_kind[misfit[0]] == NodeKind.SOFT_MACRO:
        raise InputError(
            f"the soft macro {netlist.node_name[misfit[0]]!r} is larger than the canvas",
            where=netlist.name,
            hint="group its cells into smaller ones",
        )
    check_positions(netlist, placement)
    if placement.size_um is not None:  # Soft blocks keep the shapes that they have.
        width_um, height_um = placement.size_um.T
        netlist = replace(netlist, width_um=width_um, height_um=height_um)
    return netlist, placement


def _plc_beside(path: Path) -> Path:
    for name in ("initial.plc", "legalized.plc"):
        if (found := path.with_name(name)).exists():
            return found
    raise InputError(
        "a Circuit Training netlist needs a .plc, which states canvas and grid",
        where=str(path),
        hint="pass placement=, or put initial.plc beside the netlist",
    )
