"""The stage that reviews a finished run: ranked changes to RTL, constraints or floorplan.

A change is a proposal as data, with a patch in it. It is checked here as far as text goes: that the
patch applies, that the constraints pass the allowlist, that the settings exist. Whether it is any
good is for the flow to measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from llm_stages.answer_parts import Block, Edit, Label, Part, parts
from llm_stages.errors import InputError, WrongAnswer
from llm_stages.floorplan_hints import Hint, Knob, read_hint
from llm_stages.sdc import Command, parse, write
from llm_stages.source_edits import apply_edit, replace_module
from llm_stages.typed_answer import Asked, ask
from llm_stages.untrusted_text import cleaned

_MAX_FACTS_BYTES = 16384
_MAX_SOURCE_BYTES = 65536
_MOST_CHANGES = 8
_LABELS = (
    "kind",
    "metric",
    "expect",
    "why",
    "same behaviour",
    "file",
    "module",
    "set",
    "no change",
)
_YES = ("yes", "true", "y")

Kind = Literal["rtl", "constraints", "floorplan"]


class MeasuredMetric(BaseModel):
    """A number of the run that a change may improve.

    Attributes:
        name: Its name.
        value: Its value.
        better: Which direction is an improvement.
        meaning: What it is, with its unit.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: float
    better: Literal["lower", "higher"]
    meaning: str


class ReviewTask(BaseModel):
    """What `review` is given.

    Attributes:
        facts: Results of the run in words: findings, paths, congestion.
        metrics: Numbers that a change may improve.
        sources: RTL, file name to text.
        constraints: The timing constraints as SDC.
        knobs: Settings of the floorplan.
    """

    model_config = ConfigDict(frozen=True)

    facts: str
    metrics: tuple[MeasuredMetric, ...] = Field(min_length=1)
    sources: Mapping[str, str]
    constraints: str
    knobs: tuple[Knob, ...]


class SourceEdit(BaseModel):
    """A change of one source: lines that occur once and what replaces them, or a whole module."""

    model_config = ConfigDict(frozen=True)

    file: str
    search: str = ""
    replace: str = ""
    module: str = ""

    def apply(self, text: str) -> str:
        """The source with the change.

        Raises:
            WrongAnswer: What is to be replaced is not there exactly once.
        """
        if self.module:
            return replace_module(text, self.module, self.replace, file=self.file)
        return apply_edit(text, self.search, self.replace, file=self.file)


