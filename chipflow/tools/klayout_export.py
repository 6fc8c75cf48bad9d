"""GDS and a picture of a placed design, by KLayout's own DEF reader.

KLayout reading the DEF is a check too: another program finds every component and its layout.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chipflow.pdk.description import Pdk
from chipflow.tools import klayout_run
from chipflow.tools.process import run_logged
from placement_env.errors import ChipError, InputError

PICTURE_PIXELS = 1400


@dataclass(frozen=True)
class GdsExport:
    """What KLayout found in the design.

    Attributes:
        instances: Components in the top cell.
        width_um: Width of the top cell.
        height_um: Height of the top cell.
    """

    instances: int
    width_um: float
    height_um: float


def export(
    def_path: Path,
    *,
    top: str,
    pdk: Pdk,
    memory_lefs: Sequence[Path],
    memory_layouts: Sequence[Path],
    dbu_per_um: int,
    gds_path: Path,
    png_path: Path,
    log_path: Path,
    timeout_s: float = 300.0,
) -> GdsExport:
    """Write GDS and PNG of a placed DEF.

    Args:
        def_path: The DEF.
        top: Name of the design in it.
        pdk: Gives LEF, cell layouts and GDS layers.
        memory_lefs: LEF of the memories.
        memory_layouts: GDS of the memories.
        dbu_per_um: Database units of the GDS.
        gds_path: The GDS to write.
        png_path: The picture to write.
        log_path: Gets KLayout's messages.
        timeout_s: KLayout is stopped after this time.

    Raises:
        InputError: A cell has no layout.
        ChipError: KLayout failed or ran out of time.
    """
    job = {
        "def": str(def_path),
        "top": top,
        "lefs": [str(path) for path in (pdk.tech_lef, *pdk.cell_lefs, *memory_lefs)],
        "layouts": [str(path) for path in (*pdk.cell_gds, *memory_layouts)],
        "gds_layers": {name: list(numbers) for name, numbers in pdk.gds_layers.items()},
        "dbu_per_um": dbu_per_um,
        "gds": str(gds_path),
        "png": str(png_path),
        "png_pixels": PICTURE_PIXELS,
    }
    with tempfile.TemporaryDirectory(prefix="chipflow-gds-") as folder:
        job_path, result_path = Path(folder, "job.json"), Path(folder, "result.json")
        job_path.write_text(json.dumps(job), encoding="utf-8")
        status = run_logged(
            [sys.executable, "-P", str(klayout_run.__file__), job_path, result_path],
            cwd=def_path.parent,
            log_path=log_path,
            timeout_s=timeout_s,
        )
        if status != 0 or not result_path.exists():
            lines = log_path.read_text(errors="replace").strip().splitlines()
            raise ChipError(
                f"KLayout ended with code {status}: {lines[-1] if lines else 'no message'}",
                where=str(log_path),
            )
        result = json.loads(result_path.read_text(encoding="utf-8"))
    if result["not_drawn"]:
        names = ", ".join(result["not_drawn"][:5])
        raise InputError(
            f"{len(result['not_drawn'])} cells have no layout: {names}",
            where=", ".join(str(path) for path in pdk.cell_gds),
            hint="add their GDS to cell_gds of the PDK",
        )
    return GdsExport(result["instances"], result["width_um"], result["height_um"])
