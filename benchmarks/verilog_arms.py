"""Ways to have a model solve a problem, as functions that are compared at equal tokens.

A solver is `solve(task) -> Answer`. It is told the specification and the module's name, never what
judges, and it must keep to the task's budget. `ARMS` names the ways that there are; an arm makes a
solver of a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llm_stages.asker import Asking
from llm_stages.budget import Budget, estimated_tokens
from llm_stages.code_block import extract_hdl
from llm_stages.errors import BudgetSpent, DraftRejected
from llm_stages.exchange import Request
from llm_stages.interface import ports_in_words, required_ports
from llm_stages.prompt_pack import load_pack
from llm_stages.provider import complete
from llm_stages.repair_loop import LoopOptions, solve
from llm_stages.store import Store

#: More samples than by default: small models gain more from them than from steps of repair.
_OPTIONS = LoopOptions(warm=12, steps=8)


@dataclass(frozen=True)
class Task:
    """What a solver is told.

    Attributes:
        spec: The specification.
        top: The module to write.
        sample: Number of the sample, from 0; samples differ in their seed.
        budget: Tokens and money that all samples of a problem share. The solver charges it, and
            `BudgetSpent` from it ends the problem.
    """

    spec: str
    top: str
    sample: int
    budget: Budget


@dataclass(frozen=True)
class Answer:
    """What a solver returns.

    Attributes:
        rtl: The source; empty where the model wrote none.
        prompt_tokens: Tokens of all questions.
        completion_tokens: Tokens of all answers.
        cost_usd: Price of all calls; None where it is not known.
        note: How it came to be, where that is worth a line.
    """

    rtl: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    note: str = ""


Solver = Callable[[Task], Answer]


@dataclass(frozen=True)
class ModelOptions:
    """A model and how it is asked.

    Attributes:
        model: The model as LiteLLM spells it.
        api_base: Address of an OpenAI-compatible server; empty for the provider's own.
        temperature: Of each sample.
        max_tokens: Length of an answer at most.
        timeout_s: How long to wait for an answer.
        seed: Seed of the first sample.
        store: Where replies are recorded or replayed from; by default as the environment says.
    """

    model: str
    api_base: str = ""
    temperature: float = 0.0
    max_tokens: int = 4096
    timeout_s: float = 600.0
    seed: int = 1
    store: Store | None = None


def plain(options: ModelOptions) -> Solver:
    """The model alone: one question, one answer, no tool and no second try."""

    def ask(task: Task) -> Answer:
        pack = load_pack("spec_to_rtl", options.model)
        spec = task.spec.strip()
        fields = {
            "top": task.top,
            "spec": spec,
            "mark": hashlib.sha256(f"{task.top}\n{spec}\n".encode()).hexdigest()[:12],
            "ports": ports_in_words(task.top, required_ports(spec, task.top)),
        }
        request = Request(
            model=options.model,
            messages=pack.messages(pack.first, fields),
            temperature=options.temperature,
            max_tokens=options.max_tokens,
            seed=options.seed + task.sample,
            api_base=options.api_base,
            timeout_s=options.timeout_s,
        )
        _check_room(request, task.budget)
        reply = complete(request, budget=task.budget, store=options.store)
        rtl = extract_hdl(reply.text, task.top)
        return Answer(
            rtl=rtl,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cost_usd=reply.cost_usd,
            note="" if rtl else "the answer holds no module",
        )

    return ask


def _check_room(request: Request, budget: Budget) -> None:
    """As the budget does, but with answers from a record, so that a replay ends where the run did.

    Raises:
        BudgetSpent: The call may not fit.
    """
    if budget.max_tokens is None:
        return
    question = sum(estimated_tokens(message.content) for message in request.messages)
    worst, spent = question + request.max_tokens, sum(call.tokens for call in budget.calls)
    if spent + worst > budget.max_tokens:
        raise BudgetSpent(
            f"the next call may use {worst} tokens; {spent} of {budget.max_tokens} are spent",
            where=request.model,
            hint="raise the token budget, or allow shorter answers",
        )


def loop(options: ModelOptions) -> Solver:
    """The repair loop, with a test bench of its own; the golden one judges what comes out of it.

    The whole budget of a problem is for its first sample.
    """

    def answer(task: Task) -> Answer:
        asking = Asking(
            models={"": (options.model,)},
            api_base=options.api_base,
            max_tokens=options.max_tokens,
            seed=options.seed + task.sample,
            most_tokens=task.budget.max_tokens,
            timeout_s=options.timeout_s,
            budget=task.budget,
            store=options.store,
        )
        replies = len(task.budget.calls)
        try:
            found = solve(task.spec, top=task.top, asking=asking, options=_OPTIONS)
        except (BudgetSpent, DraftRejected) as failed:
            calls = task.budget.calls[replies:]
            if not calls:
                raise
            costs = [call.cost_usd for call in calls]
            return Answer(
                rtl="",
                prompt_tokens=sum(call.prompt_tokens for call in calls),
                completion_tokens=sum(call.completion_tokens for call in calls),
                cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
                note=failed.message,
            )
        words = f"{found.in_words()}; {found.calls} calls, {found.candidates} candidates"
        return Answer(
            rtl=found.rtl,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            cost_usd=found.cost_usd,
            note=words + (f"; {found.stopped}" if found.stopped else ""),
        )

    return answer


ARMS: Mapping[str, Callable[[ModelOptions], Solver]] = MappingProxyType(
    {"plain": plain, "loop": loop}
)
