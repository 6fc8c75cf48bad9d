"""Static timing analysis with OpenSTA.

The script names only files of its own work folder, and writes what it finds as tab-separated lines
to a file: reports for people differ between versions, and OpenSTA 2.0 ends with status 0 whatever
happened.
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chipflow.tools.process import run_logged
from chipflow.tools.versions import program
from placement_env.errors import InputError

_ERROR = re.compile(r"^Error: *(.*)", re.MULTILINE)

# OpenSTA's infinite slack, when nothing is constrained.
_UNCONSTRAINED_NS = 1e20


@dataclass(frozen=True)
class PathPoint:
    """A pin on a path and when the signal arrives there."""

    pin: str
    arrival_ns: float


@dataclass(frozen=True)
class TimingPath:
    """One path, from its start point to its end point."""

    slack_ns: float
    points: tuple[PathPoint, ...]


@dataclass(frozen=True)
class Timing:
    """What the analysis found.

    Attributes:
        setup_paths: The paths with the least set-up slack, worst first.
        hold_paths: The paths with the least hold slack, worst first.
        setup_tns_ns: Sum of all negative set-up slacks, 0 or less.
        warnings: What OpenSTA warned of, each once.
    """

    setup_paths: tuple[TimingPath, ...]
    hold_paths: tuple[TimingPath, ...]
    setup_tns_ns: float
    warnings: tuple[str, ...]


def analyse(
    work_dir: Path,
    *,
    top: str,
    verilog: Path,
    liberty: Sequence[Path],
    sdc: str,
    spef: Path | None = None,
    path_count: int = 10,
    timeout_s: float = 3600.0,
) -> Timing:
    """Times a gate-level netlist; leaves timing.txt, design.sdc, script and log in `work_dir`.

    Args:
        work_dir: A folder that exists.
        top: Top module.
        verilog: The gates.
        liberty: Cells and memories, plain or .gz.
        sdc: Constraints in ns and fF.
        spef: Parasitics; without them OpenSTA takes the wire load model of the first library.
        path_count: Paths to report for set-up, and for hold.
        timeout_s: Wall time.

    Raises:
        ToolMissing: OpenSTA is not installed.
        InputError: OpenSTA cannot use a file.
        TimeLimit: It did not finish in time.
    """
    sta = program("opensta")
    names = [f"library_{i}.lib" for i in range(len(liberty))]
    for path, name in zip(liberty, names, strict=True):
        _unpack(path, work_dir / name)
    _unpack(verilog, work_dir / "gates.v")
    (work_dir / "design.sdc").write_text(sdc, encoding="utf-8")
    if spef:
        _unpack(spef, work_dir / "wires.spef")
    script = _script(names, top, with_spef=spef is not None, path_count=path_count)
    (work_dir / "timing.tcl").write_text(script, encoding="utf-8")
    log_path = work_dir / "opensta.log"
    run_logged(
        [sta, "-no_init", "-no_splash", "-exit", "timing.tcl"],
        cwd=work_dir,
        log_path=log_path,
        timeout_s=timeout_s,
    )
    log = log_path.read_text(encoding="utf-8", errors="replace")
    found = work_dir / "timing.tsv"
    lines = found.read_text(encoding="utf-8").splitlines() if found.exists() else []
    if not lines or lines[-1] != "end" or _ERROR.search(log):
        raise _input_error(log, log_path)
    for name in [*names, "gates.v", "wires.spef", "timing.tsv"]:
        (work_dir / name).unlink(missing_ok=True)
    return _timing(lines, log, path_count)


def _script(libraries: Sequence[str], top: str, *, with_spef: bool, path_count: int) -> str:
    read = "\n".join(f"read_liberty {name}" for name in libraries)
    spef = "read_spef wires.spef" if with_spef else ""
    return f"""\
{read}
read_verilog gates.v
link_design {{{top}}}
set_cmd_units -time ns -capacitance fF -resistance kOhm
source design.sdc
{spef}
report_checks -path_delay max -format full_clock_expanded -fields {{capacitance slew}} \\
  -digits 4 -group_count {path_count} > timing.txt
report_checks -path_delay min -format full_clock_expanded -fields {{capacitance slew}} \\
  -digits 4 -group_count {path_count} >> timing.txt
set out [open timing.tsv w]
puts $out "tns\\t[total_negative_slack]"
foreach kind {{max min}} {{
  foreach end [find_timing_paths -path_delay $kind -group_count {path_count}] {{
    puts $out "$kind\\t[get_property $end slack]"
    foreach point [get_property $end points] {{
      set pin [get_property $point pin]
      puts $out "point\\t[get_full_name $pin]\\t[get_property $point arrival]"
    }}
  }}
}}
puts $out "end"
close $out
check_setup -verbose -no_clock
"""


def _timing(lines: Sequence[str], log: str, path_count: int) -> Timing:
    tns_ns = 0.0
    paths: dict[str, list[tuple[float, list[PathPoint]]]] = {"max": [], "min": []}
    points: list[PathPoint] = []
    for line in lines[:-1]:
        kind, *fields = line.split("\t")
        if kind == "tns":
            tns_ns = float(fields[0])
        elif kind == "point":
            points.append(PathPoint(fields[0], float(fields[1])))
        else:
            points = []
            paths[kind].append((float(fields[0]), points))
    # OpenSTA lists path group after path group.
    setup, hold = (
        tuple(
            TimingPath(slack_ns, tuple(path_points))
            for slack_ns, path_points in sorted(paths[kind], key=lambda path: path[0])[:path_count]
            if slack_ns < _UNCONSTRAINED_NS
        )
        for kind in ("max", "min")
    )
    warnings = [line for line in log.splitlines() if line.startswith("Warning")]
    return Timing(setup, hold, min(0.0, tns_ns), tuple(dict.fromkeys(warnings)))


def _input_error(log: str, log_path: Path) -> InputError:
    error = _ERROR.search(log)
    text = error[1] if error else "it stopped without a message"
    return InputError(f"OpenSTA: {text}", where=str(log_path))


def _unpack(source: Path, target: Path) -> None:
    """Copies a file, unpacked where it is compressed."""
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rb") as packed, open(target, "wb") as plain:
        shutil.copyfileobj(packed, plain)
