"""Compiles the prompt pack of a stage for one model: what is asked stays, how it is asked changes.

    measure the generic pack -> search on the training split -> compare on the held-out split

The search sees the training split alone. What it finds counts where it beats the generic pack on
problems that it never saw.
"""

from __future__ import annotations

import glob
import hashlib
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from llm_stages import dspy_search, pack_search
from llm_stages.asker import EffortSpent
from llm_stages.errors import BudgetSpent, InputError, Refused
from llm_stages.model_string import split
from llm_stages.pack_proposals import Candidate
from llm_stages.pack_score import STAGE, Examiner, Limits, Marked, Problem, measured, worth
from llm_stages.pack_trials import Trials
from llm_stages.prompt_pack import PromptPack, shipped_pack
from llm_stages.tuning_record import Compared, Tuning, spec_hash

#: Fills the trials: (trials, the generic pack); `EffortSpent` ends it early.
Search = Callable[[Trials, Candidate], None]

SEARCHES: Mapping[str, Search] = MappingProxyType(
    {
        "built-in": pack_search.search,
        "gepa": dspy_search.gepa,
        "bootstrap": dspy_search.bootstrap,
    }
)


@dataclass(frozen=True)
class Tuned:
    """What a tune came to.

    Attributes:
        pack: The best pack with its record; None where none beats the generic one in training.
        generic: The pack that it started from.
        used: Tokens, calls, seconds and money that it took, answers from a record among them.
        stopped: Which limit ended it early; empty where none did.
        tried: How many candidates were tried, the generic pack among them.
        train: The generic pack alone, where there is no better one.
        held_out: The same on the held-out split.
    """

    pack: PromptPack | None
    generic: PromptPack
    used: Limits
    stopped: str
    tried: int
    train: Compared
    held_out: Compared | None

    @property
    def is_better(self) -> bool:
        """The pack beats the generic one on the held-out split."""
        found = self.held_out
        if self.pack is None or found is None:
            return False
        tuned, generic = (
            (one.passed, one.reached, one.agreement) for one in (found.tuned, found.generic)
        )
        return tuned > generic


def tune(
    train: Sequence[Problem],
    held_out: Sequence[Problem],
    *,
    examiner: Examiner,
    suite: str,
    optimizer: str = "built-in",
) -> Tuned:
    """Search for a better prompt pack of `spec_to_rtl` for a model.

    Args:
        train: The training split.
        held_out: The held-out split; none of its problems is in the training split.
        examiner: The model, and what may be used.
        suite: Whose problems they are, for the record.
        optimizer: A name in `SEARCHES`.

    Raises:
        InputError: A split is empty, the splits overlap, or there is no such optimizer.
        BudgetSpent: The limits do not allow the generic pack to be measured.
        ProviderError: The model could not be asked.
        ToolMissing: A simulator, a sandbox or DSPy is missing.
    """
    if optimizer not in SEARCHES:
        raise InputError(
            f"there is no optimizer {optimizer!r}", hint=f"one of {', '.join(SEARCHES)}"
        )
    _check_splits(train, held_out)
    if optimizer != "built-in":
        dspy_search.check_installed()
    model, _ = split(examiner.model)
    ordered = random.Random(f"order {examiner.seed}").sample(list(train), k=len(train))
    trials = Trials(examiner, ordered, len(held_out))
    generic = Candidate("generic", shipped_pack(STAGE, model))
    stopped = ""
    try:
        # Before the search, so that what this costs is known and can be held back for the winner.
        seen = trials.measure(generic, trials.problems)
        held_back, examiner.reserve = examiner.reserve, Limits()
        unseen = examiner.examine([generic.pack] * len(held_out), held_out)
        examiner.reserve = held_back
        for what, marks in (("training", seen), ("held-out", unseen)):
            passed = sum(mark.passed for mark in marks)
            examiner.log(f"generic: {passed} of {len(marks)} {what} problems passed")
    except EffortSpent as spent:
        raise BudgetSpent(
            f"the limits do not allow the generic pack to be measured: {spent}",
            where=examiner.model,
            hint="allow more, or name fewer problems",
        ) from None
    try:
        SEARCHES[optimizer](trials, generic)
    except EffortSpent as spent:
        stopped = str(spent)
        examiner.log(f"the search ends: {spent}")
    examiner.reserve = Limits()
    best = trials.best(generic)
    found: Compared | None = compared(unseen, unseen)
    if best != generic:
        try:
            marks = examiner.examine([best.whole()] * len(held_out), held_out)
            found = compared(unseen, marks)
        except (EffortSpent, Refused) as ended:
            found, stopped = None, str(ended)
            examiner.log(f"{best.label} could not be compared on the held-out problems: {ended}")
    same = trials.common(best, generic)
    train_found = compared(
        [trials.marks[generic][problem.name] for problem in same],
        [trials.marks[best][problem.name] for problem in same],
    )
    tuning = Tuning(
        model=model,
        suite=suite,
        optimizer=optimizer,
        seed=examiner.seed,
        made_from=f"{generic.pack.name} {generic.pack.version}",
        candidate=best.label,
        trained_on={problem.name: spec_hash(problem.spec) for problem in _by_name(train)},
        train=train_found,
        held_out=found,
        data_sha256=data_hash([*train, *held_out]),
    )
    return Tuned(
        pack=None if best == generic else packed(best.whole(), tuning),
        generic=generic.pack,
        used=examiner.used,
        stopped=stopped,
        tried=len([one for one in trials.marks.values() if one]),
        train=train_found,
        held_out=found,
    )


def compared(generic: Sequence[Marked], tuned: Sequence[Marked]) -> Compared:
    """Two packs on the same problems."""
    pairs = [(worth([one]), worth([other])) for one, other in zip(generic, tuned, strict=True)]
    return Compared(
        problems=tuple(sorted(one.problem for one in generic)),
        generic=measured(generic),
        tuned=measured(tuned),
        better=sum(other.beats(one) for one, other in pairs),
        worse=sum(one.beats(other) for one, other in pairs),
    )


def packed(pack: PromptPack, tuning: Tuning) -> PromptPack:
    """The pack under the model's name, for that model alone."""
    return pack.model_copy(
        update={
            "name": slug(tuning.model),
            "models": (glob.escape(tuning.model),),
            "tuned": tuning,
        }
    )


def slug(model: str) -> str:
    """A model's name as part of a file name."""
    return re.sub(r"[^\w.-]", "_", model.replace("/", "."))


def file_name(pack: PromptPack) -> str:
    """The name under which a pack is found in the user's folder."""
    return f"{pack.stage}.{pack.name}.json"


def data_hash(problems: Sequence[Problem]) -> str:
    """Hash of specifications, tops and test benches, whatever their order."""
    values = [[one.name, one.spec, one.top, one.content] for one in _by_name(problems)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _by_name(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.name)


def _check_splits(train: Sequence[Problem], held_out: Sequence[Problem]) -> None:
    for what, problems in (("training", train), ("held-out", held_out)):
        if not problems:
            raise InputError(
                f"the {what} split is empty",
                hint="a hash of its name puts a problem into one of the two: name more problems",
            )
    names = {problem.name for problem in train}
    specs = {spec_hash(problem.spec) for problem in train}
    for problem in held_out:
        if problem.name in names or spec_hash(problem.spec) in specs:
            raise InputError(
                "a problem is in the training split and held out too", where=problem.name
            )
