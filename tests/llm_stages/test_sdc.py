"""Constraints from a model are read by a list of what is allowed, and written anew."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_stages import sdc
from llm_stages.errors import InputError
from llm_stages.sdc import Query

GOOD = """# the clock
create_clock -name clk -period 2.5 -waveform {0 1.25} [get_ports clk]
set_input_delay -clock clk 0.5 [all_inputs]; set_output_delay -clock [get_clocks clk] -0.5 \\
  [get_ports {data[3] data[*] q}]
"""


def test_plain_constraints_are_read() -> None:
    found = sdc.parse(GOOD)
    assert [item.command for item in found] == [
        "create_clock",
        "set_input_delay",
        "set_output_delay",
    ]
    assert found[0].options == (
        ("-name", ("clk",)),
        ("-period", ("2.5",)),
        ("-waveform", ("0", "1.25")),
    )
    assert found[0].arguments == (Query("get_ports", ("clk",)),)
    assert found[2].arguments[0] == ("-0.5",)
    assert [item.line for item in found] == [2, 3, 3]


def test_what_is_written_says_the_same() -> None:
    text = sdc.to_text(sdc.parse(GOOD))
    assert text.splitlines()[0] == (
        "create_clock -name {clk} -period {2.5} -waveform {0 1.25} [get_ports {clk}]"
    )
    assert sdc.to_text(sdc.parse(text)) == text


@pytest.mark.parametrize(
    "line",
    [
        "exec rm -rf /",
        "source other.sdc",
        "set f [open /etc/passwd]",
        "create_clock [exec touch owned]",
        "create_clock -period [expr 2 * 5] [get_ports clk]",
        "create_clock -period $period [get_ports clk]",
        "create_clock -period 1 [get_ports [exec id]]",
        'create_clock -name "a[exec id]" -period 1',
        "create_clock -name {a} } ; exec id",
        "create_clock -name a\\[exec\\ id\\] -period 1",
        "create_clock -name {a\nexec id} -period 1 -wrong 2",
        "foreach x {1 2} {exec id}",
        "[get_ports a]",
        "set_load 1 [get_ports]",
        "set_load 1 [all_inputs a]",
        "set_load 1 [get_ports a",
        "set_load 1 ]",
        "create_clock -period",
        "set_load 1 # [exec id]",
        "set_units -time ns",
        "eval exec id",
    ],
)
def test_anything_else_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(InputError) as caught:
        sdc.parse(f"\n{line}\n", where="a.sdc")
    assert caught.value.where.startswith("a.sdc:2")
    assert "no Tcl" in caught.value.hint


def test_ports_that_the_design_lacks_are_named() -> None:
    found = sdc.parse("set_load 1 [get_ports {clk data[3] d* none x?}]")
    assert sdc.unresolved_ports(found, ["clk", "data", "x1"]) == ["none"]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                *("create_clock", "-period", "1", "[get_ports a]", "{a b}", "[", "]", "{", "}"),
                *(";", "exec", "$x", "\\", '"', "\n", "#", "set_load", " ", "[all_inputs]", "é"),
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
def test_any_text_is_refused_or_written_safely(text: str) -> None:
    try:
        found = sdc.parse(text)
    except InputError:
        return
    written = sdc.to_text(found)
    assert not set(written) & set('$\\";#')
    assert "exec" not in written or "{" in written.partition("exec")[0]
    assert sdc.to_text(sdc.parse(written)) == written
