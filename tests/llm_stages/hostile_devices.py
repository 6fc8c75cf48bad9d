"""Simulates hostile devices as another user, and reports what came of it; run as a program.

Usage: hostile_devices.py FOLDER USER_ID SIMULATOR. The folder gets one folder for each device, and
the report goes to standard output as JSON. All is imported before the user is changed, since the
user may not be able to read where Python is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llm_stages import hdl, untrusted
from llm_stages.judge import Counters

BENCH = """
module tb;
  reg a = 0; integer errors = 0, checks = 0; wire y;
  dut u(a, y);
  task check(input want);
    begin checks = checks + 1; if (y !== want) errors = errors + 1; end
  endtask
  initial begin
    #1 check(1); a = 1;
    #1 check(0);
    #8 $display("Mismatches: %0d in %0d samples", errors, checks);
    $finish;
  end
endmodule
"""
RIGHT = "module dut(input a, output y); assign y = ~a; endmodule\n"
WRONG = "module dut(input a, output y); assign y = a;\n%s\nendmodule\n"
READ = """
integer f, c; initial begin
  f = $fopen("{outside}/secret.txt", "r");
  c = $fgetc(f); while (c != -1) begin $write("%%c", c); c = $fgetc(f); end
  f = $fopen("{outside}/written.txt", "w"); $fwrite(f, "x");
end
""".replace("%%", "%")
FLOOD = """
integer f; initial begin
  f = $fopen("big.txt", "w");
  repeat (1100000) $fwrite(f, "%1000d", 1);
end
"""
DEVICES = {
    "prints": WRONG % 'initial $display("Mismatches: 0 in 2 samples");',
    "finishes": WRONG % "initial $finish;",
    "opens": WRONG % READ,
    "includes": '`include "/etc/passwd"\n' + WRONG % "",
    "loops": WRONG % "integer i; initial begin i = 0; while (1) i = i + 1; end",
    "loops without time": WRONG % "reg r = 0; always @(r) r <= #0 ~r; initial r = 1;",
    "forks": WRONG % "task automatic t; fork t; t; join endtask initial t;",
    "floods": WRONG % FLOOD,
    "calls": 'import "DPI-C" function int system(string s);\n'
    + WRONG % 'initial if (system("touch {outside}/written.txt")) ;',
    "is right": RIGHT,
}
# What only Verilator runs: commands, and through them processes.
COMMAND = "touch {outside}/written.txt; cat {outside}/secret.txt; (sleep 600 &) ; sleep 600 &"
DEVICES_OF_VERILATOR = {
    "commands": WRONG % f'initial $system("{COMMAND}");',
    "forks": WRONG % 'initial $system("f() { f | f & }; f");',
    "is right": RIGHT,
}


def run(name: str, parent: Path, outside: Path, simulator: str) -> dict[str, object]:
    """Simulate one device and look at what is left of it."""
    folder = parent / name.replace(" ", "_")
    folder.mkdir(parents=True)
    device = (DEVICES if simulator == "icarus" else DEVICES_OF_VERILATOR)[name]
    (folder / "dut.sv").write_text(device.replace("{outside}", str(outside)))
    # What never ends is waited for in full, so it gets less time than what must pass.
    limit_s = 60.0 if simulator != "icarus" else 1.0 if "loops" in name else 4.0
    (folder / "tb.sv").write_text(BENCH)
    verdict = hdl.simulate(
        [folder / "dut.sv", folder / "tb.sv"],
        top="tb",
        work_dir=folder / "sim",
        timeout_s=limit_s,
        simulator=simulator,
        untrusted=[folder / "dut.sv"],
        counters=Counters("tb.errors", "tb.checks"),
    )
    log = verdict.log_path.read_text(errors="replace")
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return {
        "status": verdict.status,
        "cause": verdict.cause,
        "reason": verdict.reason,
        "read": "sesame" in log or "root:" in log,
        "written": (outside / "written.txt").exists(),
        "most_bytes": max(sizes),
        "left": [
            process
            for process in map(_command_line, os.listdir("/proc"))
            if str(folder / "sim") in process or process == "sleep\x00600\x00"
        ],
    }


def _command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text() if pid.isdigit() else ""
    except OSError:
        return ""


def main() -> None:
    """Become the user and simulate all devices, with the check of sources and without it."""
    folder, user, simulator = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    devices = DEVICES if simulator == "icarus" else DEVICES_OF_VERILATOR
    if user != os.getuid():
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if not os.access(sys.executable, os.X_OK):
        sys.executable = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    report: dict[str, dict[str, object]] = {}
    for kind in ("checked", "unchecked"):
        if kind == "unchecked":
            untrusted.check_includes = lambda *files, **options: []
            untrusted.check_source = lambda *files, **options: []
            untrusted.check_in_place = lambda *files, **options: []
        with ThreadPoolExecutor(2) as pool:
            futures = {
                name: pool.submit(run, name, folder / kind, folder, simulator) for name in devices
            }
            report[kind] = {name: future.result() for name, future in futures.items()}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
