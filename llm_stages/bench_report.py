"""What a user's own test bench says of a failure: its telling lines, and the end of its dump.

Only the test bench prints and dumps: a device that does is refused (`untrusted.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_stages import vcd
from llm_stages.errors import InputError
from llm_stages.interface import RequiredPort
from llm_stages.text_files import head, without_folders
from llm_stages.untrusted_text import cleaned
from llm_stages.verdict import Verdict

_TELLING = re.compile(r"mismatch|error|fatal|fail|wrong|expected|assert", re.IGNORECASE)
_SHOWN_LINES, _MOST_OF_A_LINE = 6, 200
_SHOWN_STEPS = 10


def report(verdict: Verdict, ports: Sequence[RequiredPort]) -> str:
    """Why a test bench failed, in at most some 4 kB.

    Args:
        verdict: Of the simulation.
        ports: The device's; with them its instance is found in the dump.
    """
    lines = [line.strip() for line in head(verdict.log_path).splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)] or lines[-_SHOWN_LINES:]
    text = [f"The test bench fails: {without_folders(verdict.reason)}."]
    text += [
        f"- {cleaned(without_folders(line), most_bytes=_MOST_OF_A_LINE)}"
        for line in telling[:_SHOWN_LINES]
    ]
    if verdict.vcd_path is not None:
        try:
            steps = _last_steps(vcd.read(verdict.vcd_path), [port.name for port in ports])
        except InputError:
            steps = []
        if steps:
            text += ["The ports at the last times before it stopped:", *steps]
    return "\n".join(text)


def _last_steps(waves: vcd.Waves, ports: Sequence[str]) -> list[str]:
    """Values of the ports whenever one of them changed, the last times first found."""
    scopes = {name.rpartition(".")[0] for name in waves.signals}
    fitting = [s for s in scopes if ports and all(f"{s}.{port}" in waves.signals for port in ports)]
    if not fitting:
        return []
    scope = max(fitting, key=lambda name: (name.count("."), name))
    codes = {port: waves.signals[f"{scope}.{port}"][0] for port in ports}
    present: dict[str, str] = {}
    rows: list[str] = []
    for time, changes in waves.steps():
        present |= changes
        if not changes.keys().isdisjoint(codes.values()):
            values = (f"{port}={_value(present.get(code, 'x'))}" for port, code in codes.items())
            rows.append(f"time {time}: {' '.join(values)}"[:_MOST_OF_A_LINE])
    return rows[-_SHOWN_STEPS:]


def _value(bits: str) -> str:
    return str(int(bits, 2)) if not set(bits) - {"0", "1"} else bits[:16]
