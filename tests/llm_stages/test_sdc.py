"""Constraints are data: whatever is accepted holds allowed commands only, and comes back equal."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llm_stages.errors import InputError
from llm_stages.sdc import Command, Objects, Value, parse, write
from llm_stages.sdc_commands import COMMANDS, NAMED_QUERIES, PLAIN_QUERIES, Kind
from llm_stages.sdc_names import DesignNames, check_names, clock_names

QUERIES = {**NAMED_QUERIES, **PLAIN_QUERIES}
DESIGN = DesignNames(
    inputs=("clk", "rst", "a[0]", "a[1]"), outputs=("y",), pins=("r0/D", "r0/Q"), cells=("r0",)
)


def test_common_constraints_are_read_and_written_anew() -> None:
    text = """\
# A header; with marks [that] $mean {nothing here.
create_clock -name core -period 2 [get_ports clk]  ;# the one clock
set_input_delay 0.4 -clock [get_clocks core] [get_ports a[1]]
set_output_delay -max -0.25 -clock core \\
    [get_ports {y}]
set_false_path -from rst; set_multicycle_path 2 -setup -to [get_pins r0/D]
set_clock_groups -asynchronous -group {core} -group "other more"
set_max_fanout 20 [current_design]
create_clock -period 4.5e0 -name other -waveform {0 2.25}
"""
    assert write(parse(text)).splitlines() == [
        "create_clock -name {core} -period 2.0 [get_ports {clk}]",
        "set_input_delay -clock [get_clocks {core}] 0.4 [get_ports {a[1]}]",
        "set_output_delay -max -clock {core} -0.25 [get_ports {y}]",
        "set_false_path -from {rst}",
        "set_multicycle_path -setup -to [get_pins {r0/D}] 2",
        "set_clock_groups -asynchronous -group {core} -group {other more}",
        "set_max_fanout 20.0 [current_design]",
        "create_clock -period 4.5 -name {other} -waveform {0.0 2.25}",
    ]
    assert [command.line for command in parse(text)] == [2, 3, 4, 6, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("exec rm -rf x", "'exec' is no command", "allowed: create_clock"),
        ("source more.sdc", "'source' is no command", "copy the constraints"),
        ("set period 2", "'set' is no command", "write the value"),
        ("create_clok -period 2", "'create_clok'", "did you mean create_clock?"),
        ("create_clock -period [exec id]", "must be a number above 0, not [exec", "write it out"),
        ("create_clock -period [expr 4 / 2] clk", "not [expr", "the number that comes out"),
        ("create_clock -period $p clk", "a variable", "no variables"),
        ("create_clock -period 0 clk", "above 0", ""),
        ("create_clock clk", "create_clock needs -period", "create_clock PINS [-name NAME]"),
        ("set_load nan [all_outputs]", "must be a number, not 'nan'", ""),
        ("set_load 1e999 [all_outputs]", "must be a number", ""),
        ("set_load 3 [get_ports [exec id]]", "names, not another query", "write the names out"),
        ("set_load 3 [exec id]", "'exec' is no query", "allowed: get_ports"),
        ("set_load 3 [get_clocks c]", "takes no [get_clocks ...]", "it takes get_ports"),
        ("set_load 3 {[exec id]}", "cannot hold '['", ""),
        ('set_load 3 "a[exec id]"', "cannot hold '['", ""),
        ("set_load 3 y[exec]", "'[' in a word", ""),
        ("set_load 3 a\\[0\\]", "an escape", "name[3]"),
        ("set_load 3 {y", "{ has no }", "close it"),
        ("set_load 3 [get_ports y", "[ has no ]", "close the query"),
        ("set_load 3 [get_ports y; exec id]", "a query cannot hold ';'", ""),
        ("set_load 3 [get_ports {y}]{exec id}", "follows ] directly", "a space"),
        ("set_load 3 {y}[exec id]", "follows } directly", "a space"),
        ("set_load 3 {*}y", "follows } directly", "a space"),
        ("set_load 3 [get_ports -filter x y]", "takes no '-filter'", ""),
        ("set_load 3 [all_outputs x]", "no arguments", ""),
        ("set_load 3 4 y", "takes 2 argument(s)", "set_load"),
        ("set_load -maxx 3 y", "has no option '-maxx'", "did you mean -max?"),
        ("set_load -max -max 3 y", "has -max twice", "keep one"),
        ("set_input_delay 3 y -clock", "-clock has no value", ""),
        ("set_multicycle_path 1.5", "a whole number", ""),
        ("set_load 3 a*b*c*d*e*f", "more than 4 wildcards", "name what is meant"),
        ("{create_clock} -period 2 clk", "no command", ""),
        ("[exec id]", "no command", ""),
        ("set_load 3 y\vexec", "cannot hold", ""),
    ],
)
def test_what_is_not_constraints_is_refused_with_its_line(
    line: str, message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(f"# one\n\n{line}\n", file="x.sdc")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == "x.sdc:3"
    assert caught.value.exit_code == 2


_WORDS = st.text("aZ_9./-", min_size=1, max_size=9).map(lambda tail: f"n{tail}")
_PATTERNS = st.builds(
    "{}{}{}".format, st.text("bY_8./:?-", max_size=5).map(lambda tail: f"m{tail}"),
    st.sampled_from(["", "[3]", "[*]", "[12]"]), st.sampled_from(["", "*", "/q"]),
).filter(lambda name: len(re.findall(r"[*?]+", name)) <= 4)  # fmt: skip


@functools.cache
def values_of(kind: Kind) -> st.SearchStrategy[Value]:
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    simple: dict[str, st.SearchStrategy[Any]] = {
        "number": numbers,
        "positive": st.floats(min_value=0, exclude_min=True, allow_infinity=False),
        "count": st.integers(0, 2**31),
        "numbers": st.lists(numbers, max_size=4).map(tuple),
        "logic": st.sampled_from(["0", "1"]),
        "name": _WORDS,
    }
    if kind in simple:
        return simple[kind]
    queries = [query for query, kinds in QUERIES.items() if kind in kinds]
    names = st.lists(_PATTERNS, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Objects, st.just(""), names),
        *(
            st.builds(Objects, st.just(query), names) if query in NAMED_QUERIES
            else st.just(Objects(query))
            for query in queries
        ),
    )  # fmt: skip


@st.composite
def commands(draw: st.DrawFn) -> Command:
    name = draw(st.sampled_from(sorted(COMMANDS)))
    syntax = COMMANDS[name]
    chosen = draw(st.sets(st.sampled_from(sorted(syntax.options)))) if syntax.options else set()
    options = [*sorted(chosen | set(syntax.required)), *(r for r in syntax.repeated if r in chosen)]
    count = len(syntax.values) - draw(st.integers(0, syntax.optional))
    return Command(
        name,
        tuple(
            (option, None if (kind := syntax.options[option]) == "flag" else draw(values_of(kind)))
            for option in draw(st.permutations(options))
        ),
        tuple(draw(values_of(kind)) for kind in syntax.values[:count]),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(commands(), max_size=4))
def test_what_is_written_is_read_as_it_was(given: list[Command]) -> None:
    assert list(parse(write(given))) == given


@functools.cache
def tcl_that_records() -> tuple[Any, list[str]]:
    """A real Tcl interpreter that has no command, and the list of those that it is asked for."""
    tkinter = pytest.importorskip("tkinter")
    tcl = tkinter.Tcl()
    ran: list[str] = []
    tcl.createcommand("record", lambda *words: ran.append(words[0]) or "x")
    tcl.eval("rename ::unknown {}; proc ::unknown {args} { record [lindex $args 0]; return x }")
    keep = {"record", "unknown", "rename", "lindex", "return"}
    for name in tcl.splitlist(tcl.eval("info commands")):
        if name not in keep:
            tcl.eval(f"rename {{{name}}} {{}}")
    return tcl, ran


def commands_that_tcl_runs(text: str) -> list[str]:
    tcl, ran = tcl_that_records()
    ran.clear()
    tcl.eval(text)
    return list(ran)


_NASTY = st.sampled_from(
    ["exec", "[exec id]", "${x}", "{*}", ";", "\n", "\\", '"', "{", "}", "[", "]", "#", "\\\n",
     "$x", "source", "open", "[open x w]", "eval", "a[exec id]", "\x00", "\r", " ", "\u2028",
     "[if 1 x]", "[get_ports", "[get_ports {a[0] y}]", "create_clock", "set_load",
     "set_false_path", "-from", "-period", "2", "3.5", "y", "a[*]",
     "[all_outputs]", "-name", "{core}", "\t", "[list a b]"]
)  # fmt: skip


@st.composite
def disturbed(draw: st.DrawFn) -> str:
    """Good constraints with something in them that does not belong there."""
    text = write(draw(st.lists(commands(), min_size=1, max_size=2)))
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(_NASTY) + text[at:]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.lists(_NASTY, max_size=12).map(" ".join),
        st.lists(_NASTY).map("".join),
        st.text(),
        disturbed(),
    )
)
@example("set_load 3 [get_ports {a\n}]\nset_load 3 y")
@example('set_load 3 "y z" ;# [exec id]\n')
def test_what_is_accepted_makes_tcl_run_nothing_but_the_table(text: str) -> None:
    try:
        found = parse(text)
    except InputError:
        return
    written = write(found)
    assert parse(written) == found
    allowed = {*COMMANDS, *QUERIES}
    for line in written.splitlines():
        assert line.split()[0] in COMMANDS
        assert not re.search(r"[$;\\\"#`]", line)
        assert set(re.findall(r"\[([^\d*\]][^\s\]]*)", line)) <= set(QUERIES)
    if found:
        assert set(commands_that_tcl_runs(written)) <= allowed


def test_the_check_with_tcl_can_fail() -> None:
    assert set(commands_that_tcl_runs("set_load [exec id] {[open x]}; if 1 x")) == {
        "set_load", "exec", "if"
    }  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        Command("exec", (), ("id",)),
        Command("set_load", (("-x; exec id", None),), (1.0, Objects("", ("y",)))),
        Command("set_load", (), (1.0, Objects("exec", ("y",)))),
        Command("set_load", (), (1.0, Objects("get_ports", ("y}; exec id; {",)))),
        Command("set_load", (), (1.0, Objects("get_clocks", ("y",)))),
        Command("set_driving_cell", (("-lib_cell", "$x"),), (Objects("", ("y",)),)),
        Command("set_load", (), (1.0, Objects("", ("y",)), 3.0)),
        Command("set_load", (("-max", 1.0),), (1.0, Objects("", ("y",)))),
        Command("create_clock", (("-period", None),)),
    ],
)
def test_what_could_not_have_been_read_is_not_written(command: Command) -> None:
    with pytest.raises(InputError):
        write([command])


def test_names_are_held_against_the_design() -> None:
    good = """\
