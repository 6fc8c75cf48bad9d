"""`chipflow bench verilog`: how many specifications a model turns into RTL that is right."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from benchmarks.verilog_answers import Source
    from benchmarks.verilog_arms import ModelOptions
    from benchmarks.verilog_problems import Problem

_MANY_SAMPLES = 100


def verilog(
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="The model as LiteLLM spells it, such as anthropic/NAME."
        ),
    ] = "",
    arm: Annotated[str, typer.Option(help="How the model is used: plain or loop.")] = "plain",
    answers: Annotated[
        str,
        typer.Option(
            metavar="references|FOLDER",
            help="Judge these in place of a model's: the references, or files NAME.sv.",
        ),
    ] = "",
    mutants: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="With --answers references: not they, but N mutants of each kind of each of them.",
            min=0,
        ),
    ] = 0,
    suite: Annotated[str, typer.Option(help="verilog-eval, rtllm or cvdp.")] = "verilog-eval",
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where the files of rtllm or cvdp are."),
    ] = None,
    problems: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="Only these: names, their beginnings, or with *."),
    ] = "",
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Answers to each problem (default: 1, or for plain what --budget-tokens allows).",
            min=1,
        ),
    ] = None,
    budget_tokens: Annotated[
        int | None,
        typer.Option(metavar="N", help="Tokens for each problem, all samples together.", min=1),
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Length of an answer at most.", min=1)] = 4096,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Of each sample with --arm plain (default: 0 for one, 0.8 for several).", min=0.0
        ),
    ] = None,
    api_base: Annotated[
        str, typer.Option("--api-base", help="Address of an OpenAI-compatible server.")
    ] = "",
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep what the model answers there; what is there is not asked."
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask no model: take the answers recorded in DIR."),
    ] = None,
    prompts: Annotated[
        str,
        typer.Option(
            metavar="DIR|none",
            help="Where tuned prompt packs are; none for those that come with chipflow.  "
            "\\[default: CHIPFLOW_PROMPTS]",
        ),
    ] = "",
    leave_out_trained: Annotated[
        bool,
        typer.Option(
            "--leave-out-trained",
            help="Leave out the problems that the model's prompt pack was tuned on.",
        ),
    ] = False,
    simulator: Annotated[str, typer.Option(help="icarus or verilator.")] = "icarus",
    cores: Annotated[int, typer.Option(help="Problems at a time.", min=1)] = 2,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write verilog.json and verilog.md here; problems that are there are kept.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Have a model write RTL from specifications, and judge it with the golden test benches."""
    from benchmarks import verilog_suites
    from benchmarks.verilog_answers import asked
    from benchmarks.verilog_arms import ARMS, ModelOptions
    from benchmarks.verilog_record import to_json
    from benchmarks.verilog_run import Plan
    from benchmarks.verilog_table import summary, to_markdown
    from chipflow.commands.asking_options import answers as recorded
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.progress_lines import ProgressLines
    from chipflow.commands.verilog_runs import Judged, run_and_keep
    from llm_stages import prompt_pack
    from placement_env.errors import InputError

    if bool(model) == bool(answers):
        raise InputError(
            "say whose answers are to be judged: --model or --answers, one of them",
            hint="for example --model openai/gpt-5-mini, or --answers references",
        )
    if arm not in ARMS:
        raise InputError(f"there is no arm called {arm!r}", hint=f"one of {', '.join(ARMS)}")
    if arm == "loop" and temperature is not None:
        raise InputError(
            "--temperature is not for --arm loop",
            hint="leave it out: the loop has a temperature for each of its steps",
        )
    if mutants and answers != "references":
        raise InputError("--mutants is for --answers references")
    if answers and (record or replay):
        raise InputError("--record and --replay are for --model")
    if prompts:
        os.environ[prompt_pack.FOLDERS] = prompts
    # The loop uses its budget for one answer.
    most = samples or (_MANY_SAMPLES if budget_tokens and arm != "loop" else 1)
    options = ModelOptions(
        model=model,
        api_base=api_base,
        temperature=(0.0 if most == 1 else 0.8) if temperature is None else temperature,
        max_tokens=max_tokens,
        store=recorded(record, replay, mode="resume"),
    )
    if model:
        source = asked(ARMS[arm](options), samples=most, budget_tokens=budget_tokens)
        made_with = _made_with_model(options, arm, most, budget_tokens)
    else:
        source, made_with = _given(answers, mutants)
    chosen = verilog_suites.suite(suite, data)
    names = chosen.chosen([name.strip() for name in problems.split(",") if name.strip()])
    if model:
        names, words = _unseen(model, suite, names, chosen.load, leave_out_trained)
        made_with["prompt_pack"] = words
        made_with["answers"] += f", prompt pack {words}"
    plan = Plan(source=source, simulator=simulator, compare_waves=bool(mutants))
    judged = Judged(chosen, names, plan, made_with)
    with interrupts() as ctrl_c, ProgressLines(quiet=quiet) as show:
        outcomes, failure = run_and_keep(judged, out, cores, show, ctrl_c)
    made = judged.record()
    if as_json:
        typer.echo(json.dumps(to_json(outcomes, summary(outcomes), made), indent=2))
    elif outcomes:
        typer.echo(to_markdown(outcomes, made, set_size=chosen.set_size), nl=False)
    if ctrl_c.seen:
        typer.echo("interrupted: only the problems that were finished are kept", err=True)
        raise typer.Exit(130)
    if failure is not None:
        raise failure


