"""The `chipflow` command with the stages, the PDK and the report of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

from chipflow import cli, flow
from chipflow.pdk import library
from tests.chipflow import fake_stages


def write_report(folder: Path) -> None:
    (folder / flow.REPORT).write_text("<p>report</p>\n")


def main() -> None:
    pdk_file = Path(sys.argv[2]) / "pdk.txt"
    library.load = lambda _: fake_stages.make_pdk(pdk_file)
    flow.load_stages = lambda: fake_stages.STAGES
    flow.write_report = write_report
    cli.main()


if __name__ == "__main__":
    main()
