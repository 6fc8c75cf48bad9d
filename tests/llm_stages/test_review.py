"""A review becomes changes as data, each with a patch that applies; floorplan hints likewise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_stages.answer_parts import parts
from llm_stages.errors import DraftRejected, InputError, WrongAnswer
from llm_stages.floorplan_hints import FloorplanTask, Hint, Knob, floorplan_hints
from llm_stages.prompt_pack import load_pack
from llm_stages.review import MeasuredMetric, Review, ReviewTask, SourceEdit, patched, review
from tests.llm_stages.scripted import Scripted, scripted

SOURCE = """module add3(input [7:0] a, b, c, input s, output [7:0] sum, output z);
  assign sum = s ? a + b
                 : a + c;
  assign z = 0;
endmodule
"""
KNOBS = (
    Knob(name="floorplan.utilization", value=0.6, low=0.01, high=0.95, meaning="fill"),
    Knob(name="macros.gap_um", value=4.0, low=0.0, high=1e4, meaning="room"),
)
TASK = ReviewTask(
    facts="worst path: a to sum",
    metrics=(
        MeasuredMetric(name="timing__setup__ws_ns", value=-0.1, better="higher", meaning="slack"),
        MeasuredMetric(name="synthesis__instance__area_um2", value=9, better="lower", meaning="a"),
    ),
    sources={"add3.v": SOURCE},
    constraints="create_clock -name {c} -period 1.0\n",
    knobs=KNOBS,
)
RTL = """### Change 1
**kind:** rtl
metric: `synthesis__instance__area_um2`
expect: one adder less
why: one adder does
Same behaviour: Yes
file: add3.v
```verilog
<<<<<<< SEARCH
  assign sum = s ? a + b
                 : a + c;
=======
  assign sum = a + (s ? b : c);
>>>>>>> REPLACE
```
"""
FLOORPLAN = """kind: floorplan
metric: timing__setup__ws_ns
why: shorter wires
set: utilization = 0.7
set: NAME = macros.gap_um: 2 um
"""
CONSTRAINTS = """kind: constraints
metric: timing__setup__ws_ns
why: s is static
```sdc
set_false_path -from [get_ports s]
```
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)


def reviewed(model: Scripted, **more) -> Review:
    return review(TASK, model=model.model, **more)


def test_changes_of_all_kinds_come_in_their_order() -> None:
    model = scripted(f"I found three things.\n\n{RTL}\n{FLOORPLAN}\n{CONSTRAINTS}")
    found = reviewed(model)
    assert [change.kind for change in found.changes] == ["rtl", "floorplan", "constraints"]
    rtl, floorplan, constraints = found.changes
    assert (rtl.same_behaviour, rtl.expect) == (True, "one adder less")
    text = patched(TASK.sources, rtl.edits)["add3.v"]
    assert text == SOURCE.replace("s ? a + b\n                 : a + c;", "a + (s ? b : c);")
    assert floorplan.settings == (
        Hint(name="floorplan.utilization", value=0.7),
        Hint(name="macros.gap_um", value=2.0),
    )
    assert constraints.sdc == "set_false_path -from [get_ports {s}]\n"
    assert "timing__setup__ws_ns = -0.1 (higher is better)" in model.question


def test_a_whole_module_replaces_the_one_of_its_name() -> None:
    new = "module add3(input [7:0] a, b, c, input s, output [7:0] sum, output z);\nendmodule"
    answer = RTL.split("file:")[0] + f"file: add3.v\nmodule: add3\n```systemverilog\n{new}\n```\n"
    (change,) = reviewed(scripted(answer)).changes
    assert patched(TASK.sources, change.edits) == {"add3.v": f"{new}\n"}


def test_no_change_is_an_answer() -> None:
    assert reviewed(scripted("no change: it is fine as it is")).changes == ()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (RTL.replace("kind:** rtl", "kind:** layout"), "kind: is rtl, constraints or floorplan"),
        (RTL.replace("synthesis__", "speed__"), "metric: names one of the list"),
        (RTL.replace("? a + b", "? b + a"), "does not occur in add3.v"),
        (RTL.replace("file: add3.v", "file: /etc/passwd"), "names one of add3.v"),
        (RTL.replace("why: one adder does", ""), "at least 1 character"),
        (RTL.split("```")[0], "needs file: and a SEARCH/REPLACE block"),
        (FLOORPLAN.replace("utilization", "macro_region"), "no setting 'macro_region'"),
        (FLOORPLAN.replace("0.7", "1.7"), "out of range: 0.01 to 0.95"),
        (FLOORPLAN.replace("0.7", "0.6"), "is 0.6 already"),
        (FLOORPLAN.replace("0.7", "full"), "is no setting with a number"),
        (CONSTRAINTS.replace("[get_ports s]", "[exec id]"), "'exec' is no query"),
        (CONSTRAINTS.replace("```", ""), "needs an ```sdc block"),
        (FLOORPLAN + RTL.split("file:")[1], "floorplan"),
        ("Looks good to me!", "no change; each begins with a line kind:"),
    ],
)
def test_what_cannot_be_used_is_asked_again_once(bad: str, told: str) -> None:
    model = scripted(bad, RTL)
    if bad.startswith(FLOORPLAN):  # edits in a change of the floorplan are left out
        assert reviewed(model).changes[0].edits == ()
        return
    assert reviewed(model).asked.answers == 2
    assert told in model.question
    with pytest.raises(DraftRejected) as caught:
        reviewed(scripted(bad))
    assert told in caught.value.message


