"""A snapshot of a design's sources: one folder that every later stage reads.

```
rtl/files.json      what follows, in the order in which tools read it
rtl/gcd.v           the sources, under flat names
rtl/include/        what they `include, under the names that they use
rtl/data/           what they load with $readmemh and $readmemb
```

`files.json` is a list of {"file", "kind", "origin", "untrusted"}: `file` relative to the snapshot,
`kind` one of source, include and data, `origin` relative to the design's folder where it is inside.
Untrusted sources have "edited" too where `origin` is the file itself and no specification.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from placement_env.errors import InputError

_INCLUDE = re.compile(r'^[ \t]*`include[ \t]+"([^"\n]+)"', re.MULTILINE)
_DATA = re.compile(r'\$readmem[hb]\s*\(\s*"([^"\n]+)"')


@dataclass(frozen=True)
class RtlFiles:
    """The sources of a design as the `rtl` stage keeps them.

    Attributes:
        folder: The snapshot.
        sources: The Verilog and SystemVerilog files, in order.
        origins: Path in the snapshot to the file that the user edits.
        untrusted: Those of `sources` that a language model wrote.
    """

    folder: Path
    sources: tuple[Path, ...]
    origins: Mapping[Path, Path]
    untrusted: tuple[Path, ...]

    @property
    def include_dirs(self) -> tuple[Path, ...]:
        """The folder of included files, where there is one."""
        folder = self.folder / "include"
        return (folder,) if folder.is_dir() else ()

    def place(self, file: str | Path, line: int = 0) -> str:
        """`file:line` of what the user edits, for a file of the snapshot.

        A relative path may start with the snapshot's own name, as in Yosys scripts.
        """
        path = self.folder.parent / file
        path = self.origins.get(path, path)
        if path.is_relative_to(Path.cwd()):
            path = path.relative_to(Path.cwd())
        return f"{path}:{line}" if line else str(path)

    def place_of_src(self, src: str) -> str:
        """`place` for a Yosys `src` attribute such as rtl/a.v:12.3-14.6|rtl/b.v:1.1."""
        file, _, position = src.split("|")[0].rpartition(":")
        line = position.split(".")[0]
        return self.place(file, int(line)) if line.isdigit() else src

    def copy_data(self, work_dir: Path) -> None:
        """Puts the data files where a tool that runs in `work_dir` looks for them."""
        if (self.folder / "data").is_dir():
            shutil.copytree(self.folder / "data", work_dir, dirs_exist_ok=True)


def write(
    folder: Path,
    sources: Sequence[Path],
    *,
    design_folder: Path,
    include_dirs: Sequence[Path] = (),
    spec: Path | None = None,
    untrusted: Collection[Path] = (),
) -> None:
    """Copies sources, and all that they include or load, into a new folder.

    Args:
        folder: The snapshot; made here.
        sources: Files in the order in which tools read them.
        design_folder: The folder of `design.toml`.
        include_dirs: Folders searched after the including file's own.
        spec: The specification that a language model wrote the sources from; they are untrusted
            then, and nothing that they refer to is copied.
        untrusted: Those of `sources` that a language model has written or changed.

    Raises:
        InputError: A file cannot be read, or two files would need the same name.
    """
    folder.mkdir()
    entries = []
    for path, name in zip(sources, _flat_names(sources), strict=True):
        _copy(path, folder / name)
        is_untrusted = spec is not None or path in untrusted
        entries.append(_entry(name, "source", spec or path, design_folder, is_untrusted))
        if spec is None and is_untrusted:
            entries[-1]["edited"] = True
    if spec is None:
        for name, path in referenced_files(sources, include_dirs, design_folder).items():
            _copy(path, folder / name)
            kind = "data" if name.startswith("data/") else "include"
            entries.append(_entry(name, kind, path, design_folder, False))
    text = json.dumps(entries, indent=1) + "\n"
    (folder / "files.json").write_text(text, encoding="utf-8")


def read(folder: Path, *, design_folder: Path) -> RtlFiles:
    """Reads a snapshot that `write` made."""
    folder = folder.resolve()
    entries = json.loads((folder / "files.json").read_text(encoding="utf-8"))
    sources = [entry for entry in entries if entry["kind"] == "source"]
    return RtlFiles(
        folder=folder,
        sources=tuple(folder / entry["file"] for entry in sources),
        origins={
            folder / entry["file"]: design_folder / entry["origin"]
            for entry in entries
            if not entry["untrusted"] or entry.get("edited")
        },
        untrusted=tuple(folder / entry["file"] for entry in sources if entry["untrusted"]),
    )


def refuse_other_contents(rtl: RtlFiles, bench: RtlFiles) -> None:
    """Refuses names that mean one file to the RTL and another one to its test bench.

    Both are compiled and run with the same folders, so each name leads to one file only.

    Raises:
        InputError: There is such a name among included files or data.
    """
    for kind in ("include", "data"):
        for path in sorted((bench.folder / kind).rglob("*")):
            name = path.relative_to(bench.folder)
            other = rtl.folder / name
            if path.is_file() and other.is_file() and path.read_bytes() != other.read_bytes():
                written = path.relative_to(bench.folder / kind).as_posix()
                raise InputError(
                    f"{written!r} means {rtl.place(other)} in the RTL and another file in the "
                    "test bench",
                    where=bench.place(path),
                    hint="give the two files different names",
                )


def referenced_files(
    sources: Sequence[Path], include_dirs: Sequence[Path], design_folder: Path
) -> dict[str, Path]:
    """What sources include and load, and what that includes, without the sources themselves.

    Text is searched, not preprocessed, so files in branches that are not compiled count too. Names
    that lead to no file are left for the tools to complain about, with their line.

    Returns:
        Name in the snapshot, such as "include/defs.vh" or "data/rom.hex", to the file.

    Raises:
        InputError: A name leaves its folder too far, or names different files in different places.
    """
    found: dict[str, Path] = {}
    waiting = list(sources)
    while waiting:
        file = waiting.pop(0)
        text = _read(file).decode("utf-8", errors="replace")
        wanted = [
            ("include", _INCLUDE, (file.parent, *include_dirs)),
            ("data", _DATA, (design_folder, file.parent, *include_dirs)),
        ]
        for kind, pattern, folders in wanted:
            for match in pattern.finditer(text):
                path = _first_file(match[1], folders)
                if path is None:
                    continue
                where = f"{file}:{text.count(chr(10), 0, match.start(1)) + 1}"
                name = _name_in_snapshot(kind, match[1], where)
                if name not in found:
                    found[name] = path
                    if kind == "include":
                        waiting.append(path)
                elif not found[name].samefile(path):
                    raise InputError(
                        f"{match[1]!r} means {found[name]} elsewhere and {path} here",
                        where=where,
                        hint="give the two files different names",
                    )
    return dict(sorted(found.items()))


def _name_in_snapshot(kind: str, written: str, where: str) -> str:
    """The place of a file in the snapshot, such that the name as written leads there."""
    name = os.path.normpath(os.path.join(kind, written))
    if os.path.isabs(written) or name.startswith("..") or not name.startswith(f"{kind}{os.sep}"):
        raise InputError(
            f"{written!r} leaves the folder that it is searched in",
            where=where,
            hint='write the name alone, and its folder in include_dirs = ["..."] of design.toml',
        )
    return Path(name).as_posix()


def _first_file(name: str, folders: Iterable[Path]) -> Path | None:
    candidates = (folder / name for folder in folders)
    return next((path for path in candidates if path.is_file()), None)


def _flat_names(paths: Sequence[Path]) -> list[str]:
    """A plain file name for each path; equal names get a number."""
    taken = {"files.json", "include", "data"}
    names = []
    for path in paths:
        stem = re.sub(r"[^A-Za-z0-9_]", "_", path.stem) or "_"
        suffix = path.suffix if re.fullmatch(r"\.\w+", path.suffix, re.ASCII) else ".sv"
        name, number = f"{stem}{suffix}", 2
        while name.lower() in taken:
            name, number = f"{stem}_{number}{suffix}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def _entry(
    name: str, kind: str, origin: Path, design_folder: Path, untrusted: bool
) -> dict[str, str | bool]:
    inside = origin.is_relative_to(design_folder)
    shown = origin.relative_to(design_folder) if inside else origin
    return {"file": name, "kind": kind, "origin": shown.as_posix(), "untrusted": untrusted}


def _copy(source: Path, target: Path) -> None:
    data = _read(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read the source file: {error.strerror}",
            where=str(path),
            hint="correct its path in design.toml",
        ) from error
