"""The command line of the fuzzer: many cases in all cores, or one case again."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fuzz_readers.cases import Tally, case, outcome_of
from benchmarks.fuzz_readers.parallel import run_all
from benchmarks.fuzz_readers.readers import READERS

_SHOWN_FAILURES = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 1 where a reader failed."""
    options = _options(arguments)
    if options.replay:
        reader, number = options.replay
        return _replay(reader, number, options.seed)
    readers = [options.reader] if options.reader else list(READERS)
    begin = time.perf_counter()
    tallies = run_all(readers, options.cases, options.seed, options.jobs)
    _print_table(tallies)
    print(f"seed {options.seed}, {time.perf_counter() - begin:.0f} s in {options.jobs} processes")
    for reader, tally in tallies.items():
        for number, message in sorted(tally.failures)[:_SHOWN_FAILURES]:
            print(f"\n--replay {reader}:{number} --seed {options.seed}\n{message}")
    return int(any(tally.failures for tally in tallies.values()))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz_readers", description="Fuzz the readers of all formats."
    )
    parser.add_argument("--cases", type=int, default=20_000, help="how many, over all readers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", choices=READERS, help="run this one alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--replay", type=_reader_and_number, metavar="READER:NUMBER", help="show one case again"
    )
    return parser.parse_args(arguments)


def _reader_and_number(text: str) -> tuple[str, int]:
    reader, _, number = text.rpartition(":")
    if reader not in READERS or not number.isdecimal():
        known = ", ".join(READERS)
        raise argparse.ArgumentTypeError(f"expected READER:NUMBER with a reader of {known}")
    return reader, int(number)


def _replay(reader: str, number: int, seed: int) -> int:
    document, text = case(reader, number, seed)
    with tempfile.TemporaryDirectory() as folder:
        outcome = outcome_of(document, text, document.copy_to(Path(folder)))
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
    print(f"\n--- {document.folder.name}/{document.name}: {outcome.kind}\n{outcome.message}")
    return int(outcome.kind == "failed")


def _print_table(tallies: dict[str, Tally]) -> None:
    print(f"{'reader':18}{'cases':>9}{'accepted':>10}{'refused':>9}{'failures':>10}")
    total = Tally()
    for reader, tally in tallies.items():
        total.add(tally)
        _print_row(reader, tally)
    _print_row("all", total)


def _print_row(name: str, tally: Tally) -> None:
    failures = len(tally.failures)
    cases = tally.accepted + tally.refused + failures
    print(f"{name:18}{cases:9,}{tally.accepted:10,}{tally.refused:9,}{failures:10,}")


if __name__ == "__main__":
    sys.exit(main())
