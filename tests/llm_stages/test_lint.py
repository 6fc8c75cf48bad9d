"""Lint reports errors and warnings with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_stages import hdl, slang
from llm_stages.errors import InputError


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_clean_design_has_no_findings(tmp_path: Path) -> None:
    source = write(tmp_path, "a.v", "module a(input x, output y); assign y = ~x; endmodule\n")
    report = hdl.lint([source], top="a")
    assert (report.errors, report.warnings, report.diagnostics) == (0, 0, ())


def test_a_finding_has_file_line_column_and_code(tmp_path: Path) -> None:
    source = write(tmp_path, "a.v", "module a(output y);\n  assign y = nothing;\nendmodule\n")
    (found,) = hdl.lint([source], top="a").diagnostics
    assert (found.file, found.line, found.column) == (str(source), 2, 14)
    assert (found.severity, found.code) == ("error", "UndeclaredIdentifier")
    assert "nothing" in found.message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("module b; endmodule\n", "InvalidTopModule"),
        ("module a; absent u(); endmodule\n", "UnknownModule"),
        ('`include "absent.vh"\nmodule a; endmodule\n', "CouldNotOpenIncludeFile"),
        ("module a; endmodule\nmodule a; endmodule\n", "DuplicateDefinition"),
        (
            "module a(input c); logic q;\nalways_comb q = 0;\nalways_ff @(posedge c) q <= 1;\n"
            "endmodule\n",
            "MultipleAlwaysAssigns",
        ),
    ],
)
def test_what_no_tool_could_build_is_an_error(tmp_path: Path, text: str, code: str) -> None:
    report = hdl.lint([write(tmp_path, "a.sv", text)], top="a")
    assert report.errors >= 1
    assert code in [item.code for item in report.diagnostics if item.severity == "error"]


def test_likely_mistakes_are_warnings(tmp_path: Path) -> None:
    text = "module a(input g, input d, output reg q);\nalways_comb if (g) q = d;\nassign z = d;\n"
    report = hdl.lint([write(tmp_path, "a.sv", text + "endmodule\n")], top="a")
    assert report.errors == 0
    assert {item.code for item in report.diagnostics} == {"InferredLatch", "ImplicitNet"}


def test_includes_defines_and_shared_macros_are_seen(tmp_path: Path) -> None:
    folder = tmp_path / "headers"
    folder.mkdir()
    write(folder, "width.vh", "`define WIDTH `BASE\n")
    first = write(tmp_path, "a.v", '`include "width.vh"\nmodule a(input x); b u(x); endmodule\n')
    second = write(tmp_path, "b.v", "module b(input x); wire [`WIDTH-1:0] y = 4'd9; endmodule\n")
    report = hdl.lint([first, second], top="a", include_dirs=[folder], defines=["BASE=4"])
    assert report.errors == 0
    assert hdl.lint([first, second], top="a", include_dirs=[folder]).errors > 0


def test_files_with_and_without_a_time_scale_mix(tmp_path: Path) -> None:
    first = write(tmp_path, "a.v", "`timescale 1ns/1ps\nmodule a; b u(); endmodule\n")
    second = write(tmp_path, "b.v", "`resetall\nmodule b; endmodule\n")
    assert hdl.lint([second, first], top="a").errors == 0


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        hdl.lint([tmp_path / "absent.v"], top="a")
    assert caught.value.where.endswith("absent.v")
    assert caught.value.exit_code == 2
    with pytest.raises(InputError):
        hdl.lint([], top="a")


def test_ports_are_those_of_the_elaborated_top(tmp_path: Path) -> None:
    text = "module a #(parameter W = 6)(input clk, input [W-1:0] d, output logic [2*W:0] q);\n"
    source = write(tmp_path, "a.sv", text + "endmodule\n")
    elaborated = slang.elaborate([source], tops=["a"])
    assert elaborated.ports("a") == [
        slang.Port("clk", "in", 1),
        slang.Port("d", "in", 6),
        slang.Port("q", "out", 13),
    ]
    assert elaborated.ports("b") is None


@settings(deadline=None, max_examples=60)
@given(
    text=st.text(st.sampled_from("module a();\n`define x'\"$#/*\\[]{}0b1 end begin"), max_size=80)
)
def test_any_text_gets_a_report(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    source = write(tmp_path_factory.mktemp("lint"), "a.sv", text)
    report = hdl.lint([source], top="a")
    assert report.errors + report.warnings == len(report.diagnostics)
