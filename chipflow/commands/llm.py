"""`chipflow llm`: asks models something, so that a key, an address or a price is no surprise."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chipflow.commands import llm_tune
from placement_env.errors import InputError

if TYPE_CHECKING:
    from chipflow.design import Models
    from chipflow.model_choice import Choice
    from llm_stages.errors import StageError

llm = typer.Typer(help="Check, list and tune the models that write RTL.", no_args_is_help=True)
llm.command("tune")(llm_tune.tune)

_QUESTION = "Reply with one line of Verilog: an assign that drives y with the inverse of a."

_Design = Annotated[
    Path | None,
    typer.Option(
        "--design", metavar="DIR", help="Design whose models are meant.  \\[default: the one here]"
    ),
]
_ApiBase = Annotated[
    str,
    typer.Option(
        "--api-base",
        metavar="URL",
        help="Address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1.",
        show_default=False,
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@llm.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="Same as --model.", show_default=False)
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="One model, such as openai/gpt-5-mini.  \\[default: all that the design may ask, "
            "escalate and fallbacks too]",
            show_default=False,
        ),
    ] = "",
    api_base: _ApiBase = "",
    design: _Design = None,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", help="Length of the answer at most.", min=1)
    ] = 256,
    timeout_s: Annotated[
        float, typer.Option("--timeout", help="Seconds to wait for the answer.", min=0.1)
    ] = 60.0,
    as_json: _Json = False,
) -> None:
    """Make one small call to each model, and say what works and what does not."""
    if name and model and name != model:
        raise InputError("two models are named", where=f"{name}, --model {model}", hint="name one")
    named = model or name
    models, choices = _choices(design, [named] if named else [], api_base)
    asked = [choice.model for choice in choices if choice.model]
    if not asked:
        raise InputError(
            "no model is named",
            hint="give --model MODEL, set CHIPFLOW_MODEL, or name a design that has [models]",
        )
    if not named:
        asked += [*(_stronger(models) if models.loop else ()), *models.fallbacks]
    findings = []
    for number, wanted in enumerate(dict.fromkeys(asked)):
        finding = _find_out(wanted, max_tokens, timeout_s)
        findings.append(finding)
        if not as_json:
            typer.echo(("\n" if number else "") + finding.text())
    failed = next((finding.error for finding in findings if finding.error), None)
    if as_json:
        reports = [finding.report for finding in findings]
        typer.echo(json.dumps(reports if len(reports) > 1 else reports[0], indent=2))
    if failed:
        raise failed


@llm.command("list")
def list_(
    design: _Design = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="[STAGE=]MODEL", help="As for chipflow run."),
    ] = None,
    api_base: _ApiBase = "",
    as_json: _Json = False,
) -> None:
    """List providers and what each needs, and each stage's model, who named it, and its prompts."""
    from llm_stages.known_providers import PROVIDERS

    providers = [
        {
            "provider": provider.name,
            "model": provider.example,
            "key": provider.key_state(os.environ),
            "needs": provider.needs,
        }
        for provider in PROVIDERS
    ]
    models, choices = _choices(design, model or [], api_base)
    stages = [
        {
            "stage": choice.stage,
            "model": choice.model,
            "from": choice.origin,
            "prompts": _prompts(choice.stage, choice.model),
        }
        for choice in choices
    ]
    stages += [
        {
            "stage": f"escalate {number}",
            "model": stronger,
            "from": "design.toml, models.escalate",
            "prompts": _prompts("repair", stronger),
        }
        for number, stronger in enumerate(_stronger(models), start=1)
    ]
    stages += [
        {
            "stage": f"fallback {number}",
            "model": fallback,
            "from": "design.toml, models.fallbacks",
            "prompts": "of the model that failed",
        }
        for number, fallback in enumerate(models.fallbacks, start=1)
    ]
    if as_json:
        typer.echo(json.dumps({"stages": stages, "providers": providers}, indent=2))
        return
    for row in stages:
        row["model"] = row["model"] or "none: chipflow llm check --help says how to name one"
    typer.echo(_table(stages) + "\n\n" + _table(providers))
    typer.echo("\nand all others of https://docs.litellm.ai/docs/providers, as PROVIDER/MODEL")