create_clock -name core -period 2 [get_ports clk]
set_input_delay 0.1 -clock core [get_ports {a rst}]
set_input_delay 0.2 -clock core [get_ports a[*]]
set_false_path -from core -to r0 -through [get_pins r0/?]
set_output_delay 0.1 -clock [get_clocks c*] [all_outputs]
"""
    check_names(parse(good), DESIGN)
    assert clock_names(parse(good)) == ["core"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("create_clock -period 2 [get_ports clck]", "no such port", "did you mean clk?"),
        ("create_clock -period 2", "neither a source nor a name", "-name"),
        ("set_false_path -from [get_ports a[7]]", "'a[7]'", "did you mean a["),
        ("set_false_path -from [get_clocks x]", "no such clock", "create the clock before"),
        ("set_false_path -to [get_pins r1/D]", "no such pin", "r0/D"),
        ("set_false_path -to [get_cells q]", "no such cell", "there are: r0"),
        ("set_false_path -from [all_clocks]", "none is created", ""),
        ("set_input_delay 1 [get_ports y]", "no such input", "there are: a, a[0]"),
        ("set_output_delay 1 a", "no such output", "there are: y"),
        ("set_load 1 [get_ports z*]", "no such port", "there are"),
    ],
)
def test_names_that_are_not_there_are_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        check_names(parse(f"\n{text}"), DESIGN, file="x.sdc")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == "x.sdc:2"


def test_a_clock_is_created_once_and_before_its_use() -> None:
    late = parse("set_false_path -from [get_clocks c]\ncreate_clock -name c -period 1 clk")
    with pytest.raises(InputError, match="no such clock"):
        check_names(late, DESIGN)
    twice = parse("create_clock -period 1 clk\ncreate_clock -period 2 -name clk rst")
    with pytest.raises(InputError, match="created twice"):
        check_names(twice, DESIGN)
