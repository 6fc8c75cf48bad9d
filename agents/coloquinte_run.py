"""Runs the coloquinte placer in a process of its own: `python -P coloquinte_run.py JOB RESULT PID`.

The placer holds Python's lock for as long as it works and prints to standard output; in a process
of its own it freezes no progress display, mixes into nobody's output and can be stopped. This file
therefore imports nothing of ours. Both files are NumPy archives; `agents.cells` writes and reads
them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import numpy as np

#: Exit code for a circuit whose cells do not all fit into its rows.
NO_ROOM = 4


def main(job_path: str, result_path: str) -> None:
    """Place the circuit in `job_path` and write the cells' x and y [C] to `result_path`."""
    import coloquinte_pybind as engine

    job = np.load(job_path)
    circuit = engine.Circuit(len(job["width"]))
    circuit.cell_width = job["width"].tolist()
    circuit.cell_height = job["height"].tolist()
    circuit.cell_is_fixed = job["fixed"].tolist()
    # Rows arrive already cut around what is fixed, so that nothing else obstructs.
    circuit.cell_is_obstruction = (~job["fixed"]).tolist()
    circuit.cell_row_polarity = [engine.CellRowPolarity.SAME] * len(job["width"])
    start, pin_cell = job["net_start"].tolist(), job["pin_cell"].tolist()
    pin_x, pin_y = job["pin_x"].tolist(), job["pin_y"].tolist()
    for net, weight in enumerate(job["net_weight"].tolist()):
        pins = slice(start[net], start[net + 1])
        circuit.add_net(pin_cell[pins], pin_x[pins], pin_y[pins], weight)
    circuit.cell_x = job["x"].tolist()
    circuit.cell_y = job["y"].tolist()
    circuit.cell_orientation = [engine.CellOrientation.N] * len(job["width"])
    orientation = [engine.CellOrientation.__members__[name] for name in job["row_orient"].tolist()]
    circuit.rows = [
        engine.Row(engine.Rectangle(*box), turned)
        for box, turned in zip(job["rows"].tolist(), orientation, strict=True)
    ]
    circuit.check()

    parameters = engine.ColoquinteParameters(int(job["effort"]), int(job["seed"]))
    circuit.place_global(parameters, None)
    try:
        circuit.place_detailed(parameters, None)
    except RuntimeError as error:
        if "Not all cells" not in str(error):
            raise
        raise SystemExit(NO_ROOM) from error
    np.savez(result_path, x=np.array(circuit.cell_x), y=np.array(circuit.cell_y))


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when its parent dies, however that happens (Linux)."""
    parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(parent_death_signal, int(signal.SIGKILL))
        if os.getppid() != parent:
            raise SystemExit("the process that asked for a placement has ended")


if __name__ == "__main__":
    die_with_parent(int(sys.argv[3]))
    main(sys.argv[1], sys.argv[2])
