"""Reference models: Python of a model's, run in the sandbox, of which only numbers come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_stages import reference_model, sandbox
from llm_stages.errors import WrongAnswer
from llm_stages.reference_model import check, extract_python, run, skeleton
from llm_stages.stimulus import Stimulus, make
from tests.llm_stages.loop_models import COUNTER, counter_reference, gate_reference
from tests.llm_stages.reference_cases import BOTH, ROWS, UP, column, spec_of

needs_sandbox = pytest.mark.skipif(sandbox.mechanism() is None, reason="needs a sandbox")


@needs_sandbox
def test_a_program_yields_a_table(tmp_path: Path) -> None:
    source = extract_python(counter_reference("1"))
    # A synchronous reset acts at the edge of its cycle; nothing is known before the first one.
    assert column(run(source, UP, ROWS, tmp_path)) == [None, 0, 0, 1, 2, 0, 1, 2]
    text = COUNTER.format("up").replace("Synchronous", "Asynchronous")
    at_once = spec_of(text, "counter")
    assert column(run(source, at_once, ROWS, tmp_path)) == [None, 0, 0, 1, 0, 0, 1, 2]
    unclear = spec_of(text.replace("Asynchronous", "There is a"), "counter")
    assert column(run(source, unclear, ROWS, tmp_path)) == [None, 0, 0, 1, None, 0, 1, 2]


@needs_sandbox
@pytest.mark.parametrize(
    ("body", "values"),
    [
        ('return {"y": ~x["a"]}', [3, 2]),  # to the width of the port
        ("return x.a & x.b", [0, 1]),
        ('return (x["a"] == x["b"],)', [0, 1]),
        ('return {"y": "1_0"}', [2, 2]),
        ('return {"y": None if x["a"] else 3}', [3, None]),
    ],
)
def test_forms_that_weak_models_take(body: str, values: list[int | None], tmp_path: Path) -> None:
    rows = Stimulus(({"a": 0, "b": 1}, {"a": 1, "b": 1}))
    assert column(run(f"def outputs(x):\n    {body}\n", BOTH, rows, tmp_path)) == values


@needs_sandbox
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('return {"z": 1}', "line|does not return y"),
        ('return {"y": x["c"]}', "line 2: KeyError: 'c'"),
        ('return {"y": x["a"] + None}', "line 2: TypeError"),
        ('return {"y": None}', "never returns anything but None"),
        ("return 1 / 0", "ZeroDivisionError"),
        ("import os; os._exit(0)", "wrote no result"),
        ("open('/etc/shadow')", "Error"),
        ("import socket; socket.create_connection(('127.0.0.1', 9), 1)", "Error"),
        # Children that wait: what doubles itself outruns the watch where the user is root.
        (
            "import os, time; [os.fork() or time.sleep(9) for _ in range(40)]",
            "used too much|unavailable",
        ),
        ("bytearray(2 ** 33)", "MemoryError|too much"),
    ],
)
def test_a_program_that_fails_is_refused_and_does_no_harm(
    body: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongAnswer, match=message):
        run(f"def outputs(x):\n    {body}\n", BOTH, make(BOTH), tmp_path / "job")


@needs_sandbox
def test_links_that_a_program_leaves_lead_us_nowhere(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("before")
    names = ("reference.py", "runner.py", "job.json", "result.json", "reference.log")
    lines = [
        "import os",
        f"for name in {names}:",
        "    if os.path.lexists(name):",
        "        os.unlink(name)",
        f"    os.symlink({str(theirs)!r}, name)",
        "def outputs(x):",
        "    return {'y': 0}",
    ]
    for _ in range(2):
        with pytest.raises(WrongAnswer):
            run("\n".join(lines), BOTH, make(BOTH), tmp_path / "job")
    run("def outputs(x):\n    return {'y': 0}\n", BOTH, make(BOTH), tmp_path / "job")
    assert theirs.read_text() == "before"


@needs_sandbox
def test_a_program_that_never_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_model, "_LIMIT_S", 0.5)
    with pytest.raises(WrongAnswer, match="did not end"):
        run("def outputs(x):\n    while True: pass\n", BOTH, make(BOTH), tmp_path)


def test_only_programs_with_the_functions_are_run() -> None:
    assert extract_python(f"Text\n{gate_reference('a')}\nmore").startswith("def outputs")
    assert extract_python("def outputs(x):\n    return 1").startswith("def outputs")
    for answer in ("no code", "```python\nprint(1)\n```", ""):
        with pytest.raises(WrongAnswer, match="no Python code"):
            extract_python(answer)
    with pytest.raises(WrongAnswer, match=r"line 1"):
        check("def outputs(x", BOTH)
    with pytest.raises(WrongAnswer, match="reset, clock"):
        check("def outputs(state, x):\n    return 1\n", UP)
    for spec in (UP, BOTH):  # what a model is to complete is itself a program with all functions
        check(skeleton(spec), spec)