def test_of_a_second_answer_the_good_changes_are_kept() -> None:
    found = reviewed(scripted(f"{FLOORPLAN.replace('0.7', '7')}\n{RTL}"))
    assert [change.kind for change in found.changes] == ["rtl"]
    assert found.asked.answers == 2
    assert len(found.refused) == 1
    assert "change 1: floorplan.utilization = 7 is out of range" in found.refused[0]


def test_constraints_are_held_against_the_design() -> None:
    def refuse(commands: object) -> None:
        raise InputError("no such port", where="line:1", hint="there is: a")

    with pytest.raises(DraftRejected, match="no such port"):
        reviewed(scripted(CONSTRAINTS), check_sdc=refuse)


@pytest.mark.parametrize(
    ("search", "replace", "expected"),
    [
        ("  assign z = 0;", "  assign z = 1;", SOURCE.replace("z = 0", "z = 1")),
        ("assign z = 0;\n\n", "assign z = 1;", SOURCE.replace("z = 0", "z = 1")),
        ("  assign z = 0;\n", "", SOURCE.replace("  assign z = 0;\n", "")),
        ("assign", "", "does not occur"),
        ("", "x", "an empty SEARCH part"),
    ],
)
def test_an_edit_applies_where_its_lines_occur_once(
    search: str, replace: str, expected: str
) -> None:
    edit = SourceEdit(file="add3.v", search=search, replace=replace)
    if expected.startswith("module"):
        assert edit.apply(SOURCE) == expected
    else:
        with pytest.raises(WrongAnswer, match=expected):
            edit.apply(SOURCE)


def test_lines_that_occur_twice_are_refused() -> None:
    edit = SourceEdit(file="add3.v", search="  assign z = 0;", replace="")
    with pytest.raises(WrongAnswer, match="occurs 2 times"):
        edit.apply(SOURCE + SOURCE)
    with pytest.raises(WrongAnswer, match="2 times"):
        SourceEdit(file="add3.v", module="add3", replace="x").apply(SOURCE + SOURCE)


def test_edits_that_change_nothing_are_refused() -> None:
    edit = SourceEdit(file="add3.v", search="  assign z = 0;", replace="  assign z = 0;")
    with pytest.raises(WrongAnswer, match="leave add3"):
        patched(TASK.sources, [edit])


@given(st.text(), st.text())
def test_any_answer_is_taken_apart_or_refused(start: str, end: str) -> None:
    for part in parts(start + RTL + end, ("kind", "why")):
        assert part
    try:
        reviewed(scripted(start + RTL.replace("SEARCH", "SEARCH" + end)))
    except DraftRejected as error:
        told = error.message
    else:
        told = "accepted"
    assert told


def hints(*answers: str):
    model = scripted(*answers)
    task = FloorplanTask(facts="cells: 900\nmemories: 2", knobs=KNOBS)
    return model, floorplan_hints(task, model=model.model)


def test_floorplan_hints_are_settings_of_the_flow() -> None:
    model, found = hints("set: region.x = 3\nwhy: left", "set: macros.gap_um = 6\nwhy: more room")
    assert found.hints == (Hint(name="macros.gap_um", value=6.0),)
    assert found.why == "more room"
    assert "cannot be set" in model.question
    _, kept = hints("keep: all\nwhy: it fits")
    assert kept.hints == ()
    with pytest.raises(DraftRejected, match="no line why"):
        hints("set: macros.gap_um = 6")
    with pytest.raises(DraftRejected, match="no line set"):
        hints("why: I like it")


@pytest.mark.parametrize("stage", ["write_constraints", "floorplan_hints", "review", "explain"])
def test_the_shipped_packs_frame_all_text_that_is_not_ours(stage: str) -> None:
    pack = load_pack(stage, "anything/at-all")
    assert pack.demonstrations
    for lines in (pack.first, pack.repair):
        text = "\n".join(lines)
        assert "{{mark}}" in text
        for name in ("spec", "facts", "sources", "message", "log", "answer"):
            at = text.find(f"\n{{{{{name}}}}}\n")
            if f"{{{{{name}}}}}" in text:
                assert text[:at].rstrip().endswith("{{mark}}")
    assert {"{{error}}", "{{answer}}"} <= set("\n".join(pack.repair).split())


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "answer",
    ["\n" * 260000, "```a\n" * 50000 + RTL, "-" * 260000, "why: x\n" + "y\n" * 130000,
     "set: " + "a" * 260000, "set_load " * 28000, RTL.replace("SEARCH", "SEARCH" + "\n" * 200000),
     "x" * 3_900_000],
)  # fmt: skip
def test_an_endless_answer_takes_no_endless_time(answer: str) -> None:
    wrong = "\nkind: floorplan\nset: " + "=" * 900
    with pytest.raises(DraftRejected):
        reviewed(scripted(answer.replace("s ? a", "s ? q") + wrong))