def _stronger(models: Models) -> tuple[str, ...]:
    """The models that go on with `repair`, in the loop, where its own is stuck."""
    return models.ladder("repair")[1:]


def _prompts(stage: str, model: str) -> str:
    """The prompt pack that a stage's model gets."""
    from llm_stages.model_string import split
    from llm_stages.prompt_pack import load_pack

    return load_pack(stage, split(model)[0]).name if model else ""


def _choices(
    design: Path | None, flags: list[str], api_base: str
) -> tuple[Models, tuple[Choice, ...]]:
    """The models of the design that is named or lies here, after environment and flags."""
    from chipflow.design import Models, read_design
    from chipflow.model_choice import choose

    models = Models()
    if design is not None or Path("design.toml").is_file():
        models = read_design(design or Path()).models
    return choose(models, flags=flags, api_base=api_base, environ=os.environ)


@dataclass
class _Finding:
    """What one call has shown.

    Attributes:
        report: For --json.
        lines: For people: a word and what there is to say of it.
        error: Why the model cannot be used.
    """

    report: dict[str, Any]
    lines: list[tuple[str, str]] = field(default_factory=list)
    error: StageError | None = None

    def text(self) -> str:
        return "\n".join(f"{word:<8} {said}" for word, said in self.lines)


def _find_out(model: str, max_tokens: int, timeout_s: float) -> _Finding:
    from llm_stages.errors import KeyMissing, NoConnection, ProviderError, StageError, UnknownModel
    from llm_stages.exchange import Message, Request
    from llm_stages.provider import complete
    from llm_stages.store import Store

    finding = _Finding({"model": model})
    request = Request(
        model=model,
        messages=(Message("user", _QUESTION),),
        max_tokens=max_tokens,
        timeout_s=timeout_s,
        stage="llm check",
    )
    try:
        reply = complete(request, store=Store(Path(), "off"), retries=0)
    except StageError as error:
        finding.error = error
        finding.report["error"] = {
            "message": error.message,
            "where": error.where,
            "hint": error.hint,
        }
        finding.lines.append(("model", model))
        if isinstance(error, KeyMissing):
            finding.lines.append(("key", "missing, or not accepted"))
        elif isinstance(error, NoConnection):
            finding.lines.append(("address", "no answer from there"))
        elif isinstance(error, UnknownModel):
            finding.lines.append(("name", "not known"))
        elif isinstance(error, ProviderError):
            finding.lines += [("address", "reachable"), ("answer", "none that can be used")]
        return finding
    rate = reply.completion_tokens / reply.latency_s if reply.latency_s > 0 else 0.0
    counted = bool(reply.prompt_tokens and reply.completion_tokens)
    finding.report |= {
        "answered_by": reply.model,
        "latency_s": reply.latency_s,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "tokens_known": counted,
        "cost_usd": reply.cost_usd,
        "price_known": reply.cost_usd is not None,
        "finish_reason": reply.finish_reason,
        "text": reply.text,
    }
    tokens = f"{reply.prompt_tokens} in, {reply.completion_tokens} out"
    unknown = "not known: limit tokens rather than money"
    finding.lines = [
        ("model", f"{model}, answered by {reply.model}"),
        ("key", "accepted, or none needed"),
        ("address", "reachable"),
        ("latency", f"{reply.latency_s:.2f} s ({rate:.1f} tokens/s)"),
        ("tokens", tokens if counted else "not stated: budgets count an estimate"),
        ("cost", unknown if reply.cost_usd is None else f"${reply.cost_usd:.6f}"),
        ("answer", " ".join(reply.text.split())),
    ]
    return finding


def _table(rows: list[dict[str, str]]) -> str:
    columns = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in columns}
    lines = [dict(zip(columns, columns, strict=True)), *rows]
    return "\n".join("  ".join(f"{row[n]:<{widths[n]}}" for n in columns).rstrip() for row in lines)
