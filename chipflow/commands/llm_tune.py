"""`chipflow llm tune`: compiles the prompt pack of a stage for one model."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from llm_stages.pack_score import Problem
    from llm_stages.store import Store
    from llm_stages.tune import Tuned

_STAGES = {"rtl": "spec_to_rtl", "spec_to_rtl": "spec_to_rtl"}


def tune(
    model: Annotated[
        str,
        typer.Option(metavar="MODEL", help="The model to tune for.  \\[default: CHIPFLOW_MODEL]"),
    ] = "",
    stage: Annotated[str, typer.Option(help="The stage: rtl.")] = "rtl",
    suite: Annotated[
        str, typer.Option(help="Tune on problems of verilog-eval, rtllm or cvdp.")
    ] = "verilog-eval",
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where the files of rtllm or cvdp are."),
    ] = None,
    designs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Tune on your own in place of a suite: a folder of designs, each with a "
            "specification and a test bench in its design.toml.",
        ),
    ] = None,
    problems: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="Only these: names, their beginnings, or with *."),
    ] = "",
    train: Annotated[
        int, typer.Option(metavar="N", help="Problems to search on, at most.", min=1)
    ] = 24,
    held_out: Annotated[
        int,
        typer.Option(metavar="N", help="Problems to compare on in the end, at most.", min=1),
    ] = 24,
    optimizer: Annotated[
        str,
        typer.Option(
            help="built-in; or of DSPy: gepa (instructions) or bootstrap (demonstrations)."
        ),
    ] = "built-in",
    seed: Annotated[int, typer.Option(help="Another seed searches elsewhere.", min=0)] = 1,
    max_tokens: Annotated[int, typer.Option(help="Length of an answer at most.", min=1)] = 4096,
    budget_tokens: Annotated[
        int, typer.Option(metavar="N", help="Tokens in all, at most.", min=1)
    ] = 500_000,
    budget_calls: Annotated[
        int | None, typer.Option(metavar="N", help="Calls in all, at most.", min=1)
    ] = None,
    budget_s: Annotated[
        float | None,
        typer.Option(metavar="S", help="Seconds of all calls together, at most.", min=1.0),
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option(metavar="USD", help="Money in all, at most.", min=0.0)
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", help="Seconds to wait for an answer.", min=0.1)
    ] = 600.0,
    api_base: Annotated[
        str, typer.Option("--api-base", help="Address of an OpenAI-compatible server.")
    ] = "",
    cores: Annotated[int, typer.Option(help="Problems at a time.", min=1)] = 2,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where to put the pack.  \\[default: the user's folder of packs, where runs find "
            "it]",
        ),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Put it there though it is no better than the generic one."),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep answers there, and go on from those that are there.  \\[default: in the "
            "cache]",
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask no model: take answers recorded in DIR."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask again what was asked and answered before.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Search for instructions and demonstrations with which a model writes better RTL.

    Candidates are scored by the gate ladder and a test bench on training problems. What comes out
    is compared with the generic pack on other problems, and put where runs find it if it is better.
    """
    from chipflow.commands.progress_lines import ProgressLines
    from chipflow.design import Models
    from chipflow.model_choice import choose
    from chipflow.tools import synthesis_gate
    from llm_stages import tune as tuning
    from llm_stages.model_string import split
    from llm_stages.pack_score import Examiner, Limits
    from placement_env.errors import InputError

    if stage not in _STAGES:
        raise InputError(
            f"the stage {stage!r} cannot be tuned",
            where="--stage",
            hint="rtl can: its answers are judged by gates and test benches, without a person",
        )
    flags = [model] if model else ()
    chosen, _ = choose(Models(), flags=flags, api_base=api_base, environ=os.environ)
    model = chosen.of(_STAGES[stage])
    if not model:
        raise InputError("no model is named", hint="give --model MODEL, or set CHIPFLOW_MODEL")
    folder = _folder(out)
    with ProgressLines(quiet=quiet) as show:
        store = _store(record, replay, again, split(model)[0])
        show.say(f"answers are kept in {store.folder}: the same command goes on from there")
        train_on, compare_on, name = _problems(
            suite, data, designs, problems, train, held_out, show
        )
        show.say(f"{len(train_on)} problems to search on, {len(compare_on)} held out")
        examiner = Examiner(
            model,
            limits=Limits(budget_tokens, budget_calls, budget_s, budget_usd),
            store=store,
            api_base=api_base,
            max_tokens=max_tokens,
            seed=seed,
            timeout_s=timeout_s,
            cores=cores,
            # Some problems of the suites ask for latches, which Yosys' checks refuse.
            synthesize=synthesis_gate.gate() if designs else None,
            log=show.say,
        )
        found = tuning.tune(
            train_on, compare_on, examiner=examiner, suite=name, optimizer=optimizer
        )
    path = None
    if found.pack is not None and (found.is_better or anyway):
        path = _write(folder, tuning.file_name(found.pack), found)
    if as_json:
        typer.echo(json.dumps(_to_json(found, path), indent=2))
    else:
        typer.echo(_table(model, found) + "\n\n" + _verdict(found, path, is_found=out is None))


