"""Proposals for a better prompt pack: other instructions, and own answers as demonstrations.

Instructions are the generic ones, shorter ones, ones that ask for a plan, ones with notes on the
errors that this model makes, and ones that the model rewrites after it has seen its failures.

References:
    Demonstrations from one's own answers that passed: BootstrapFewShot of DSPy, arXiv 2310.03714.
    Instructions rewritten from feedback in words: GEPA, arXiv 2507.19457.
"""

from __future__ import annotations

import functools
import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from llm_stages.errors import Refused, WrongAnswer
from llm_stages.exchange import Message
from llm_stages.pack_score import Examiner, Marked, Problem
from llm_stages.prompt_pack import Demonstration, PromptPack, error_notes
from llm_stages.untrusted_text import cleaned, mark

#: Failures that a rewriting model is shown, and how much of each.
_FAILURES, _MOST_OF_A_SPEC, _MOST_OF_AN_ANSWER, _MOST_OF_A_FAULT = 4, 600, 900, 400
_REWRITE_TEMPERATURE = 0.7
#: Added to seeds, so that no rewrite shares one with an answer.
_REWRITES = 70_000
_FEWEST_RULES, _MOST_RULES, _MOST_OF_A_RULE = 3, 16, 300
#: Longer demonstrations cost every question more than they can be worth.
_MOST_OF_A_DEMONSTRATION = 5000
_NOTES = 5
_RULE = re.compile(r"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+(?P<rule>\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """A demonstration and the problem that it is an answer to."""

    problem: str
    demonstration: Demonstration


@dataclass(frozen=True)
class Candidate:
    """A pack in the making.

    Attributes:
        label: What it is, in words.
        pack: The pack without the demonstrations below.
        shown: Demonstrations from the training split.
    """

    label: str
    pack: PromptPack
    shown: tuple[Shown, ...] = ()

    def pack_for(self, problem: str) -> PromptPack:
        """The pack for one problem: without that problem's own answer, which would give it away."""
        return self.with_shown([one for one in self.shown if one.problem != problem])

    def whole(self) -> PromptPack:
        """The pack with all demonstrations."""
        return self.with_shown(self.shown)

    def with_shown(self, shown: Sequence[Shown]) -> PromptPack:
        """The pack with some of the demonstrations after its own."""
        own = self.pack.demonstrations
        added = tuple(one.demonstration for one in shown)
        return self.pack.model_copy(update={"demonstrations": (*own, *added)})


@functools.cache
def _texts() -> dict[str, Any]:
    text = resources.files("llm_stages").joinpath("prompts", "tuning.json").read_text("utf-8")
    return json.loads(text)


def instructions(generic: Candidate, marks: Sequence[Marked]) -> list[Candidate]:
    """The instructions that need no model: shorter, with a plan, with notes on frequent errors.

    Args:
        generic: The pack to start from; its last line stays last.
        marks: Of its answers.
    """
    texts = _texts()
    *rules, last = generic.pack.system
    found = [
        with_system(generic, "shorter", texts["shorter"]),
        with_system(generic, "plan first", [*rules, *texts["planned"], last]),
    ]
    counts = Counter(code for one in marks for code in one.codes if code in error_notes())
    often = [code for code, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    if often:
        notes = [_filled(texts["noted"], code=c, note=error_notes()[c]) for c in often[:_NOTES]]
        found.append(with_system(generic, "with error notes", [*rules, *notes, last]))
    return found


def rewritten(
    before: Candidate,
    marks: Sequence[Marked],
    problems: Mapping[str, Problem],
    examiner: Examiner,
    *,
    number: int,
) -> Candidate | None:
    """Instructions that the model rewrites after it has seen failures; None if it cannot.

    Args:
        before: What it is to improve.
        marks: Of the answers that came of it.
        problems: The training split by name.
        examiner: Asks.
        number: Another number gets another answer.

    Raises:
        EffortSpent, ProviderError: See `Examiner.examine`.
    """
    failed = [one for one in marks if not one.passed]
    if not failed:
        return None
    chosen = random.Random(f"{examiner.seed} {number}").sample(
        failed, k=min(_FAILURES, len(failed))
    )
    failures = "\n\n".join(_failure(one, problems[one.problem]) for one in chosen)
    rules = "\n".join(before.pack.system)
    question = _filled(
        "\n".join(_texts()["rewrite"]),
        mark=mark([rules, failures]),
        rules=rules,
        failures=failures,
        passed=str(len(marks) - len(failed)),
        problems=str(len(marks)),
    )
    messages = (Message("system", "\n".join(_texts()["rewriter"])), Message("user", question))
    try:
        [reply] = examiner.ask_all(
            [messages], temperature=_REWRITE_TEMPERATURE, number=_REWRITES + number
        )
        rules_read = read_rules(reply.text)
    except (WrongAnswer, Refused) as error:
        examiner.log(f"a rewrite cannot be used: {error}")
        return None
    return with_rules(before, f"rewritten {number + 1}", rules_read)


def read_rules(answer: str) -> list[str]:
    """The rules in an answer, a line each.

    Raises:
        WrongAnswer: There are too few, or one is too long.
    """
    text = cleaned(answer, most_bytes=65536)
    rules = [" ".join(match["rule"].split()) for match in _RULE.finditer(text)]
    rules = list(dict.fromkeys(rules))[:_MOST_RULES]
    if len(rules) < _FEWEST_RULES:
        raise WrongAnswer(f"expected {_FEWEST_RULES} rules or more, found {len(rules)}")
    if long := [rule for rule in rules if len(rule) > _MOST_OF_A_RULE]:
        raise WrongAnswer(f"a rule has {len(long[0])} characters, {_MOST_OF_A_RULE} are allowed")
    return rules


def with_rules(before: Candidate, label: str, rules: Sequence[str]) -> Candidate:
    """A pack with these rules between those lines that every instruction keeps.

    The form of the answer, and that a specification cannot change the rules, is not for a model to
    decide.
    """
    head, last = before.pack.system[0], before.pack.system[-1]
    always = _texts()["always"]
    new = [line for rule in rules if (line := f"- {rule}") not in always]
    return with_system(before, label, [head, "Rules:", *always, *new, last])


def with_kept_lines(before: Candidate, label: str, lines: Sequence[str]) -> Candidate:
    """A pack with this text as its instruction, and those lines after it that must be in each."""
    kept = [*_texts()["always"], before.pack.system[-1]]
    return with_system(before, label, [*lines, *(line for line in kept if line not in lines)])


def with_system(before: Candidate, label: str, system: Sequence[str]) -> Candidate:
    """A candidate with another system message."""
    pack = before.pack.model_copy(update={"system": tuple(system)})
    return replace(before, label=label, pack=pack)


def demonstrations(
    passed: Mapping[str, Sequence[str]],
    problems: Sequence[Problem],
    pack: PromptPack,
    *,
    tried: Mapping[str, int],
    seed: int,
) -> list[tuple[Shown, ...]]:
    """Sets of demonstrations from answers that passed.

    Problems that few packs solved come first, since what a model does anyhow teaches it nothing;
    sets of two and more hold a clocked and a combinational one where there are both.

    Args:
        passed: Sources that passed, by problem.
        problems: The training split.
        pack: Its first question is what is shown.
        tried: How many packs were tried on each problem.
        seed: Breaks ties.
    """
    rng = random.Random(f"demonstrations {seed}")
    found: list[tuple[float, float, bool, Shown]] = []
    for problem in problems:
        sources = passed.get(problem.name)
        if not sources:
            continue
        source = min(set(sources), key=lambda text: (len(text), text))
        one = shown(problem, pack, source)
        if len(one.demonstration.user) + len(source) <= _MOST_OF_A_DEMONSTRATION:
            share = len(sources) / tried[problem.name]
            is_clocked = bool(re.search(r"\b(pos|neg)edge\b", source))
            found.append((share, rng.random(), is_clocked, one))
    found.sort(key=lambda item: item[:2])
    hardest = [item[3] for item in found]
    clocked = [item[3] for item in found if item[2]]
    plain = [item[3] for item in found if not item[2]]
    mixed = [one for pair in zip(clocked, plain, strict=False) for one in pair]
    mixed += [one for one in hardest if one not in mixed]
    shuffled = rng.sample(hardest, k=len(hardest))
    sets = [hardest[:1], mixed[:2], mixed[:3], shuffled[:2]]
    return [one for one in dict.fromkeys(tuple(group) for group in sets) if one]


def shown(problem: Problem, pack: PromptPack, source: str) -> Shown:
    """A source that passed as the demonstration of its problem."""
    answer = f"```systemverilog\n{source.strip()}\n```"
    return Shown(problem.name, Demonstration(user=problem.question(pack), assistant=answer))


def _failure(one: Marked, problem: Problem) -> str:
    spec = cleaned(problem.spec.strip(), most_bytes=_MOST_OF_A_SPEC, keep="end")
    answer = cleaned(one.rtl.strip(), most_bytes=_MOST_OF_AN_ANSWER) or "no source at all"
    fault = cleaned(one.fault, most_bytes=_MOST_OF_A_FAULT)
    return f"Specification:\n{spec}\nAnswer:\n{answer}\nWhat is wrong:\n{fault}"


def _filled(text: str, **fields: str) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: fields[match[1]], text)
