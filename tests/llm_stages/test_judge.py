"""The judge's file decides: what was counted, whether time ran out, whether the reset was used."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from llm_stages import cocotb_bench, hdl, launcher, sandbox, verilator
from llm_stages.errors import InputError, ToolMissing
from llm_stages.judge import Counters, Judge, Reset
from llm_stages.verdict import Verdict

needs_icarus = pytest.mark.skipif(hdl.find_simulator() is None, reason="needs Icarus Verilog")
needs_sandbox = pytest.mark.skipif(sandbox.mechanism() is None, reason="no sandbox works here")

COUNTERS = Counters("tb.s.errors", "tb.s.checks")
BENCH = """`timescale 1ps/1ps
module tb;
  struct packed {integer errors; integer checks;} s;
  reg rst = 0;
  initial begin %s $finish; end
endmodule
"""


def run(
    folder: Path,
    body: str,
    *,
    counters: Counters | None = COUNTERS,
    reset: Reset | None = None,
    simulator: str = "icarus",
) -> Verdict:
    source = folder / "tb.sv"
    source.write_text(BENCH % body)
    return hdl.simulate(
        [source],
        top="tb",
        work_dir=folder / "sim",
        timeout_s=60.0,
        counters=counters,
        reset=reset,
        simulator=simulator,
    )


@needs_icarus
@pytest.mark.parametrize(
    ("body", "cause", "errors", "checks"),
    [
        ("s.errors = 0; s.checks = 3; #5", "", 0, 3),
        ("s.errors = 2; s.checks = 3; #5", "mismatch", 2, 3),
        ("s.errors = 0; s.checks = 0; #5", "no_checks", 0, 0),
        ("s.errors = 32'hx; s.checks = 3; #5", "mismatch", None, 3),
        ("s.errors = 0; s.checks = 32'hx; #5", "no_checks", 0, None),
    ],
)
def test_the_counters_decide(
    tmp_path: Path, body: str, cause: str, errors: int | None, checks: int | None
) -> None:
    verdict = run(tmp_path, body)
    assert (verdict.cause, verdict.errors, verdict.checks) == (cause, errors, checks)
    assert verdict.passed == (cause == "")


@needs_icarus
def test_a_test_bench_that_gives_up_has_timed_out(tmp_path: Path) -> None:
    limited = Counters("tb.s.errors", "tb.s.checks", cut_at_ps=1000)
    assert run(tmp_path, "s.errors = 0; s.checks = 1; #999", counters=limited).passed
    assert (
        run(tmp_path, "s.errors = 0; s.checks = 1; #1000", counters=limited).cause == "time_limit"
    )


@needs_icarus
@pytest.mark.parametrize(
    ("body", "active", "cause"),
    [
        ("#1 rst = 1; #1 rst = 0; #1", 1, ""),
        ("#1 rst = 1; #1", 1, "no_reset"),
        ("#5", 1, "no_reset"),
        ("#1 rst = 1; #1", 0, ""),
        ("#5", 0, "no_reset"),
    ],
)
def test_a_reset_must_be_used(tmp_path: Path, body: str, active: int, cause: str) -> None:
    verdict = run(tmp_path, f"s.errors = 0; s.checks = 1; {body}", reset=Reset("tb.rst", active))
    assert verdict.cause == cause


def test_names_that_are_none_are_refused() -> None:
    for name in ("tb.s; $finish", "tb..s", "", "tb.$root", "1"):
        with pytest.raises(InputError):
            Judge(Counters(name, "tb.checks"))


def test_a_result_that_is_not_whole_does_not_count(tmp_path: Path) -> None:
    judge = Judge(COUNTERS)
    path = tmp_path / judge.file_name
    assert judge.read(tmp_path) is None
    for content in ("", "0 0 0 11 5", "0 0 0 11 5 en", "x" * 5000):
        path.write_text(content)
        assert judge.read(tmp_path) is None
    path.unlink()
    other = tmp_path / "other"
    other.write_text("0 0 0 11 5 end")
    path.symlink_to(other)
    assert judge.read(tmp_path) is None


@needs_icarus
def test_an_unknown_simulator_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="icarus, verilator"):
        run(tmp_path, "#1", simulator="absent")


def test_a_missing_verilator_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        run(tmp_path, "#1", simulator="verilator")
    assert "verilator" in caught.value.hint


@pytest.mark.slow
@pytest.mark.skipif(verilator.find() is None, reason="needs Verilator")
@needs_sandbox
@pytest.mark.parametrize(
    ("device", "cause"),
    [
        ("assign y = ~a;", ""),
        ("assign y = a;", "mismatch"),
        ('assign y = a; initial $system("touch owned");', "unsafe"),
        ('assign y = a; initial $c("system(\\"touch owned\\");");', "unsafe"),
        ("assign y = a;\n`systemc_header\n#include <cstdlib>\n`verilog\n", "unsafe"),
    ],
)
@pytest.mark.parametrize("using", ["bubblewrap", "landlock"])
def test_verilator_judges_alike(
    tmp_path: Path, device: str, cause: str, using: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if using == "landlock" and not launcher.can_confine():
        pytest.skip("landlock does not work here")
    if using == "bubblewrap" and sandbox.mechanism() != using:
        pytest.skip("bubblewrap does not work here")
    monkeypatch.setattr(sandbox, "mechanism", lambda: using)
    (tmp_path / "dut.sv").write_text(f"module dut(input a, output y); {device} endmodule\n")
    (tmp_path / "tb.sv").write_text(
        "module tb; reg a = 0; wire y; integer errors = 0, checks = 0; dut u(a, y);\n"
        "initial begin #1 checks = 1; if (y !== 1) errors = 1; #1 $finish; end endmodule\n"
    )
    verdict = hdl.simulate(
        [tmp_path / "dut.sv", tmp_path / "tb.sv"],
        top="tb",
        work_dir=tmp_path / "sim",
        timeout_s=120.0,
        untrusted=[tmp_path / "dut.sv"],
        counters=Counters("tb.errors", "tb.checks"),
        simulator="verilator",
    )
    assert verdict.cause == cause, verdict.reason
    assert not list(tmp_path.rglob("owned"))


COCOTB = """
import cocotb
from cocotb.triggers import Timer

@cocotb.test()
async def inverts(dut):
    for value in (0, 1):
        dut.a.value = value
        await Timer(1, unit="ns")
        assert int(dut.y.value) == 1 - value
"""


def run_cocotb(folder: Path, device: str, tests: str = COCOTB) -> Verdict:
    (folder / "dut.sv").write_text(f"module dut(input a, output y); {device} endmodule\n")
    (folder / "test_inverter.py").write_text(tests)
    return cocotb_bench.simulate(
        [folder / "dut.sv"],
        top="dut",
        test_module="test_inverter",
        test_files=[folder / "test_inverter.py"],
        work_dir=folder / "sim",
        untrusted=[folder / "dut.sv"],
    )


@needs_icarus
@needs_sandbox
@pytest.mark.skipif(cocotb_bench.missing() is not None, reason="needs cocotb and libpython")
def test_cocotb_tests_judge(tmp_path: Path) -> None:
    for name, device, tests, cause in (
        ("right", "assign y = ~a;", COCOTB, ""),
        ("wrong", "assign y = a;", COCOTB, "mismatch"),
        ("ends", "assign y = a; initial $finish;", COCOTB, "unsafe"),
        ("none", "assign y = ~a;", "import cocotb\n", "no_result"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        verdict = run_cocotb(folder, device, tests)
        assert verdict.cause == cause, (name, verdict.reason)


def test_without_cocotb_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing) as caught:
        run_cocotb(tmp_path, "assign y = ~a;")
    assert "[cocotb]" in caught.value.hint


@pytest.mark.skipif(find_spec("cocotb_tools") is None, reason="needs cocotb")
def test_without_a_shared_python_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("find_libpython.find_libpython", lambda: None)
    with pytest.raises(ToolMissing, match="no shared library") as caught:
        run_cocotb(tmp_path, "assign y = ~a;")
    assert "libpython3-dev" in caught.value.hint
