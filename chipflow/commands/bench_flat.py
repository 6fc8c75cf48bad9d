"""`chipflow bench flat`: what each part of the flat placer gives, and where its time goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.flat.detailed.refine import StepGain
    from benchmarks.files import Benchmark
    from placement_env.netlist import Placement


@dataclass(frozen=True)
class Part:
    """The placer without one of its parts, on one design.

    Attributes:
        design: The design.
        without: What was left out or replaced; "" for nothing.
        hpwl_um: Half-perimeter wirelength of the result.
        legal: Whether the result is legal.
        wall_s: Time that it took.
    """

    design: str
    without: str
    hpwl_um: float
    legal: bool
    wall_s: float


def flat(
    designs: Annotated[
        str, typer.Option(metavar="A,B,...", help="Benchmarks with cells, or files of such.")
    ] = "ibm01,ibm03,ispd18_test1",
    lef: Annotated[
        list[Path] | None,
        typer.Option("--lef", metavar="FILE", help="LEF file of a .def netlist; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the placer.", min=0)] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write parts.json and parts.md here.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Place designs with the flat placer, whole and with one part after the other left out."""
    from agents.flat.inputs import checked_start
    from agents.flat.placer import compile_kernels, place_macros
    from chipflow.commands.inputs import load_netlist, make_folder
    from chipflow.commands.progress_lines import ProgressLines
    from placement_env.formats.text import write_text

    steps: dict[str, list[StepGain]] = {}
    parts: list[Part] = []
    folder = make_folder(out) if out else None
    with ProgressLines(quiet=quiet) as show:
        compile_kernels(show.say)
        for name in filter(None, map(str.strip, designs.split(","))):
            benchmark = load_netlist(name, lef or [])
            start = checked_start(benchmark.netlist, benchmark.placements["initial"])
            steps[benchmark.name] = []
            macros_at = place_macros(benchmark.netlist, start, seed=seed)
            on_step = steps[benchmark.name].append
            for without, place in _variants(benchmark, macros_at, seed, on_step):
                parts.append(_measured(benchmark, without, place))
                show.say(
                    f"{benchmark.name}, without {without or 'nothing'}: "
                    f"{parts[-1].hpwl_um:,.0f} in {parts[-1].wall_s:.1f} s"
                )
            parts.append(_quick(benchmark, macros_at, seed))
    text = _markdown(steps, parts)
    typer.echo(text, nl=False)
    if folder:
        record: dict[str, Any] = {
            "seed": seed,
            "steps": {name: [asdict(step) for step in of] for name, of in steps.items()},
            "parts": [asdict(part) for part in parts],
        }
        write_text(folder / "parts.json", json.dumps(record, indent=2) + "\n")
        write_text(folder / "parts.md", text)


def _variants(
    benchmark: Benchmark, legal: Placement, seed: int, on_step: Callable[[StepGain], None]
) -> list[tuple[str, Callable[[], Placement]]]:
    """The whole placer, and what it is without each part; `legal` is what `place_macros` gives."""
    from agents.flat.detailed.refine import STEPS, refine
    from agents.flat.placer import place, place_cells, place_macros, rough_places
    from agents.flat.row_legal import legalize_rows
    from agents.macro_rows import on_rows

    netlist, start = benchmark.netlist, benchmark.placements["initial"]
    rough = rough_places(netlist, start, seed=seed)
    has_macros = rough is not start

    def cells(at: Placement, detailed: tuple[str, ...] = STEPS) -> Placement:
        return place_cells(netlist, at, seed=seed, onwards=has_macros, detailed=detailed)

    variants: list[tuple[str, Callable[[], Placement]]] = [
        ("", lambda: place(netlist, start, seed=seed, on_step=on_step))
    ]
    if has_macros:
        variants += [
            (
                "local search on macros",
                lambda: cells(place_macros(netlist, start, seed=seed, search=False)),
            ),
            (
                "spreading again from legal macros",
                lambda: cells(place_macros(netlist, start, seed=seed, settlings=0)),
            ),
            (
                "that, local search and the macros' order (each to the nearest place, "
                "large ones first)",
                lambda: cells(on_rows(netlist, rough, seed=seed)),
            ),
            (
                "spreading cells once more",
                lambda: refine(netlist, legalize_rows(netlist, legal), seed=seed)[0],
            ),
        ]
    variants.append(("detailed placement", lambda: cells(legal, ())))
    flips = netlist.unit_um is not None
    for name in STEPS:
        if flips or name != "flipping":
            rest = tuple(step for step in STEPS if step != name)
            variants.append((name, lambda rest=rest: cells(legal, rest)))
    return variants


def _measured(benchmark: Benchmark, without: str, place: Callable[[], Placement]) -> Part:
    from placement_env.netlist import hpwl_um
    from placement_env.row_legality import check_rows

    began = time.perf_counter()
    placement = place()
    wall_s = time.perf_counter() - began
    start = benchmark.placements["initial"]
    legal = check_rows(benchmark.netlist, placement, start=start).legal
    return Part(benchmark.name, without, hpwl_um(benchmark.netlist, placement), legal, wall_s)


def _quick(benchmark: Benchmark, macros_at: Placement, seed: int) -> Part:
    """The wirelength that training compares placements of macros by, in place of a placement."""
    from agents.flat.placer import quick_wirelength_um

    began = time.perf_counter()
    quick_um = quick_wirelength_um(benchmark.netlist, macros_at, seed=seed)
    wall_s = time.perf_counter() - began
    return Part(benchmark.name, "all after the macros (quick wirelength)", quick_um, True, wall_s)


def _markdown(steps: dict[str, list[StepGain]], parts: list[Part]) -> str:
    """Both tables: wirelength and seconds after each step, then the cost of leaving parts out."""
    from agents.flat.detailed.refine import STEPS

    lines = [
        "| design | step | HPWL after it | gained | seconds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, taken in steps.items():
        for step in taken:
            if step.step not in STEPS:
                lines.append(
                    f"| {name} | {step.step} | {step.after_um:,.0f} | | {step.seconds:.1f} |"
                )
        for detailed in STEPS:
            rounds = [step for step in taken if step.step == detailed]
            if rounds:
                gained = sum(step.before_um - step.after_um for step in rounds)
                seconds = sum(step.seconds for step in rounds)
                lines.append(
                    f"| {name} | {detailed}, all rounds | | {gained:,.0f} | {seconds:.1f} |"
                )
    lines += ["", "| design | without | HPWL | longer by | seconds |"]
    lines.append("| --- | --- | --- | --- | --- |")
    whole = {part.design: part.hpwl_um for part in parts if not part.without}
    for part in parts:
        rise = round(part.hpwl_um / whole[part.design] - 1, 3) + 0.0  # no minus before a zero
        longer = f"{rise:+.1%}" if part.without else ""
        length = f"{part.hpwl_um:,.0f}" + ("" if part.legal else " †")
        lines.append(
            f"| {part.design} | {part.without or 'nothing'} | {length} | {longer} "
            f"| {part.wall_s:.1f} |"
        )
    if not all(part.legal for part in parts):
        lines.append("\n† not legal")
    return "\n".join(lines) + "\n"
