"""The built-in search for a prompt pack: instructions first, then demonstrations, by halving.

All candidates are tried on a part of the training split, the better half of them on twice as much,
and so on to the whole of it.

References:
    Jamieson, Talwalkar: Non-stochastic best arm identification and hyperparameter optimization,
    AISTATS 2016 (successive halving).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from llm_stages import pack_proposals
from llm_stages.errors import Refused
from llm_stages.pack_proposals import Candidate
from llm_stages.pack_trials import Trials

_REWRITES = 2
#: Fewer problems do not tell candidates apart.
_FEWEST_PROBLEMS = 3
#: Instructions that demonstrations are added to.
_INSTRUCTIONS = 2


def search(trials: Trials, generic: Candidate) -> None:
    """Try candidates until there is nothing left to try.

    Args:
        trials: The generic pack has been tried on all problems; what else is tried is added.
        generic: The pack to start from.

    Raises:
        EffortSpent: The limits are reached; the trials so far stand.
        ProviderError: The model could not be asked.
    """
    marks = list(trials.marks[generic].values())
    if all(mark.passed for mark in marks):
        trials.examiner.log("the generic pack passes the whole training split: nothing to learn")
        return
    found = pack_proposals.instructions(generic, marks)
    found += _rewritten(trials, generic, range(_REWRITES))
    ranked = halve(trials, found)
    ranked = sorted(
        [generic, *ranked], key=lambda one: trials.worth(one, trials.problems), reverse=True
    )
    best = ranked[:_INSTRUCTIONS]
    sets = pack_proposals.demonstrations(
        trials.passed(),
        trials.problems,
        generic.pack,
        tried=trials.tried(),
        seed=trials.examiner.seed,
    )
    if not sets:
        trials.examiner.log("no answer passed, so there is none to show")
    found = [
        replace(one, label=f"{one.label}, {len(shown)} shown", shown=shown)
        for one in best
        for shown in sets
    ]
    if best[0] != generic:
        found += _rewritten(trials, best[0], range(_REWRITES, 2 * _REWRITES))
    halve(trials, found)


def _rewritten(trials: Trials, before: Candidate, numbers: range) -> list[Candidate]:
    problems = {problem.name: problem for problem in trials.problems}
    marks = list(trials.marks[before].values())
    made = [
        pack_proposals.rewritten(before, marks, problems, trials.examiner, number=number)
        for number in numbers
    ]
    return [one for one in made if one is not None]


def halve(trials: Trials, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Successive halving; those that were tried on the whole training split, best first.

    A candidate that the provider refuses is dropped: its demonstrations may be too long for the
    model.

    Raises:
        EffortSpent, ProviderError: See `search`.
    """
    whole = len(trials.problems)
    count = max(_FEWEST_PROBLEMS, math.ceil(whole / 4))
    left = list(dict.fromkeys(candidates))
    while left:
        problems = trials.problems[:count]
        for one in list(left):
            try:
                marks = trials.measure(one, problems)
            except Refused as error:
                trials.examiner.log(f"{one.label} is dropped: {error.message}")
                trials.drop(one)
                left.remove(one)
                continue
            passed = sum(mark.passed for mark in marks)
            trials.examiner.log(f"{one.label}: {passed} of {len(marks)} passed")
        left.sort(key=lambda one: trials.worth(one, problems), reverse=True)
        if count >= whole:
            break
        left = left[: math.ceil(len(left) / 2)]
        count *= 2
    return left
