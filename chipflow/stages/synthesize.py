"""Synthesis: from the sources to gates of the PDK's library and to its memory macros."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from difflib import get_close_matches

from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import memory_folder, rtl_files, synthesis, yosys_workspace
from chipflow.tools.rtl_files import RtlFiles
from chipflow.tools.synthesis import Gates, MappedMemories, WordLevel
from placement_env.errors import InputError


def run(ctx: StageContext) -> StageResult:
    """Reads the sources, maps memories to macros and logic to cells.

    Raises:
        InputError: The sources cannot be built; the message names their file and line.
    """
    design = ctx.design
    rtl = rtl_files.read(ctx.files["rtl"], design_folder=design.folder)
    workspace = yosys_workspace.prepare(
        ctx.out_dir / "yosys", rtl, top=design.top, defines=design.defines, pdk=ctx.pdk
    )
    word_level = synthesis.read_design(workspace)
    memories = synthesis.map_memories(workspace, word_level, min_bits=design.macros.min_bits)
    gates = synthesis.map_gates(
        workspace,
        memories.macros,
        clock_port=design.clock.port,
        period_ns=design.clock.period_ns,
        port_order=_declared_ports(ctx, rtl),
    )
    _check_result(ctx, gates)
    remarks = list(_remarks(rtl, word_level, memories, gates, design.macros.min_bits))
    for remark in remarks:
        ctx.log(remark)

    (workspace.folder / "gates.v").rename(ctx.out_dir / "gates.v")
    memory_folder.write(ctx.out_dir / "memories", memories.macros, gates.instances)
    report = {
        "top": design.top,
        "cells": gates.cells,
        "area_um2": gates.area_um2,
        "registers": gates.register_count,
        "memories": [asdict(memory) for memory in word_level.memories],
        "macros": gates.instances,
        "memories_as_registers": memories.registers,
        "remarks": remarks,
    }
    text = json.dumps(report, indent=1) + "\n"
    (ctx.out_dir / "synthesis.json").write_text(text, encoding="utf-8")
    yosys_workspace.keep_scripts_and_logs(workspace)

    macro_count = sum(len(names) for names in gates.instances.values())
    cell_count = sum(gates.cells.values()) - macro_count
    note = f"{cell_count:,} cells, {gates.register_count:,} registers, {macro_count} memories"
    return StageResult(
        files={
            "gates_verilog": "gates.v",
            "memories": "memories",
            "synthesis_report": "synthesis.json",
        },
        metrics={
            "synthesis__instance__count": cell_count,
            "synthesis__instance__area_um2": gates.area_um2,
            "synthesis__register__count": gates.register_count,
            "synthesis__memory__count": macro_count,
        },
        note=f"{note}; remarks: {len(remarks)}" if remarks else note,
    )


def _declared_ports(ctx: StageContext, rtl: RtlFiles) -> list[str]:
    """Names of the top module's ports as the RTL declares them; none where slang cannot tell."""
    from llm_stages import slang

    design = ctx.design
    elaborated = slang.elaborate(
        rtl.sources,
        tops=[design.top],
        include_dirs=rtl.include_dirs,
        defines=design.defines,
        ignore_unknown_modules=True,
    )
    return [port.name for port in elaborated.ports(design.top) or ()]


def _check_result(ctx: StageContext, gates: Gates) -> None:
    if not gates.cells:
        raise InputError(
            f"nothing is left of {ctx.design.top} after synthesis",
            hint="make its outputs depend on its inputs",
        )
    clock = ctx.design.clock.port
    if clock not in gates.inputs and (gates.register_count or gates.instances):
        guess = get_close_matches(clock, gates.inputs, 1)
        raise InputError(
            f"{ctx.design.top} has registers but no input port {clock!r}",
            where=f"{ctx.design.folder / 'design.toml'}, [clock] port",
            hint=f"did you mean {guess[0]!r}?" if guess else f"one of: {', '.join(gates.inputs)}",
        )


def _remarks(
    rtl: RtlFiles, design: WordLevel, memories: MappedMemories, gates: Gates, min_bits: int
) -> Iterator[str]:
    """What the user should know: each line names a place or a net."""
    if design.slang_note:
        yield f"read with Yosys's own front end, since slang cannot read {design.slang_note}"
    for memory in design.memories:
        size = f"memory {memory.name} ({memory.words} x {memory.bits})"
        where = rtl.place_of_src(memory.place)
        if reason := memories.registers.get(memory.name):
            if memory.size_bits >= min_bits:
                yield f"{where}: {size} becomes flip-flops and gates: {reason}"
        elif memory.has_start_value:
            yield f"{where}: {size} starts with contents in the RTL; its macro starts unknown"
    for src, count in gates.latches.items():
        where = rtl.place_of_src(src)
        yield f"{where}: latches: {count}; assign the signal in every branch if that is a slip"
    if design.start_values:
        yield (
            f"registers with a start value in the RTL: {len(design.start_values)}, such as "
            f"{design.start_values[0]}; a chip starts with any value, so reset them"
        )
    if design.undriven:
        names = ", ".join(design.undriven[:5])
        yield f"net bits without a driver, which become 0: {len(design.undriven)}, such as {names}"


STAGE = Stage(
    name="synthesize",
    run=run,
    reads=("rtl",),
    gives=("gates_verilog", "memories", "synthesis_report"),
    settings=("top", "defines", "clock.port", "clock.period_ns", "macros.min_bits"),
    tools=("pyosys", "pyslang"),
)
