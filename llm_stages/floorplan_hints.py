"""The stage that proposes a floorplan: values for the few settings that the flow has for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llm_stages.answer_parts import Label, parts
from llm_stages.errors import WrongAnswer
from llm_stages.typed_answer import Asked, ask
from llm_stages.untrusted_text import cleaned

_MAX_FACTS_BYTES = 16384
_SETTING = re.compile(r"`?([\w.]+)`?\s*(?:=|:|\bto\b)\s*`?([+-]?[\d.]+(?:[eE][+-]?\d+)?)`?\s*\S*")


class Knob(BaseModel):
    """A setting of the flow that shapes the floorplan.

    Attributes:
        name: Its dotted name in design.toml.
        value: Its value now.
        low: Its least value.
        high: Its greatest value.
        meaning: What it does, with its unit.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: float
    low: float
    high: float
    meaning: str

    def in_words(self) -> str:
        """A line for a question."""
        return f"- {self.name} = {self.value:g} ({self.low:g} to {self.high:g}): {self.meaning}"


class Hint(BaseModel):
    """A value for a setting.

    Attributes:
        name: The setting's dotted name.
        value: Its new value.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: float


class FloorplanTask(BaseModel):
    """What `floorplan_hints` is given.

    Attributes:
        facts: What is known of the design: cells, macros and their sizes, results of a run.
        knobs: The settings that the flow has.
    """

    model_config = ConfigDict(frozen=True)

    facts: str
    knobs: tuple[Knob, ...] = Field(min_length=1)


class FloorplanHints(BaseModel):
    """What `floorplan_hints` returns.

    Attributes:
        hints: Settings that are to change; none where all may stay.
        why: The reason, in the model's words.
        asked: How the answer came to be.
    """

    model_config = ConfigDict(frozen=True)

    hints: tuple[Hint, ...] = Field(max_length=8)
    why: str = Field(min_length=1, max_length=1000)
    asked: Asked


def floorplan_hints(task: FloorplanTask, *, model: str, **asking: Any) -> FloorplanHints:
    """Have a model choose utilization, shape and room between macros.

    Args:
        task: The design and the settings.
        model: The model string.
        asking: As for `typed_answer.ask`.

    Raises:
        InputError: No model is named.
        ProviderError: The model could not be asked.
        DraftRejected: No answer could be used.
    """
    known = {knob.name: knob for knob in task.knobs}
    fields = {
        "facts": cleaned(task.facts, most_bytes=_MAX_FACTS_BYTES),
        "knobs": "\n".join(knob.in_words() for knob in task.knobs),
    }

    def read(answer: str, last: bool) -> tuple[tuple[Hint, ...], str]:
        said = [part for part in parts(answer, ("set", "keep", "why")) if isinstance(part, Label)]
        hints: dict[str, Hint] = {}
        for part in said:
            if part.name == "set":
                hint = read_hint(part.value, known)
                hints[hint.name] = hint
        if not hints and not any(part.name == "keep" for part in said):
            raise WrongAnswer(
                "the answer has no line set: with a setting and a number, and no line keep: all"
            )
        why = next((part.text for part in said if part.name == "why" and part.value), "")
        if not why:
            raise WrongAnswer("the answer has no line why: REASON")
        return tuple(hints.values()), why[:1000]

    (hints, why), asked = ask(
        "floorplan_hints", fields, read, model=model, max_tokens=512, **asking
    )
    return FloorplanHints(hints=hints, why=why, asked=asked)


def read_hint(text: str, knobs: Mapping[str, Knob]) -> Hint:
    """A line `NAME = NUMBER`, held against the settings that there are.

    Raises:
        WrongAnswer: It is none, the flow has no such setting, or the number is out of range.
    """
    match = _SETTING.search(text[:200])
    if match is None:
        raise WrongAnswer(
            f"{text[:80]!r} is no setting with a number; write one as {next(iter(knobs))} = 0.5"
        )
    name, number = match[1], match[2]
    by_last_part = {known.rpartition(".")[2]: known for known in knobs}
    name = by_last_part.get(name, name)
    if name not in knobs:
        raise WrongAnswer(
            f"the flow has no setting {name[:60]!r}; it has {', '.join(knobs)}. Places, regions "
            "and the order of macros are found by its placer and cannot be set"
        )
    knob = knobs[name]
    try:
        value = float(number)
    except ValueError:
        raise WrongAnswer(f"{number[:40]!r} is not a number, for {name}") from None
    if not knob.low <= value <= knob.high:
        raise WrongAnswer(f"{name} = {value:g} is out of range: {knob.low:g} to {knob.high:g}")
    if value == knob.value:
        raise WrongAnswer(f"{name} is {value:g} already; leave it out")
    return Hint(name=name, value=value)
