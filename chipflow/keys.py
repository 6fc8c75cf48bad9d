"""The key of a stage: a hash of all that its result depends on, and the reason why it runs again.

A stage depends on the content of its files, on the settings that it declares, on its code, on the
versions of its tools and on the PDK. Each of these is one entry of `StageInputs`, so that two sets
of inputs can be compared in words.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chipflow.code_version import code_behind
from chipflow.design import LLM_STAGES, Design, setting
from chipflow.file_hashes import FileHashes, files_below
from chipflow.pdk.description import Pdk
from chipflow.stage import Stage
from chipflow.tools.rtl_files import referenced_files
from chipflow.tools.versions import version_of

ABSENT = "absent"

# Raise this where the meaning of a stored result changes: every stage then runs again.
_FORMAT = 1

# What a PDK is called does not change what is built with it.
_PDK_NAMES = ("label", "description_file")

# Settings whose files may include and load others; those count as well.
_VERILOG = ("rtl", "testbench", "loop_testbench")

# Folders that hold results, never sources.
_RESULT_FOLDERS = ("runs",)


@dataclass(frozen=True)
class StageInputs:
    """What one run of a stage depends on.

    Attributes:
        values: Names in words ("setting clock.period_ns", "file rtl/gcd.v", "tool pyosys") to a
            value in JSON, or to a hash of a file's content.
        code: Modules behind the stage to hashes of their sources.
    """

    values: Mapping[str, str]
    code: Mapping[str, str]

    @property
    def code_version(self) -> str:
        """One hash over all the code."""
        return _hash(self.code)[:16]

    @property
    def key(self) -> str:
        """One hash over everything."""
        return _hash([_FORMAT, dict(self.values), dict(self.code)])


class InputReader:
    """Reads what stages of one design on one PDK depend on.

    Args:
        design: The design.
        pdk: The PDK.
        hashes: Content hashes of files.
        results: The run folder; nothing below it is a source.
    """

    def __init__(self, design: Design, pdk: Pdk, hashes: FileHashes, results: Path) -> None:
        self._design = design
        self._pdk = pdk
        self._hashes = hashes
        self._results = results

    def of(
        self,
        stage: Stage,
        made: Mapping[str, Path],
        metrics: Mapping[str, Mapping[str, float]],
    ) -> StageInputs:
        """The inputs of a stage.

        Args:
            stage: The stage.
            made: Files of earlier stages that it reads, by their declared names.
            metrics: Metrics of earlier stages by the stage's name; used where it asks for them.
        """
        values = {f"setting {name}": _json(setting(self._design, name)) for name in stage.settings}
        for name in stage.sources:
            values |= self._source(name)
        if stage.asks_models:
            values |= self._own_packs(stage)
        values |= {f"made {name}": self._hashes.of(path) for name, path in made.items()}
        values |= {f"tool {tool}": version_of(tool) or ABSENT for tool in stage.tools}
        if stage.uses_metrics:
            values |= {f"metrics of {name}": _hash(numbers) for name, numbers in metrics.items()}
        if stage.uses_pdk:
            values |= self._pdk_values
        return StageInputs(
            values=dict(sorted(values.items())), code=code_behind(stage.run.__module__)
        )

    def _own_packs(self, stage: Stage) -> dict[str, str]:
        """The user's prompt packs that the stage's models get; those of chipflow are its code."""
        from llm_stages.model_string import split
        from llm_stages.prompt_pack import own_pack

        values: dict[str, str] = {}
        for llm_stage in LLM_STAGES:
            if f"models.{llm_stage}" in stage.settings:
                for model in filter(None, self._design.models.ladder(llm_stage)):
                    if found := own_pack(llm_stage, split(model)[0]):
                        pack, file = found
                        values[f"file {file.name} of your prompt packs"] = pack.version
        return values

    def _source(self, name: str) -> dict[str, str]:
        """A design's file, files or folders: their names in order, and the content of each."""
        given = setting(self._design, name)
        paths = [] if given is None else [given] if isinstance(given, Path) else list(given)
        values = {f"setting {name}": _json([self._relative(path) for path in paths])}
        files = [
            file
            for path in paths
            for file in (self._sources_below(path) if path.is_dir() else [path])
        ]
        if name in _VERILOG and not (self._design.has_cocotb_testbench and name != "rtl"):
            design = self._design
            files += referenced_files(files, design.include_dirs, design.folder).values()
        for file in files:
            values[f"file {self._relative(file)}"] = self._hashes.of(file)
        return values

    def _sources_below(self, folder: Path) -> Iterator[Path]:
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith(".") or entry == self._results:
                continue
            if not entry.is_dir():
                yield entry
            elif entry.name not in _RESULT_FOLDERS:
                yield from self._sources_below(entry)

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path, self._design.folder)).as_posix()

    @cached_property
    def _pdk_values(self) -> dict[str, str]:
        values: dict[str, str] = {}
        for field in fields(self._pdk):
            if field.name in _PDK_NAMES:
                continue
            plain = _without_paths(getattr(self._pdk, field.name))
            values[f"PDK {field.name}"] = _json(plain)
            for number, path in enumerate(_paths_in(getattr(self._pdk, field.name))):
                values[f"PDK {field.name} {number} {path.name}"] = self._hashes.of(path)
        return values


def explain(old: StageInputs | None, new: StageInputs) -> str:
    """Why a stage with these new inputs runs again, in words; empty where nothing changed."""
    if old is None:
        return "first run"
    changes = [
        _change(name, old.values.get(name), new.values.get(name))
        for name in sorted({*old.values, *new.values}, key=_most_telling_first)
        if old.values.get(name) != new.values.get(name)
    ]
    modules = [
        name for name in sorted({*old.code, *new.code}) if old.code.get(name) != new.code.get(name)
    ]
    if modules:
        more = f" and {len(modules) - 1} more" if len(modules) > 1 else ""
        changes.append(f"code of {modules[0]}{more} changed")
    if len(changes) > 3:
        changes = [*changes[:3], f"{len(changes) - 3} more"]
    return "; ".join(changes)


def _most_telling_first(name: str) -> tuple[int, str]:
    kinds = ("file", "setting", "made", "metrics", "tool", "PDK")
    kind = name.partition(" ")[0]
    return (kinds.index(kind) if kind in kinds else len(kinds), name)


def _change(name: str, old: str | None, new: str | None) -> str:
    kind, _, what = name.partition(" ")
    if kind == "tool":
        return f"{what} changed from {old or 'unknown'} to {new or 'unused'}"
    subject = {"metrics": f"the metrics {what}", "PDK": f"the PDK's {what}"}.get(kind, what)
    if old is None:
        return f"{subject} is new"
    if new is None:
        return f"{subject} is gone"
    holds_values = kind == "setting" or (kind == "PDK" and " " not in what)
    if holds_values and len(old) + len(new) <= 60:
        return f"{subject} changed from {old} to {new}"
    return f"{subject} changed"


def _json(value: Any) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    return json.dumps(value, sort_keys=True, default=str)


def _hash(value: Any) -> str:
    return hashlib.sha256(_json(value).encode()).hexdigest()


def _without_paths(value: Any) -> Any:
    """The value with the name in place of each path, so that a PDK may be moved."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, tuple):
        return [_without_paths(item) for item in value]
    if is_dataclass(value):
        return {f.name: _without_paths(getattr(value, f.name)) for f in fields(value)}
    return value


def _paths_in(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield from files_below(value) if value.is_dir() else [value]
    elif isinstance(value, tuple):
        for item in value:
            yield from _paths_in(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _paths_in(getattr(value, field.name))