class Change(BaseModel):
    """One proposal.

    Attributes:
        kind: What it changes.
        metric: The metric that it is to improve.
        expect: By how much, in the model's words.
        why: The reason.
        same_behaviour: It promises that the RTL does the same in every cycle.
        edits: Of RTL.
        sdc: Constraints to add, as `sdc.write` writes them.
        settings: Of the floorplan.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    metric: str
    expect: str = Field(default="", max_length=500)
    why: str = Field(min_length=1, max_length=1000)
    same_behaviour: bool = False
    edits: tuple[SourceEdit, ...] = ()
    sdc: str = ""
    settings: tuple[Hint, ...] = ()

    @model_validator(mode="after")
    def _has_its_patch(self) -> Change:
        there = {"rtl": self.edits, "constraints": self.sdc, "floorplan": self.settings}
        if not there[self.kind]:
            wanted = {
                "rtl": "file: and a SEARCH/REPLACE block",
                "constraints": "an ```sdc block",
                "floorplan": "a line such as set: floorplan.utilization = 0.65",
            }
            raise ValueError(f"a change of kind {self.kind} needs {wanted[self.kind]}")
        if any(patch for kind, patch in there.items() if kind != self.kind):
            raise ValueError(f"a change of kind {self.kind} patches something else as well")
        return self


class Review(BaseModel):
    """What `review` returns.

    Attributes:
        changes: Proposals, the most promising first.
        refused: Why others could not be used.
        asked: How the answer came to be.
    """

    model_config = ConfigDict(frozen=True)

    changes: tuple[Change, ...] = Field(max_length=_MOST_CHANGES)
    refused: tuple[str, ...]
    asked: Asked


def review(
    task: ReviewTask,
    *,
    model: str,
    check_sdc: Callable[[Sequence[Command]], object] = lambda commands: None,
    **asking: Any,
) -> Review:
    """Have a model propose changes to a design from the results of a run.

    Args:
        task: The run.
        model: The model string.
        check_sdc: Holds constraints to be added against the design; raises `InputError`.
        asking: As for `typed_answer.ask`.

    Raises:
        InputError: No model is named.
        ProviderError: The model could not be asked.
        DraftRejected: No answer could be used.
    """
    sources = "\n\n".join(f"==> {name}\n{text}" for name, text in task.sources.items())
    fields = {
        "facts": cleaned(task.facts, most_bytes=_MAX_FACTS_BYTES),
        "metrics": "\n".join(
            f"- {m.name} = {m.value:.6g} ({m.better} is better): {m.meaning}" for m in task.metrics
        ),
        "sources": cleaned(sources, most_bytes=_MAX_SOURCE_BYTES),
        "constraints": cleaned(task.constraints, most_bytes=_MAX_FACTS_BYTES),
        "knobs": "\n".join(knob.in_words() for knob in task.knobs),
    }

    def read(answer: str, last: bool) -> tuple[tuple[Change, ...], tuple[str, ...]]:
        groups = _groups(parts(answer, _LABELS))
        if not groups:
            if any(isinstance(p, Label) and p.name == "no change" for p in parts(answer, _LABELS)):
                return (), ()
            raise WrongAnswer("the answer has no change; each begins with a line kind:")
        changes: list[Change] = []
        refused: list[str] = []
        for number, group in enumerate(groups[:_MOST_CHANGES], start=1):
            try:
                changes.append(_change(group, task, check_sdc))
            except (WrongAnswer, InputError, ValueError) as wrong:
                refused.append(f"change {number}: {_reason(wrong)}")
        if refused and not (last and changes):
            raise WrongAnswer("; ".join(refused))
        return tuple(changes), tuple(refused)

    (changes, refused), asked = ask("review", fields, read, model=model, max_tokens=4096, **asking)
    return Review(changes=changes, refused=refused, asked=asked)


def _reason(wrong: Exception) -> str:
    if isinstance(wrong, InputError):
        return f"{wrong.message} (at {wrong.where}; {wrong.hint})"
    errors = getattr(wrong, "errors", None)  # pydantic's says more than is of use
    return str(errors()[0]["msg"]).removeprefix("Value error, ") if errors else str(wrong)


def _groups(found: Sequence[Part]) -> list[list[Part]]:
    """The parts of each change; `kind` begins one."""
    groups: list[list[Part]] = []
    for part in found:
        if isinstance(part, Label) and part.name == "kind":
            groups.append([])
        if groups:
            groups[-1].append(part)
    return groups


def _change(
    group: Sequence[Part], task: ReviewTask, check_sdc: Callable[[Sequence[Command]], object]
) -> Change:
    said: dict[str, str] = {}
    for part in group:
        if isinstance(part, Label):
            said.setdefault(part.name, part.text)
    kind = said["kind"].strip("`*. ").lower()
    if kind not in ("rtl", "constraints", "floorplan"):
        raise WrongAnswer(f"kind: is rtl, constraints or floorplan, not {kind[:40]!r}")
    metric = said.get("metric", "").strip("`*. ")
    if metric not in {each.name for each in task.metrics}:
        raise WrongAnswer(f"metric: names one of the list, not {metric[:60]!r}")
    knobs = {knob.name: knob for knob in task.knobs}
    return Change(
        kind=kind,  # pyright: ignore[reportArgumentType]  # checked above
        metric=metric,
        expect=said.get("expect", "")[:500],
        why=said.get("why", "")[:1000],
        same_behaviour=said.get("same behaviour", "").strip("`*. ").lower().startswith(_YES),
        edits=_edits(group, task.sources) if kind == "rtl" else (),
        sdc=_sdc(group, check_sdc) if kind == "constraints" else "",
        settings=tuple(
            read_hint(part.value, knobs)
            for part in group
            if isinstance(part, Label) and part.name == "set"
        ),
    )


def _edits(group: Sequence[Part], sources: Mapping[str, str]) -> tuple[SourceEdit, ...]:
    """The edits of a change, each tried on its source."""
    file = next(iter(sources)) if len(sources) == 1 else ""
    module = ""
    edits: list[SourceEdit] = []
    for part in group:
        if isinstance(part, Label) and part.name == "file":
            file, module = part.text.strip("`* "), ""
        elif isinstance(part, Label) and part.name == "module":
            module = part.text.strip("`* ")
        elif isinstance(part, Edit):
            edits.append(SourceEdit(file=file, search=part.search, replace=part.replace))
        elif isinstance(part, Block) and module:
            edits.append(SourceEdit(file=file, replace=part.text, module=module))
    if edits:
        patched(sources, edits)
    return tuple(edits)


def patched(sources: Mapping[str, str], edits: Sequence[SourceEdit]) -> dict[str, str]:
    """The sources that edits change, with all of the edits.

    Raises:
        WrongAnswer: An edit names another file, does not apply, or changes nothing.
    """
    changed: dict[str, str] = {}
    for edit in edits:
        if edit.file not in sources:
            raise WrongAnswer(f"file: names one of {', '.join(sources)}, not {edit.file[:60]!r}")
        changed[edit.file] = edit.apply(changed.get(edit.file, sources[edit.file]))
    for file, text in changed.items():
        if text == sources[file]:
            raise WrongAnswer(f"the edits leave {file} as it is")
    return changed


def _sdc(group: Sequence[Part], check_sdc: Callable[[Sequence[Command]], object]) -> str:
    blocks = [part.text for part in group if isinstance(part, Block)]
    if not blocks:
        return ""
    commands = parse("\n".join(blocks), file="line")
    check_sdc(commands)
    return write(commands)
