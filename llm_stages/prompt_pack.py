"""Prompt packs: what to say to a model for a stage, as JSON, one file a stage and model family.

A pack lists the models that it is for as glob patterns on the model string. The most specific
pattern (the longest) wins, so a pack for one family replaces the generic one without a change of
code. Texts are lists of lines; `{{name}}` is replaced once, and replacements are not read again.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import BaseModel, ConfigDict, ValidationError

from llm_stages.errors import InputError
from llm_stages.exchange import Message

_SHIPPED: Traversable = resources.files("llm_stages").joinpath("prompts")
_FIELD = re.compile(r"\{\{(\w+)\}\}")


class Demonstration(BaseModel):
    """One example of a question and a good answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str
    assistant: str


class PromptPack(BaseModel):
    """The texts of one stage for one family of models.

    Attributes:
        stage: The stage that it serves.
        name: Name of the family; "generic" for the one that fits all.
        models: Glob patterns on the model string, case ignored.
        system: Lines of the system message.
        first: Lines of the first question.
        repair: Lines of the question after a failed attempt.
        demonstrations: Examples that go before the question.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    name: str
    models: tuple[str, ...]
    system: tuple[str, ...]
    first: tuple[str, ...]
    repair: tuple[str, ...]
    demonstrations: tuple[Demonstration, ...] = ()

    def messages(self, lines: tuple[str, ...], fields: Mapping[str, str]) -> tuple[Message, ...]:
        """System message, demonstrations and one question with its fields filled in."""
        before: list[Message] = []
        for shown in self.demonstrations:
            before += [Message("user", shown.user), Message("assistant", shown.assistant)]
        question = _FIELD.sub(lambda match: fields[match[1]], "\n".join(lines))
        return (Message("system", "\n".join(self.system)), *before, Message("user", question))

    @property
    def version(self) -> str:
        """Short hash of the content, for records."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def load_pack(stage: str, model: str, *, folder: Traversable | None = None) -> PromptPack:
    """The pack of a stage whose pattern fits the model string best.

    Args:
        stage: Name of the stage.
        model: The model as LiteLLM spells it.
        folder: Where the packs are; by default the ones that come with the package.

    Raises:
        InputError: A pack is damaged, or the stage has none for the model.
    """
    fitting = [
        (len(pattern), pack.name, pack)
        for pack in _packs(stage, folder or _SHIPPED)
        for pattern in pack.models
        if fnmatch.fnmatchcase(model.lower(), pattern.lower())
    ]
    if not fitting:
        raise InputError(f"no prompt pack of the stage {stage!r} fits the model", where=model)
    return max(fitting, key=lambda item: item[:2])[2]


def _packs(stage: str, folder: Traversable) -> tuple[PromptPack, ...]:
    packs = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if re.fullmatch(rf"{re.escape(stage)}(\.\w+)?\.json", entry.name):
            try:
                packs.append(PromptPack.model_validate(json.loads(entry.read_text("utf-8"))))
            except (ValidationError, json.JSONDecodeError) as error:
                raise InputError(f"the prompt pack is damaged: {error}", where=entry.name) from None
    return tuple(packs)


@functools.cache
def error_notes() -> dict[str, str]:
    """What to do about a finding of slang, by the name of the finding.

    References:
        Retrieved notes on compiler errors raise the share of repairs: RTLFixer, arXiv 2311.16543.
    """
    return json.loads(_SHIPPED.joinpath("error_notes.json").read_text("utf-8"))