def _folder(out: Path | None) -> Path:
    """Where the pack goes; made and tried now, before the time is spent."""
    from chipflow.commands.inputs import make_folder
    from llm_stages import prompt_pack

    if out is None:
        folders = prompt_pack.own_folders()
        out = folders[0] if folders else prompt_pack.default_folder()
    return make_folder(out)


def _store(record: Path | None, replay: Path | None, again: bool, model: str) -> Store:
    from chipflow.commands.asking_options import answers
    from llm_stages.store import Store, store_from_environment
    from llm_stages.tune import slug
    from placement_env.cache_folder import cache_dir

    given = answers(record, replay) or store_from_environment()
    if given is not None and given.replays:
        return given
    folder = given.folder if given else cache_dir() / "tune" / slug(model)
    return Store(folder, "record" if again else "resume")


def _problems(
    suite: str,
    data: Path | None,
    designs: Path | None,
    problems: str,
    train: int,
    held_out: int,
    show: Any,
) -> tuple[list[Problem], list[Problem], str]:
    """The two splits, and whose problems they are."""
    from benchmarks import tuning_problems
    from benchmarks.verilog_suites import suite as suite_of
    from chipflow import tuning_designs
    from chipflow.commands import inputs

    if designs is not None:
        found = tuning_designs.designs(designs)
        names = inputs.chosen(problems, tuple(found), "there is no design") or list(found)

        def read(name: str) -> Problem | str:
            return tuning_designs.to_tune_on(found[name])

        suite = "designs"
    else:
        chosen = suite_of(suite, data)
        names = chosen.chosen([name.strip() for name in problems.split(",") if name.strip()])

        def read(name: str) -> Problem | str:
            return tuning_problems.to_tune_on(chosen.load(name))

    def load(name: str) -> Problem | None:
        problem = read(name)
        if isinstance(problem, str):
            show.say(f"{name} cannot be tuned on: {problem}")
            return None
        return problem

    return *tuning_problems.splits(names, load, train=train, held_out=held_out), suite


def _write(folder: Path, name: str, found: Tuned) -> Path:
    from placement_env.formats.text import write_text

    assert found.pack is not None
    path = folder / name
    write_text(path, found.pack.model_dump_json(indent=1) + "\n")
    return path


def _to_json(found: Tuned, path: Path | None) -> dict[str, Any]:
    return {
        "is_better": found.is_better,
        "written": str(path) if path else None,
        "stopped": found.stopped,
        "tried": found.tried,
        "used": asdict(found.used),
        "train": found.train.model_dump(),
        "held_out": found.held_out.model_dump() if found.held_out else None,
        "pack": found.pack.model_dump(mode="json") if found.pack else None,
    }


def _table(model: str, found: Tuned) -> str:
    """Generic and tuned, on both splits, and what it took."""
    tuning = found.pack.tuned if found.pack else None
    label = tuning.candidate if tuning else "none better"
    lines = [
        f"**{model}**, spec_to_rtl, {found.tried} candidates tried",
        "",
        "| | generic | tuned |",
        "| --- | --- | --- |",
        f"| pack | {found.generic.name} {found.generic.version} | {label} |",
    ]
    for what, both in (("training", found.train), ("held out", found.held_out)):
        if both is None:
            lines.append(f"| {what} | | not measured |")
            continue
        for row, value in (
            ("passed", lambda one: f"{one.passed} of {one.problems}"),
            ("gates passed, of 6", lambda one: f"{one.reached:.2f}"),
            ("checks that agree", lambda one: f"{one.agreement:.1%}"),
        ):
            tuned = value(both.tuned) if found.pack else ""
            lines.append(f"| {what}: {row} | {value(both.generic)} | {tuned} |")
        if found.pack:
            same = both.tuned.problems - both.better - both.worse
            lines.append(
                f"| {what}: problems better, worse, the same | | "
                f"{both.better}, {both.worse}, {same} |"
            )
    used = found.used
    cost = "not known" if used.cost_usd is None else f"${used.cost_usd:.4f}"
    lines += [
        "",
        f"{used.tokens:,} tokens in {used.calls} calls, {used.seconds:.0f} s of answering, "
        f"cost {cost}; answers from the record among them."
        + (f" The search was ended: {found.stopped}." if found.stopped else ""),
    ]
    return "\n".join(lines)


def _verdict(found: Tuned, path: Path | None, *, is_found: bool) -> str:
    if found.pack is None:
        return "No candidate beat the generic pack in training: it stays in use."
    why = ""
    if not found.is_better:
        why = (
            "could not be compared on the held-out problems"
            if found.held_out is None
            else "is no better than the generic one on the held-out problems"
        )
    if path is None:
        return f"The tuned pack {why}: it was not kept (--anyway keeps it)."
    kept = f"The tuned pack was written to {path}" + (f", though it {why}." if why else ".")
    if is_found:
        return f"{kept} Runs with this model use it from now on."
    return f"{kept} Runs use it with CHIPFLOW_PROMPTS={path.parent}."
