"""Liberty syntax, Boolean functions, and the simulation models written from them."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipflow.pdk import boolean, cell_models, liberty, library
from placement_env.errors import InputError

NAMES = ["A", "B1", "c[2]"]


@st.composite
def _functions(draw: st.DrawFn) -> tuple[str, str]:
    """A Liberty expression in one of its notations, and the same in Python."""
    if draw(st.integers(0, 3)) == 0:
        index = draw(st.integers(0, 2))
        return NAMES[index], f"v[{index}]"
    if draw(st.integers(0, 9)) == 0:
        value = draw(st.sampled_from(["0", "1"]))
        return value, f"bool({value})"
    left, left_python = draw(_functions())
    if draw(st.booleans()):
        liberty_text = draw(st.sampled_from([f"!({left})", f"({left})'"]))
        return liberty_text, f"(not {left_python})"
    right, right_python = draw(_functions())
    sign, operator = draw(
        st.sampled_from(
            [("&", "and"), ("*", "and"), (" ", "and"), ("|", "or"), ("+", "or"), ("^", "!=")]
        )
    )
    return f"({left}{sign}{right})", f"({left_python} {operator} {right_python})"


@given(_functions())
def test_functions_mean_what_they_say(function: tuple[str, str]):
    text, python = function
    expr = boolean.parse(text)
    for v in itertools.product((False, True), repeat=3):
        expected = eval(python, {"v": v, "bool": bool})
        assert expr.evaluate(dict(zip(NAMES, v, strict=True))) == expected


def test_precedence_is_not_then_xor_then_and_then_or():
    assert boolean.parse("A + B & C ^ !D").verilog() == "(A | (B & (C ^ (~D))))"
    assert boolean.parse("A B' + C").verilog() == "((A & (~B)) | C)"
    assert boolean.parse("(A1 & 1) | 0").variables() == ["A1"]


@pytest.mark.parametrize("text", ["", "A &", "(A", "A)", "A ? B", "& A", "A !& B", "2"])
def test_what_is_no_function_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        boolean.parse(text)


LIBRARY = """
/* a comment with { and
   a second line */
library (small) {
  capacitive_load_unit (1, ff);
  cell ("AND") {
    area : 1.5;
    pin(A, B) { direction : input; }
    pin (Z) { direction : "output"; function : "A B";
      timing () { related_pin : "A";
        cell_rise (t) { index_1 ("1, 2"); values ("1, 2", \\
          "3, 4"); } } }
  }
}
"""


def test_groups_and_attributes(tmp_path: Path):
    path = tmp_path / "small.lib.gz"
    path.write_bytes(gzip.compress(LIBRARY.encode()))
    root = liberty.read(path)
    assert root.name == "small"
    assert root.attributes == {"capacitive_load_unit": "1, ff"}
    (cell,) = root.all("cell")
    assert (cell.name, cell.attributes) == ("AND", {"area": "1.5"})
    inputs, output = cell.all("pin")
    assert inputs.args == ["A", "B"]
    (table,) = next(output.all("timing")).all("cell_rise")
    assert liberty.numbers(table.attributes["values"]) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("area : 1.5;", "area ; 1.5", 7, "not Liberty syntax"),
        ("  }\n}\n", "  }\n}\n}\n", 15, "without"),
        ("  }\n}\n", "", 13, "is not closed"),
    ],
)
def test_broken_syntax_names_its_line(tmp_path: Path, old: str, new: str, line: int, message: str):
    path = tmp_path / "broken.lib"
    assert old in LIBRARY
    path.write_text(LIBRARY.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        liberty.read(path)
    assert error.value.where == f"{path}:{line}"


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken", b"\xff\xfe\xff", b"MACRO A\n"])
@pytest.mark.parametrize("name", ["a.lib", "a.lib.gz"])
def test_files_that_are_not_liberty_are_refused(tmp_path: Path, name: str, content: bytes):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        liberty.read(path)
    assert str(path) in error.value.where


@given(st.text(st.sampled_from('library(x) {}:;"\\/*\n abc1,'), max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.mktemp("lib") / "any.lib"
    path.write_text(text)
    with contextlib.suppress(InputError):
        assert liberty.read(path).kind == "library"


def test_a_function_that_cannot_be_read_names_its_cell(tmp_path: Path):
    path = tmp_path / "a.lib"
    path.write_text(LIBRARY.replace('"A B"', '"A ? B"'))
    with pytest.raises(InputError, match="the cell AND has no usable model"):
        cell_models.write([path], tmp_path / "a.v", "label")


BENCH = """
module tb;
  reg ck = 0, d = 0, rn = 1, sn = 1, en = 0, se = 0;
  wire q, qn, scan, lat, gated, tri_z, sum, carry;
  integer i;
  DFFRS_X1 ff (.CK(ck), .D(d), .RN(rn), .SN(sn), .Q(q), .QN(qn));
  SDFF_X1 scan_ff (.CK(ck), .D(d), .SI(~d), .SE(se), .Q(scan), .QN());
  DLL_X1 latch (.GN(ck), .D(d), .Q(lat));
  CLKGATETST_X1 gate (.CK(ck), .E(en), .SE(se), .GCK(gated));
  TBUF_X1 buffer (.A(d), .EN(en), .Z(tri_z));
  FA_X1 adder (.A(d), .B(en), .CI(se), .S(sum), .CO(carry));
  task show; #1 $display("%b%b%b%b%b%b", q, qn, scan, lat, gated, tri_z); endtask
  initial begin
    for (i = 0; i < 8; i = i + 1) begin
      {d, en, se} = i; #1 if ({carry, sum} !== d + en + se) $fatal(1, "adder");
    end
    {d, en, se} = 3'b100; #1
    ck = 1; show;           // both take 1; the clock gate was closed; the latch holds 1
    ck = 0; se = 1; #1
    ck = 1; show;           // scan input; the gate's test pin opens it
    en = 1; se = 0; show;   // no change of the gate while the clock is high; the buffer lets go
    rn = 0; show;
    sn = 0; show;           // both: the library says Q low
    rn = 1; show;
    sn = 1; d = 0; ck = 0; show;
    ck = 1; show;
  end
endmodule
"""


def test_models_of_nangate45(data_file: Callable[[str], Path], tmp_path: Path):
    data_file("nangate45/nangate45_typ.lib.gz")
    if not shutil.which("iverilog"):
        pytest.skip("iverilog is not installed")
    (tmp_path / "tb.v").write_text(BENCH)
    models = library.load("nangate45").cell_verilog
    command = ["iverilog", "-g2012", "-s", "tb", "-o", "tb", "tb.v", *models]
    subprocess.run(command, check=True, cwd=tmp_path)
    run = subprocess.run(["vvp", "-n", "tb"], cwd=tmp_path, capture_output=True, text=True)
    expected = "101101 100111 10011z 01011z 01011z 10011z 10000z 01001z"
    assert run.stdout.split() == expected.split()
