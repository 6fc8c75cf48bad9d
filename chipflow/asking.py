"""How the stages of a run ask models: what all of them share, and no result depends on.

The calls of a run are written to `llm_calls.jsonl` in the run folder, which the budget reads, and
every answer goes to `llm_answers/`, from where a run can be replayed offline.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from chipflow.design import Models
from llm_stages.budget import Budget
from llm_stages.call_log import read_calls, usage_by_model
from llm_stages.store import Store, store_from_environment

CALLS, ANSWERS = "llm_calls.jsonl", "llm_answers"


def arguments(
    models: Models, folder: Path, stage: str, *, anew: bool, store: Store | None = None
) -> dict[str, Any]:
    """What a stage hands to the functions of `llm_stages` that ask models.

    Args:
        models: Limits and fallbacks.
        folder: The run folder.
        stage: The stage of the flow.
        anew: Ask again what an earlier attempt has asked already. Else its answers stand, so that
            a run that was killed, or lost its provider, does not pay for them twice.
        store: Where to record or replay; by default as the environment says, else the run folder.
    """
    own = Store(folder / ANSWERS, "record")
    used = store or store_from_environment() or own
    if used.mode == "record" and not anew:
        used = replace(used, mode="resume")
    return {
        "fallbacks": models.fallbacks,
        "timeout_s": models.timeout_s,
        "retries": models.retries,
        "store": used,
        "budget": Budget(
            max_tokens=models.budget_tokens or None,
            max_cost_usd=models.budget_usd or None,
            max_s=models.budget_s or None,
            max_calls=models.budget_calls or None,
            at_once=models.at_once,
            file=folder / CALLS,
            spender=stage,
        ),
    }


def begin(folder: Path) -> None:
    """Forget the calls of the run before: a budget is for one run."""
    (folder / CALLS).unlink(missing_ok=True)


def usage(folder: Path, stage: str) -> dict[str, dict[str, Any]]:
    """What the calls of a stage came to, by model, as `stage.json` holds it."""
    calls = read_calls(folder / CALLS)
    return {model: asdict(sum_) for model, sum_ in usage_by_model(calls, stage).items()}
