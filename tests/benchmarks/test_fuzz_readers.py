"""The fuzzer finds what it is for, and finds nothing in the readers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from benchmarks.fuzz_readers import __main__ as command_line
from benchmarks.fuzz_readers.cases import Tally, case, outcome_of, run
from benchmarks.fuzz_readers.mutations import MUTATIONS, Mutation, damaged
from benchmarks.fuzz_readers.readers import READERS, Document
from placement_env.errors import InputError
from placement_env.formats import bookshelf
from placement_env.netlist import Netlist, Placement

ALL_DOCUMENTS = [
    pytest.param(document, id=f"{reader}-{document.name}")
    for reader, documents in READERS.items()
    for document in documents
]


@pytest.mark.parametrize("document", ALL_DOCUMENTS)
def test_documents_are_valid(document: Document, tmp_path: Path) -> None:
    outcome = outcome_of(document, document.text, document.copy_to(tmp_path))
    assert (outcome.kind, outcome.message) == ("accepted", "")


@pytest.mark.parametrize("reader", READERS)
def test_readers_take_any_damage(reader: str, tmp_path: Path) -> None:
    tally = run(reader, range(200), seed=0, folder=tmp_path)
    assert tally.failures == []
    assert tally.accepted + tally.refused == 200
    # Damage that is always refused, or never, tries little of a reader.
    assert min(tally.accepted, tally.refused) > 10


def small() -> tuple[Netlist, Placement]:
    """What the bad readers below make something impossible of."""
    return bookshelf.read(READERS["nodes"][0].folder / "small.aux")


def raises_key_error(folder: Path) -> Any:
    return {}[folder]


def hangs(folder: Path) -> Any:
    while True:
        folder.exists()


def warns(folder: Path) -> Any:
    netlist, placement = small()
    return netlist, replace(placement, x_um=placement.x_um * np.array(1e308) * 10)


def gives_nan(folder: Path) -> Any:
    netlist, placement = small()
    return netlist, replace(placement, x_um=np.full(netlist.num_nodes, np.nan))


def gives_negative_sizes(folder: Path) -> Any:
    netlist, placement = small()
    return replace(netlist, width_um=-netlist.width_um), placement


def gives_pins_of_no_node(folder: Path) -> Any:
    netlist, placement = small()
    return replace(netlist, pin_node=netlist.pin_node + 1000), placement


def gives_double_names(folder: Path) -> Any:
    netlist, placement = small()
    return replace(netlist, net_name=("n",) * netlist.num_nets), placement


def names_no_file(folder: Path) -> Any:
    raise InputError("something is wrong", where="somewhere")


def shows_a_traceback(folder: Path) -> Any:
    raise InputError("Traceback (most recent call last): ...", where=str(folder))


def says_too_much(folder: Path) -> Any:
    raise InputError("wrong\n" * 5000, where=str(folder))


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (raises_key_error, "KeyError"),
        (hangs, "still not read after 0.2 s"),
        (warns, "RuntimeWarning: overflow"),
        (gives_nan, "Broken: a place is not finite"),
        (gives_negative_sizes, "Broken: the reader did not check"),
        (gives_pins_of_no_node, "Broken: the reader did not check"),
        (gives_double_names, "Broken: a net name comes twice"),
        (names_no_file, "the error names no file, but 'somewhere'"),
        (shows_a_traceback, "the error holds a traceback"),
        (says_too_much, "the error has 30"),
    ],
)
def test_what_a_reader_must_not_do_is_noticed(
    read: Callable[[Path], Any], words: str, tmp_path: Path
) -> None:
    document = replace(READERS["nodes"][0], read=read)
    tally = run("bad", range(2), 0, tmp_path, {"bad": (document,)}, limit_s=0.2)
    assert [number for number, _ in tally.failures] == [0, 1]
    assert words in tally.failures[0][1]


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_takes_any_document(mutation: Mutation) -> None:
    valid = READERS["def"][0].text
    assert any(mutation(Random(seed), valid) != valid for seed in range(5))
    for document in (b"", b"\n", b"word", b"\xff\0", b"1"):
        for seed in range(20):
            mutation(Random(seed), document)


def test_cases_differ_by_number_and_seed() -> None:
    valid = READERS["def"][0].text
    texts = [case("def", number, seed)[1] for number in range(50) for seed in (1, 2)]
    assert len(set(texts)) > 90
    assert damaged(Random(3), valid) == damaged(Random(3), valid)


def test_a_case_is_the_same_in_another_process() -> None:
    """Among other things the hashes of strings differ there."""
    numbers = [number for number in range(40) if case("def", number, 5)[1][:2] != b"\x1f\x8b"]
    for number in numbers[:2]:
        words = [sys.executable, "-m", "benchmarks.fuzz_readers"]
        words += ["--replay", f"def:{number}", "--seed", "5"]
        environment = os.environ | {"PYTHONHASHSEED": str(number)}
        run = subprocess.run(words, env=environment, capture_output=True, check=True)
        assert run.stdout.startswith(case("def", number, 5)[1] + b"\n--- lefdef/top.def: ")


def test_the_command_line_runs_every_reader(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--cases", "33", "--jobs", "2", "--seed", "4"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows[1 : len(READERS) + 1]] == list(READERS)
    assert rows[len(READERS) + 1][:2] == ["all", "33"]


def test_failures_end_in_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally(accepted=1, failures=[(7, "KeyError: 'x'")])
    monkeypatch.setattr(command_line, "run_all", lambda *_: {"def": tally})
    assert command_line.main(["--seed", "3"]) == 1
    assert "--replay def:7 --seed 3\nKeyError: 'x'" in capsys.readouterr().out


def test_a_killed_run_leaves_no_process_behind() -> None:
    words = [sys.executable, "-m", "benchmarks.fuzz_readers", "--cases", "1000000", "--jobs", "2"]
    with subprocess.Popen(words) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        if not children.parent.exists():
            pytest.skip("needs /proc")
        workers = _wait_for(lambda: [*children.read_text().split()][1:])
        assert len(workers) >= 1
        parent.kill()
    assert _wait_for(lambda: not any(map(_runs, workers)))


def _runs(process: str) -> bool:
    """Whether a process has not ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for(find: Callable[[], Any]) -> Any:
    """What `find` finds within 30 s."""
    end = time.monotonic() + 30
    while not (found := find()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
