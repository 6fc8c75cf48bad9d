from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chipflow.design import Clock, Design, read_design, setting
from placement_env.errors import InputError

GOOD = """\
name = "gcd"
top = "gcd"
rtl = [
    "rtl/gcd.v",
    "rtl/sub.v",
]
include_dirs = ["rtl/include"]
defines = ["WIDTH=16", "FAST"]
testbench = ["gcd_tb.v"]
testbench_top = "gcd_tb"
pdk = "nangate45"

# the only clock
[clock]
port = "clk"
period_ns = 3

[floorplan]
utilization = 0.7
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rtl" / "include").mkdir(parents=True)
    for name in ("rtl/gcd.v", "rtl/sub.v", "gcd_tb.v", "gcd_test.py"):
        (tmp_path / name).write_text("module m; endmodule\n")
    (tmp_path / "design.toml").write_text(GOOD)
    return tmp_path


def test_reads_all_settings(folder: Path) -> None:
    design = read_design(folder)
    assert design.folder == folder
    assert design.rtl == (folder / "rtl/gcd.v", folder / "rtl/sub.v")
    assert design.include_dirs == (folder / "rtl/include",)
    assert design.defines == ("WIDTH=16", "FAST")
    assert design.clock == Clock("clk", 3.0)
    assert isinstance(design.clock.period_ns, float)
    assert (design.floorplan.utilization, design.floorplan.aspect_ratio) == (0.7, 1.0)
    assert setting(design, "floorplan.utilization") == 0.7
    assert read_design(folder / "design.toml") == design


def test_pdk_of_the_command_line_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_design(folder, pdk="edu45").pdk == "edu45"
    (folder / "mine.toml").write_text("")
    monkeypatch.chdir(folder)
    assert read_design(".", pdk="mine.toml").pdk == str(folder / "mine.toml")
    with pytest.raises(InputError, match="no PDK description"):
        read_design(".", pdk="./absent.toml")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('default = "gpt"', "PROVIDER/NAME"),
        ('default = "openai/a@http://me:secret-word@host/v1"', "CHIPFLOW_LLM_API_KEY"),
        ('default = "openai/a"\napi_base = "http://host/v1?key=secret-word"', "CHIPFLOW_LLM"),
        ('default = "openai/a"\napi_base = "host:80"', "http://127.0.0.1"),
        ('default = "ollama_chat/a"\napi_base = "http://host"', "ollama_chat/a@http://"),
        ('fallbacks = ["openai/a", "nobody"]', "PROVIDER/NAME"),
        ("retries = -1", "0 to 20"),
        ('budget_usd = "much"', ""),
    ],
)
def test_a_model_or_a_limit_that_cannot_be_used_is_named_with_its_line(
    folder: Path, line: str, words: str
) -> None:
    (folder / "design.toml").write_text(f"{GOOD}[models]\n{line}\n")
    with pytest.raises(InputError) as caught:
        read_design(folder)
    assert words in caught.value.hint
    assert "design.toml:" in caught.value.where
    assert "secret-word" not in str(caught.value)


def test_spec_alone_is_a_design(folder: Path) -> None:
    (folder / "spec.md").write_text("Add two numbers.")
    (folder / "design.toml").write_text('name = "a"\ntop = "a"\nspec = "spec.md"\n')
    assert read_design(folder).spec == folder / "spec.md"


# Each: what to replace in GOOD, by what, the message, the line, the remedy.
WRONG = [
    ("utilization =", "utilisation =", "unknown setting floorplan.utilisation", 19, "utilization"),
    ("period_ns = 3", "period_ns = 0", "out of range", 16, "0.001 to"),
    ("period_ns = 3", "period_ns = nan", "out of range", 16, ""),
    ("period_ns = 3", "period_ns = true", "must be a number, not True", 16, ""),
    ("period_ns = 3", 'period_ns = "3"', "must be a number, not '3'", 16, ""),
    ("period_ns = 3", "", "must be a table", 3, "[clock]"),
    ("utilization = 0.7", "utilization = 1.5", "out of range", 19, "0.95"),
    ("[floorplan]", "[florplan]", "unknown table florplan", 18, "did you mean floorplan?"),
    ("[floorplan]", "[macros]\nmin_bits = 1.5\n[floorplan]", "a whole number, not 1.5", 19, ""),
    ('top = "gcd"', 'top = "gcd"\nperiod_ns = 2.0', "unknown setting", 3, "clock.period_ns"),
    ('name = "gcd"', 'name = "../gcd"', "cannot be the name of a file", 1, "letters"),
    ('name = "gcd"', 'name = ""', "cannot be the name of a file", 1, ""),
    ('name = "gcd"', "name = 3", "must be a string, not 3", 1, ""),
    ('name = "gcd"', "", "name is missing", None, "name ="),
    ('top = "gcd"', 'top = "a b"', "not a Verilog identifier", 2, ""),
    ('"rtl/sub.v"', '"rtl/sub_v"', "there is no such file", 5, "did you mean sub.v?"),
    ('"rtl/sub.v"', '"rtl/gcd.v"', "names rtl/gcd.v twice", 4, "remove one"),
    ('"rtl/sub.v"', '"rtl/include"', "which is not a file", 5, ""),
    ('"rtl/include"', '"rtl/includes"', "no such folder", 7, "did you mean include?"),
    ('"FAST"', '"FAST IT"', "no preprocessor macro", 8, "NAME=VALUE"),
    ('testbench_top = "gcd_tb"', "", "testbench_top is missing", 9, "top module"),
    ('testbench = ["gcd_tb.v"]', "", "testbench is not", 10, ""),
    ('pdk = "nangate45"', 'simulator = "spice"', "no simulator 'spice'", 11, "or verilator"),
    ('["gcd_tb.v"]', '["gcd_tb.v", "gcd_test.py"]', "gcd_tb.v beside files of Python", 9, "or"),
    ('["gcd_tb.v"]', '["gcd_test.py"]', "none of the modules of testbench", 10, "the tests"),
    (
        '"gcd_tb.v"]\ntestbench_top = "gcd_tb"',
        '"gcd_test.py"]\ntestbench_top = "gcd_test"\nsimulator = "verilator"',
        "run with icarus only",
        11,
        "leave",
    ),
    ('pdk = "nangate45"', 'pdk = "x/pdk.toml"', "no PDK description", 11, "pdk.toml"),
    ('pdk = "nangate45"', 'spec = "gcd_tb.v"', "both rtl and spec", 11, "keep rtl"),
    ('pdk = "nangate45"', "pdk nangate45", "not valid TOML", 11, "key ="),
    ("[clock]", "[clock", "not valid TOML", 14, ""),
    (
        "[floorplan]",
        '[placement]\nagent = "greedy"\n[floorplan]',
        "no agent 'greedy'",
        19,
        "search",
    ),
    ("[floorplan]", "[placement]\nbudget_s = 0\n[floorplan]", "out of range", 19, "0.01 to"),
    ("[floorplan]", "[placement]\nroutability = 1\n[floorplan]", "must be true or false", 19, ""),
    ("[floorplan]", '[placement]\npolicy = "p.pt"\n[floorplan]', "there is no such file", 19, ""),
    (
        "[floorplan]",
        '[placement]\npolicy = "gcd_tb.v"\nagent = "search"\n[floorplan]',
        "the agent 'search' has none",
        19,
        "graph-rl",
    ),
]


@pytest.mark.parametrize(("old", "new", "message", "line", "hint"), WRONG)
def test_wrong_input_is_named_with_line_and_remedy(
    folder: Path, old: str, new: str, message: str, line: int | None, hint: str
) -> None:
    text = GOOD.replace(old, new, 1)
    if message == "must be a table":
        text = GOOD.replace("[clock]\nport", "[x]\nport").replace(
            "rtl = [", "clock = 3\nrtl = [", 1
        )
    file = folder / "design.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_design(folder)
    error = caught.value
    assert message in error.message
    assert error.where == (f"{file}:{line}" if line else str(file))
    assert hint in error.hint
    assert error.exit_code == 2


def test_neither_rtl_nor_spec(folder: Path) -> None:
    (folder / "design.toml").write_text('name = "a"\ntop = "a"\n')
    with pytest.raises(InputError, match="neither rtl nor spec"):
        read_design(folder)


def test_a_missing_design_names_what_is_near(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_design(folder.parent / (folder.name + "x"))
    assert folder.name in caught.value.hint
    with pytest.raises(InputError) as caught:
        read_design(folder.parent)
    assert folder.name in caught.value.hint


def test_a_file_that_is_no_text(folder: Path) -> None:
    (folder / "design.toml").write_bytes(b"name = \xff\xfe\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_design(folder)


_VALUES: Any = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        escaped = "".join(
            f"\\U{ord(c):08X}" if not 0xD800 <= ord(c) < 0xE000 else "?" for c in value
        )
        return f'"{escaped}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(["name", "top", "rtl", "spec", "pdk", "defines", "clock", "x"]),
    key=st.sampled_from(["clock.period_ns", "macros.min_bits", "placement.seed", "models.default"]),
    first=_VALUES,
    second=_VALUES,
)
def test_any_values_give_a_design_or_an_input_error(
    folder: Path, name: str, key: str, first: Any, second: Any
) -> None:
    values = {"name": "a", "top": "a", "rtl": ["gcd_tb.v"], key: second, name: first}
    text = "".join(f"{name} = {_toml(value)}\n" for name, value in values.items())
    (folder / "design.toml").write_text(text)
    where = str(folder / "design.toml")
    try:
        design = read_design(folder)
    except InputError as error:
        where = error.where
    else:
        assert isinstance(design, Design)
    assert where.startswith(str(folder / "design.toml"))
