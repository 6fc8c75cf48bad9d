"""Make the files of edu45 in the user's cache, once for each version of this generator."""

from __future__ import annotations

from pathlib import Path

from chipflow.pdk import boolean
from chipflow.pdk.edu45 import gds_file, lef_files, liberty_file
from chipflow.pdk.made_files import content_key, make_once


def folder() -> Path:
    """The folder with edu45.tech.lef, edu45.lef, edu45.lib and edu45.gds.

    Raises:
        InputError: The cache cannot be written.
    """
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(boolean.__file__)]
    return make_once("edu45", content_key(*sources), write)


def write(target: Path) -> None:
    """Write all files into a folder: the same bytes every time."""
    lef_files.write_technology(target / "edu45.tech.lef")
    lef_files.write_cells(target / "edu45.lef")
    liberty_file.write(target / "edu45.lib")
    gds_file.write(target / "edu45.gds")
