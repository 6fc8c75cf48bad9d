"""`chipflow llm`: asks a model something, so that a key, an address or a price is no surprise."""

from __future__ import annotations

import json
from typing import Annotated

import typer

llm = typer.Typer(help="Check the models that write RTL.", no_args_is_help=True)

_QUESTION = "Reply with one line of Verilog: an assign that drives y with the inverse of a."


@llm.callback()
def _commands() -> None:
    """Keep `check` a command of its own, though it is the only one."""


@llm.command()
def check(
    model: Annotated[
        str,
        typer.Argument(
            help="The model as LiteLLM spells it: anthropic/NAME, openai/NAME, ollama/NAME, ...",
            metavar="MODEL",
        ),
    ],
    api_base: Annotated[
        str,
        typer.Option(
            "--api-base",
            help="Address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1.",
            show_default=False,
        ),
    ] = "",
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", help="Length of the answer at most.", min=1)
    ] = 256,
    timeout_s: Annotated[
        float, typer.Option("--timeout", help="Seconds to wait for the answer.", min=0.1)
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make one call and print its latency, tokens and cost."""
    from llm_stages.exchange import Message, Request
    from llm_stages.provider import complete

    request = Request(
        model=model,
        messages=(Message("user", _QUESTION),),
        max_tokens=max_tokens,
        api_base=api_base,
        timeout_s=timeout_s,
    )
    reply = complete(request)
    if as_json:
        report = {
            "model": model,
            "answered_by": reply.model,
            "latency_s": reply.latency_s,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "cost_usd": reply.cost_usd,
            "finish_reason": reply.finish_reason,
            "text": reply.text,
        }
        typer.echo(json.dumps(report, indent=2))
        return
    rate = reply.completion_tokens / reply.latency_s if reply.latency_s > 0 else 0.0
    cost = "not known" if reply.cost_usd is None else f"${reply.cost_usd:.6f}"
    typer.echo(
        f"model    {model}, answered by {reply.model}\n"
        f"latency  {reply.latency_s:.2f} s ({rate:.1f} tokens/s)\n"
        f"tokens   {reply.prompt_tokens} in, {reply.completion_tokens} out\n"
        f"cost     {cost}\n"
        f"answer   {' '.join(reply.text.split())}"
    )
