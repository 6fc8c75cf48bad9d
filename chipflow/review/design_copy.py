"""A copy of a design to try a change on; the user's own files are never written."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chipflow.design import Design, read_design
from chipflow.report.record import RunOnDisk
from chipflow.toml_edit import remove_key, set_key
from chipflow.tools import rtl_files
from llm_stages.floorplan_hints import Hint
from llm_stages.review import Change, patched
from placement_env.errors import InputError

_CONSTRAINTS = "constraints.sdc"
_RESULTS = "runs"
_TOML = "design.toml"


@dataclass(frozen=True)
class Sources:
    """What a change can patch, in a copy of a design.

    Attributes:
        folder: The copy.
        rtl: RTL by its path in the copy.
        sdc: The constraints as far as the design states them.
    """

    folder: Path
    rtl: Mapping[str, str]
    sdc: str


def copy_design(design: Design, to: Path) -> None:
    """Copies what a design consists of, without results.

    Args:
        design: The design.
        to: A new folder.

    Raises:
        InputError: The design names files outside its folder, or one cannot be copied.
    """
    to.mkdir(parents=True)
    for path in sorted(set(_files(design))):
        if not path.is_relative_to(design.folder):
            raise InputError(
                f"the design names {path}, which is outside its folder",
                where=str(design.folder / _TOML),
                hint="a patched copy would not find it: move it into the design's folder",
            )
        target = to / path.relative_to(design.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    # These stay where they are, and their paths may be relative.
    absolute = {"pdk": design.pdk} if design.pdk.endswith(".toml") else {}
    if design.placement.policy:
        absolute["placement.policy"] = str(design.placement.policy)
    file = to / _TOML
    for name, path in absolute.items():
        text = set_key(file.read_text(encoding="utf-8"), name, path, file=file)
        file.write_text(text, encoding="utf-8")


def _files(design: Design) -> Iterator[Path]:
    yield design.folder / _TOML
    yield from (*design.rtl, *design.testbench)
    yield from (p for p in (design.spec, design.constraints, design.constraints_spec) if p)
    verilog = [path for path in (*design.rtl, *design.testbench) if path.suffix != ".py"]
    yield from rtl_files.referenced_files(verilog, design.include_dirs, design.folder).values()
    for folder in design.include_dirs:
        yield from _files_below(folder)


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name == _RESULTS:
            continue
        if entry.is_dir():
            yield from _files_below(entry)
        elif entry.is_file():
            yield entry


def sources_of(copy: Path, run: RunOnDisk) -> Sources:
    """What there is to patch. RTL and constraints that a model wrote are taken from the run.

    Raises:
        InputError: The run holds no sources.
    """
    design = read_design(copy)
    if design.rtl:
        rtl = {path.relative_to(copy).as_posix(): _read(path) for path in design.rtl}
    else:
        snapshot = _snapshot(run)
        written = rtl_files.read(snapshot, design_folder=copy).sources
        rtl = {path.name: _read(path) for path in written}
    sdc = ""
    if design.constraints is not None:
        sdc = _read(design.constraints)
    elif design.constraints_spec is not None:
        origin = run.json("constraints_origin")
        sdc = str(origin["sdc"]) if isinstance(origin, dict) else ""
    return Sources(copy, rtl, sdc)


def _snapshot(run: RunOnDisk) -> Path:
    stage = run.stage("rtl")
    if stage is None or not (stage.folder / "rtl" / "files.json").is_file():
        raise InputError(
            "the run holds no RTL", where=str(run.folder), hint="run the flow on the design first"
        )
    return stage.folder / "rtl"


def apply_change(sources: Sources, change: Change, *, untrusted: frozenset[str]) -> None:
    """Makes a change in the copy.

    Args:
        sources: What there is to patch.
        change: The change.
        untrusted: RTL to mark as written by a model, by its path in the copy.

    Raises:
        InputError: `design.toml` cannot be changed.
        llm_stages.typed_answer.WrongAnswer: An edit does not apply.
    """
    folder = sources.folder
    file = folder / _TOML
    toml = file.read_text(encoding="utf-8")
    given = read_design(folder)
    if change.kind == "rtl":
        changed = patched(sources.rtl, change.edits)
        for name, text in {**sources.rtl, **changed}.items():
            if name in changed or not given.rtl:
                (folder / name).write_text(text, encoding="utf-8")
        if given.spec is not None:
            toml = remove_key(toml, "spec", file=file)
            toml = set_key(toml, "rtl", list(sources.rtl), file=file)
            untrusted = frozenset(sources.rtl)
        marked = {path.relative_to(folder).as_posix() for path in given.untrusted} | untrusted
        toml = set_key(toml, "untrusted", sorted(marked), file=file)
    elif change.kind == "constraints":
        ended = sources.sdc if sources.sdc.endswith("\n") or not sources.sdc else sources.sdc + "\n"
        (folder / _CONSTRAINTS).write_text(ended + change.sdc, encoding="utf-8")
        if given.constraints_spec is not None:
            toml = remove_key(toml, "constraints_spec", file=file)
        toml = set_key(toml, "constraints", _CONSTRAINTS, file=file)
    else:
        toml = with_hints(toml, change.settings, file=file)
    file.write_text(toml, encoding="utf-8")


def with_hints(toml: str, hints: tuple[Hint, ...], *, file: Path) -> str:
    """The text of a `design.toml` with settings of the floorplan changed."""
    for hint in hints:
        toml = set_key(toml, hint.name, hint.value, file=file)
    return toml


def difference(before: Path, after: Path) -> str:
    """What differs between two copies, as a patch for `patch -p1` in the design's folder."""
    names = {
        path.relative_to(folder).as_posix()
        for folder in (before, after)
        for path in _files_below(folder)
    }
    lines: list[str] = []
    for name in sorted(names):
        old, new = (_read(f / name) if (f / name).is_file() else "" for f in (before, after))
        if old == new:
            continue
        here, there = (
            f"{side}/{name}" if (folder / name).is_file() else "/dev/null"
            for side, folder in (("a", before), ("b", after))
        )
        for line in difflib.unified_diff(
            old.splitlines(keepends=True), new.splitlines(keepends=True), here, there
        ):
            lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", where=str(path)) from error
