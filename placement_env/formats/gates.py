"""Structural Verilog of library cells, as yosys, Genus and Design Compiler write it.

`read` gives the module as written; `to_def` gives it as an unplaced DEF design for floorplanning,
`to_netlist` as a netlist for placement.
"""

from __future__ import annotations

from pathlib import Path

from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.formats import lefdef
from placement_env.formats.gate_module import GateModule, GatePort, plain_name, where_is
from placement_env.formats.gates_def import square_die, to_def
from placement_env.formats.gates_parser import ModuleParser
from placement_env.formats.lef_library import LefLibrary
from placement_env.formats.verilog_tokens import VerilogTokens
from placement_env.netlist import Canvas, Netlist

__all__ = ["GateModule", "GatePort", "read", "to_def", "to_netlist"]


def read(path: Path | str, top: str | None = None) -> GateModule:
    """Read the top module of a gate-level netlist, plain or gzipped.

    Modules without instances (models of memories, for example) are taken as library cells.

    Args:
        path: The Verilog file.
        top: Name of the module; by default the one that no other module instantiates.

    Raises:
        InputError: The file is missing, cut off or not gate level, the top module is not unique,
            or it instantiates other modules of the file (it must be flattened first).
    """
    tokens = VerilogTokens.of_file(path)
    modules = _modules(tokens)
    name = _top(tokens, modules, top)
    module = ModuleParser(tokens, *modules[name]).parse()
    for cell, instance in zip(module.instance_cell, module.instance_name, strict=True):
        if cell in modules and _instances(tokens, modules[cell]):
            raise InputError(
                f"{instance} is an instance of {cell}, a module of the same file; the netlist is "
                "hierarchical",
                where=where_is(module, instance),
                hint="flatten it before it is written (yosys: flatten)",
            )
    return module


def to_netlist(
    module: GateModule,
    library: LefLibrary,
    *,
    canvas: Canvas | None = None,
    utilization: float = 0.6,
) -> Netlist:
    """The module as an unplaced netlist.

    Args:
        module: The gates.
        library: Technology and cells.
        canvas: The placement region; by default a square from the origin that the cells and macros
            fill to `utilization`.
        utilization: Area of all instances over area of the estimated canvas.

    Raises:
        InputError: As `to_def`, or the utilization is not in (0, 1].
    """
    if canvas is None:
        corners = square_die(module, library, utilization)
    else:
        scale = library.dbu_per_um
        corners = (
            (round(canvas.left_um * scale), round(canvas.bottom_um * scale)),
            (round(canvas.right_um * scale), round(canvas.top_um * scale)),
        )
    return lefdef.to_netlist(to_def(module, library, die_area=corners), library)[0]


def _modules(tokens: VerilogTokens) -> dict[str, tuple[int, int]]:
    """First word after `module` and the index of `endmodule`, by module name."""
    modules: dict[str, tuple[int, int]] = {}
    words = tokens.words
    at = 0
    while at < len(words):
        if words[at] != "module":
            tokens.fail(
                f"expected module, found {words[at]!r}", at, hint="expected gate-level Verilog"
            )
        try:
            end = words.index("endmodule", at)
        except ValueError:
            end = -1
        if end < at + 3:
            name = "".join(words[at + 1 : at + 2])
            tokens.fail(
                f"the file ends inside module {name}" if end < 0 else "an empty module",
                len(words) - 1 if end < 0 else at,
                hint="the file was probably cut off; fetch or write it again",
            )
        name = plain_name(words[at + 1])
        if name in modules:
            tokens.fail(f"module {name} is defined twice", at)
        modules[name] = at + 1, end
        at = end + 1
    if not modules:
        raise InputError(
            "the file has no module", where=tokens.path, hint="expected gate-level Verilog"
        )
    return modules


def _top(tokens: VerilogTokens, modules: dict[str, tuple[int, int]], top: str | None) -> str:
    """The chosen module, or the only one that no other instantiates."""
    if top is not None:
        if top not in modules:
            raise InputError(
                f"module {top} is not in the file, which has {', '.join(list(modules)[:5])}",
                where=tokens.path,
                hint=did_you_mean(top, modules),
            )
        return top
    if len(modules) == 1:
        return next(iter(modules))
    instantiated = {cell for body in modules.values() for cell in _instances(tokens, body)}
    tops = [name for name in modules if name not in instantiated]
    # Models of library cells stand beside the top module without being used by another.
    gates = [name for name in tops if _instances(tokens, modules[name])]
    if len(gates) != 1:
        found = ", ".join((gates or tops)[:5]) or "none"
        raise InputError(
            f"the file has no single top module; candidates: {found}",
            where=tokens.path,
            hint="name the top module",
        )
    return gates[0]


def _instances(tokens: VerilogTokens, body: tuple[int, int]) -> set[str]:
    """The cells and modules that a module instantiates with named connections."""
    words = tokens.words
    cells: set[str] = set()
    at, end = body
    while at < end:
        try:
            stop = words.index(";", at, end)
        except ValueError:
            break
        if words[at + 2 : at + 4] == ["(", "."] and words[at - 1] != "module":
            cells.add(plain_name(words[at]))
        at = stop + 1
    return cells
