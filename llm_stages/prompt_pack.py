"""Prompt packs: what to say to a model for a stage, as JSON, one file a stage and model family.

A pack lists the models that it is for as glob patterns on the model string. The most specific
pattern (the longest) wins, so a pack for one family replaces the generic one without a change of
code. Texts are lists of lines; `{{name}}` is replaced once, and replacements are not read again.

Besides the packs that come with the package there are those of the user, which `tune.py` makes, in
the folders of CHIPFLOW_PROMPTS (separated as in PATH; "none" for no folder), by default in
`chipflow/prompts` below XDG_CONFIG_HOME or ~/.config.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from llm_stages.errors import InputError
from llm_stages.exchange import Message
from llm_stages.tuning_record import Tuning

FOLDERS = "CHIPFLOW_PROMPTS"
NO_FOLDER = "none"

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
        tuned: How it came to be, where `tune.py` made it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    name: str
    models: tuple[str, ...]
    system: tuple[str, ...]
    first: tuple[str, ...]
    repair: tuple[str, ...]
    demonstrations: tuple[Demonstration, ...] = ()
    tuned: Tuning | None = None

    def messages(self, lines: tuple[str, ...], fields: Mapping[str, str]) -> tuple[Message, ...]:
        """System message, demonstrations and one question with its fields filled in."""
        before: list[Message] = []
        for shown in self.demonstrations:
            before += [Message("user", shown.user), Message("assistant", shown.assistant)]
        question = _FIELD.sub(lambda match: fields[match[1]], "\n".join(lines))
        return (Message("system", "\n".join(self.system)), *before, Message("user", question))

    @property
    def version(self) -> str:
        """Short hash of what a model is told, for records."""
        told = self.model_dump_json(exclude={"tuned"})
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def load_pack(stage: str, model: str, *, folder: Traversable | None = None) -> PromptPack:
    """The pack of a stage whose pattern fits the model string best; of two alike, the user's.

    Args:
        stage: Name of the stage.
        model: The model as LiteLLM spells it.
        folder: Where the packs are; by default the user's folders, and the package's own.

    Raises:
        InputError: A pack is damaged, or the stage has none for the model.
    """
    if folder is None and (own := own_pack(stage, model)):
        return own[0]
    return shipped_pack(stage, model, folder=folder or _SHIPPED)


def shipped_pack(stage: str, model: str, *, folder: Traversable = _SHIPPED) -> PromptPack:
    """The same among the packs that come with the package alone: what a tune starts from.

    Raises:
        InputError: As `load_pack`.
    """
    fitting = [(fit, pack.name, pack) for pack, fit, _ in _fitting(stage, model, folder)]
    if not fitting:
        raise InputError(f"no prompt pack of the stage {stage!r} fits the model", where=model)
    return max(fitting, key=lambda item: item[:2])[2]


def own_pack(stage: str, model: str) -> tuple[PromptPack, Path] | None:
    """The user's pack for a model with its file; None where the package's own is to be used.

    Raises:
        InputError: A pack of the stage in the user's folders is damaged, or does not show what the
            stage fills in.
    """
    found = [
        (fit, -place, pack.name, pack, folder / name)
        for place, folder in enumerate(own_folders())
        for pack, fit, name in _fitting(stage, model, folder)
    ]
    if not found:
        return None
    fit, _, _, pack, file = max(found, key=lambda item: item[:3])
    shipped = [(fit, pack) for pack, fit, _ in _fitting(stage, model, _SHIPPED)]
    best_fit, best = max(shipped, key=lambda item: item[0], default=(-1, pack))
    if fit < best_fit:
        return None
    _check_fields(pack, best, file)
    return pack, file


def own_folders() -> list[Path]:
    """The user's folders that are there, those named first going before the others.

    Raises:
        InputError: CHIPFLOW_PROMPTS names a folder that is not there.
    """
    named = os.environ.get(FOLDERS, "")
    if named == NO_FOLDER:
        return []
    if not named:
        return [folder for folder in [default_folder()] if folder.is_dir()]
    folders = [Path(name) for name in named.split(os.pathsep) if name]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                "there is no such folder of prompt packs",
                where=f"{FOLDERS}: {folder}",
                hint=f"name a folder that chipflow llm tune has filled, or set {FOLDERS}=none",
            )
    return folders


def default_folder() -> Path:
    """Where the user's packs are by default."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "chipflow" / "prompts"


def _fitting(stage: str, model: str, folder: Traversable) -> list[tuple[PromptPack, int, str]]:
    """The packs of a folder that fit a model, how well (length of the pattern), and their files."""
    return [
        (pack, len(pattern), name)
        for pack, name in _packs(stage, folder)
        for pattern in pack.models
        if fnmatch.fnmatchcase(model.lower(), pattern.lower())
    ]


def _packs(stage: str, folder: Traversable) -> list[tuple[PromptPack, str]]:
    packs = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if re.fullmatch(rf"{re.escape(stage)}(\.[\w.-]+)?\.json", entry.name):
            try:
                pack = PromptPack.model_validate(json.loads(entry.read_text("utf-8")))
            except (OSError, ValueError) as error:  # pydantic's and json's errors are ValueErrors
                raise InputError(
                    f"the prompt pack is damaged: {_in_words(error)}",
                    where=str(entry) if isinstance(entry, Path) else entry.name,
                    hint="mend or remove the file; docs/tuning.md says what a pack holds",
                ) from None
            packs.append((pack, entry.name))
    return packs


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)


def _check_fields(pack: PromptPack, shipped: PromptPack, file: Path) -> None:
    """Refuse a user's pack whose questions hold other fields than the stage fills in.

    Without this check a slip in a name would end in a traceback, or the model would never see the
    specification.
    """
    for what in ("first", "repair"):
        has = set(_FIELD.findall("\n".join(getattr(pack, what))))
        needs = set(_FIELD.findall("\n".join(getattr(shipped, what))))
        for name in sorted(has ^ needs):
            wrong = "lacks" if name in needs else "has"
            known = ", ".join(f"{{{{{other}}}}}" for other in sorted(needs)) or "none"
            raise InputError(
                f"the prompt pack {wrong} the field {{{{{name}}}}} in `{what}`",
                where=str(file),
                hint=f"the stage {pack.stage} fills in {known}",
            )


@functools.cache
def error_notes() -> dict[str, str]:
    """What to do about a finding of slang, by the name of the finding.

    References:
        Retrieved notes on compiler errors raise the share of repairs: RTLFixer, arXiv 2311.16543.
    """
    return json.loads(_SHIPPED.joinpath("error_notes.json").read_text("utf-8"))
