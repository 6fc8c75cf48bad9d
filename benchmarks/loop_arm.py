"""The arm "loop" of the Verilog benchmark: the repair loop of `llm_stages`, as a solver.

It is told the specification and the module's name. Its test bench is its own; the golden one judges
the answer that comes out of it and nothing before.
"""

from __future__ import annotations

from benchmarks.verilog_arms import Answer, ModelOptions, Solver, Task
from llm_stages.asker import Asking
from llm_stages.errors import DraftRejected
from llm_stages.repair_loop import LoopOptions, solve

#: More samples than by default: small models gain more from them than from steps of repair.
_OPTIONS = LoopOptions(warm=12, steps=8)


def loop(options: ModelOptions) -> Solver:
    """The loop with one model; the first sample is the plain arm's question with temperature 0.

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
        )
        replies = len(task.budget.calls)
        try:
            found = solve(task.spec, top=task.top, asking=asking, options=_OPTIONS)
        except DraftRejected as rejected:
            calls = task.budget.calls[replies:]
            costs = [call.cost_usd for call in calls]
            return Answer(
                rtl="",
                prompt_tokens=sum(call.prompt_tokens for call in calls),
                completion_tokens=sum(call.completion_tokens for call in calls),
                cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
                note=rejected.message,
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