def _unseen(
    model: str,
    suite: str,
    names: Sequence[str],
    load: Callable[[str], Problem],
    leave_out_trained: bool,
) -> tuple[list[str], str]:
    """The problems that the model's prompt pack was not tuned on, and that pack in words.

    Raises:
        InputError: It was tuned on some, and they are not to be left out.
    """
    from benchmarks.tuning_problems import trained_on
    from llm_stages.model_string import split
    from llm_stages.prompt_pack import load_pack
    from placement_env.errors import InputError

    pack = load_pack("spec_to_rtl", split(model)[0])
    words = f"{pack.name} {pack.version}"
    seen = trained_on(pack.tuned, suite, names, load) if pack.tuned else []
    left = [name for name in names if name not in seen]
    if not seen:
        return left, words
    if not leave_out_trained or not left:
        count = f"{len(seen)} of the {len(names)}" if left else "all of the"
        raise InputError(
            f"the prompt pack {words} was tuned on {count} problems, so a score on them says "
            "nothing about others",
            where=", ".join(seen[:3]) + (", ..." if len(seen) > 3 else ""),
            hint="--leave-out-trained scores the others, --prompts none asks with the pack that "
            "comes with chipflow",
        )
    return left, f"{words}, {len(seen)} problems that it was tuned on left out"


def _made_with_model(
    options: ModelOptions, arm: str, samples: int, budget_tokens: int | None
) -> dict[str, Any]:
    from benchmarks.verilog_answers import digest
    from llm_stages.store import store_from_environment

    store = options.store or store_from_environment()
    return {
        "answers": f"{options.model}, {arm}",
        "samples": samples,
        "budget_tokens": budget_tokens,
        "temperature": None if arm == "loop" else options.temperature,
        "max_tokens": options.max_tokens,
        "api_base": options.api_base,
        "replay": digest(store.folder, (".json",)) if store and store.replays else None,
    }


def _given(answers: str, mutants: int) -> tuple[Source, dict[str, Any]]:
    """Where given answers come from, and what to note of it."""
    from benchmarks.verilog_answers import digest, from_folder, mutated, references

    if answers == "references" and mutants:
        label = f"mutants of the references, {mutants} of a kind"
        return mutated(mutants), {"answers": label, "mutants": mutants}
    if answers == "references":
        return references, {"answers": "references"}
    folder = Path(answers)
    source = from_folder(folder)
    return source, {"answers": f"files of {folder.name}", "content": digest(folder)}
