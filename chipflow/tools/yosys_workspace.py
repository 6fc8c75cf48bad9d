"""A folder where Yosys works on one design: plain names for all files that its scripts read."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from chipflow.pdk.description import Pdk
from chipflow.tools.rtl_files import RtlFiles
from chipflow.tools.yosys import YosysError, run_script
from placement_env.errors import InputError


@dataclass(frozen=True)
class Workspace:
    """A prepared folder.

    Attributes:
        folder: Where scripts run; they and their logs stay here.
        rtl: The sources, found below `rtl/`.
        top: Top module.
        pdk: The process.
        cell_libraries: Names of the Liberty files of the standard cells.
        macro_libraries: Names of the Liberty files of memories that exist as files.
    """

    folder: Path
    rtl: RtlFiles
    top: str
    pdk: Pdk
    cell_libraries: tuple[str, ...]
    macro_libraries: tuple[str, ...]


def prepare(
    folder: Path, rtl: RtlFiles, *, top: str, defines: Sequence[str], pdk: Pdk
) -> Workspace:
    """Fills a folder with the sources and the libraries.

    Args:
        folder: Made here.
        rtl: The sources.
        top: Top module.
        defines: Preprocessor macros, each NAME or NAME=VALUE.
        pdk: The process.
    """
    folder.mkdir(parents=True)
    shutil.copytree(rtl.folder, folder / "rtl")
    rtl.copy_data(folder)
    lines = [f"`define {' '.join(define.split('=', 1))}\n" for define in defines]
    (folder / "defines.vh").write_text("".join(lines), encoding="utf-8")
    cells = [link_liberty(folder, path, f"cells_{i}.lib") for i, path in enumerate(pdk.liberty)]
    macros = [
        link_liberty(folder, macro.liberty, f"macro_{i}.lib")
        for i, macro in enumerate(pdk.memories)
    ]
    return Workspace(folder, rtl, top, pdk, tuple(cells), tuple(macros))


def link_liberty(folder: Path, path: Path, name: str) -> str:
    """Puts a Liberty file under a plain name, unpacked: ABC cannot read compressed ones."""
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as packed, open(folder / name, "wb") as plain:
            shutil.copyfileobj(packed, plain)
    else:
        (folder / name).symlink_to(path.resolve())
    return name


def read_sources(workspace: Workspace, then: str, *, name: str) -> str:
    """Reads the sources with slang, or with Yosys's own front end where slang's cannot.

    Args:
        workspace: The sources and libraries.
        then: Script lines that follow in the same process.
        name: Name of the script and its log.

    Returns:
        What slang could not read; empty where it read everything.

    Raises:
        InputError: Neither front end can read the sources; the error is slang's.
    """
    files = ["defines.vh", *(f"rtl/{path.name}" for path in workspace.rtl.sources)]
    include = "-I rtl/include" if workspace.rtl.include_dirs else ""
    known = "".join(
        f"read_liberty -lib -ignore_miss_func {library}\n"
        for library in (*workspace.cell_libraries, *workspace.macro_libraries)
    )
    # The design may wait, print, assert and declare late: none of it changes what is built.
    then = f"delete */t:$print */t:$check\n{then}"
    slang = (
        "read_slang --single-unit --ignore-timing --ignore-assertions --allow-use-before-declare "
        f"--top {workspace.top} {include} {' '.join(files)}\n"
    )
    yosys = f"read_verilog -sv {include} {' '.join(files)}\n"
    try:
        run_script(known + slang + then, work_dir=workspace.folder, name=name)
        return ""
    except YosysError as error:
        try:
            run_script(known + yosys + then, work_dir=workspace.folder, name=f"{name}_again")
        except YosysError:
            raise _input_error(workspace, error) from error
        return f"{workspace.rtl.place(error.file, error.line)}: {error.text}"


def keep_scripts_and_logs(workspace: Workspace) -> None:
    """Removes everything else from the folder."""
    for entry in workspace.folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.suffix not in (".ys", ".log", ".vcd"):
            entry.unlink()


def _input_error(workspace: Workspace, error: YosysError) -> InputError:
    """A Yosys error in terms of the user's files."""
    message = error.text.rstrip(".")
    where = workspace.rtl.place(error.file, error.line) if error.file else str(error.where)
    hint = "the lint stage reads the same files; see its report for more"
    if "unknown module" in message:
        hint = 'add the file that defines it to rtl = ["..."] in design.toml'
    elif "failed to open file" in message:
        hint = "write its path relative to the folder of design.toml"
    elif "not a valid top-level module" in message:
        modules = [path.stem for path in workspace.rtl.sources]
        guess = get_close_matches(workspace.top, modules, 1)
        hint = f"top = in design.toml must name a module{f': {guess[0]}?' if guess else ''}"
    return InputError(message, where=where, hint=hint)
