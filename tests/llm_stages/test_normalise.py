"""Specifications become values: what the text states is read, and a model adds only the rest."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_stages.asker import Asker
from llm_stages.errors import WrongAnswer
from llm_stages.exchange import Reply
from llm_stages.interface import required_ports
from llm_stages.normalise import NormalisedSpec, SpecReset, is_plain, normalise, parse, read_plainly
from llm_stages.stimulus import literals, make
from tests.llm_stages.loop_models import COUNTER, asking, scripted

PROSE = "Write a counter q of 4 bits that counts at each rising edge of tick while go is 1."


def reply(text: str) -> Reply:
    return Reply(text, 1, 1, 0.0, 0.0, "any")


def plain(spec: str) -> NormalisedSpec:
    found = read_plainly(spec, "top")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("The reset is synchronous and active high.", (1, "synchronous")),
        ("An asynchronous, active-low reset.", (0, "asynchronous")),
        ("Reset to zero.", (1, "unknown")),
        ("Synchronous reset, active\nhigh. The segments are active-low.", (1, "synchronous")),
        ("The reset is synchronous. It is active low.", (0, "synchronous")),
        ("Synchronous reset. Segments are active low.", (1, "synchronous")),
    ],
)
def test_the_reset_is_read_from_words(words: str, expected: tuple[int, str]) -> None:
    found = plain(f"- input clk\n- input reset\n- output q (2 bits)\n\n{words}\n")
    assert found.reset == SpecReset(port="reset", active=expected[0], kind=expected[1])  # type: ignore[arg-type]
    assert is_plain(found, words) == (expected[1] != "unknown")


def test_widths_of_ports_that_share_a_line() -> None:
    for line, widths in (
        ("- input [7:0] a, b: operands", [8, 8]),
        ("- input [7:0] a, input b", [8, 1]),
        ("- input a (1 bit), b", [1, 1]),
        ("- input a, b (8 bits)", [None, 8]),
    ):
        ports = required_ports(f"{line}\n- output q (2 bits)\n", "top")
        assert [port.width for port in ports] == [*widths, 2], line


def test_ports_may_be_in_more_than_one_table() -> None:
    head = "| Port | Direction | Width |\n| --- | --- | --- |\n"
    text = (
        f"Clock and reset:\n\n{head}| clk | in | 1 |\n| rst | in | 1 |\n\n"
        f"Data:\n\n{head}| d | input | 8 |\n| q | output | 8 |\n\n"
        "| Code | Meaning |\n| --- | --- |\n| in | nothing |\n"
    )
    ports = required_ports(text, "top")
    assert [(port.name, port.width) for port in ports] == [
        ("clk", 1), ("rst", 1), ("d", 8), ("q", 8),
    ]  # fmt: skip


def test_the_clock_and_its_edge_are_read() -> None:
    ports = "- input clk\n- input d\n- output q (1 bit)\n\n"
    for words, edge in (
        ("At the positive edge.", "rising"),
        ("At the negative edge of clk.", "falling"),
        ("A dual-edge flip-flop.", "both"),
    ):
        clock = plain(ports + words).clock
        assert clock is not None
        assert clock.edge == edge
    assert plain("- input a (1 bit)\n- output q (1 bit)\n").clock is None
    free = plain(ports + "At the rising edge. The result is there within 9 cycles.")
    assert (free.latency, is_plain(free, "The result is there within 9 cycles.")) == ("free", False)
    low = plain("- input clk\n- input rst_n\n- output q (1 bit)\n").reset
    assert low is not None
    assert low.active == 0


def test_ports_without_an_output_are_not_believed() -> None:
    assert read_plainly("- input clk\n- input d\n- input q (1 bit)\n", "top") is None
    form = {"ports": [{"name": "d", "direction": "in"}, {"name": "q", "direction": "out"}]}
    found = parse(reply(json.dumps(form)), "- input d (1 bit)\n- input q (1 bit)\n", "top")
    assert [port.name for port in found.outputs] == ["q"]


def test_real_specifications_are_plain(data_file: Callable[[str], Path]) -> None:
    def read(problem: str) -> tuple[NormalisedSpec, str]:
        text = data_file(f"verilog-eval/{problem}_prompt.txt").read_text()
        found = read_plainly(text, "TopModule")
        assert found is not None
        return found, text

    found, text = read("Prob047_dff8ar")
    assert found.reset == SpecReset(port="areset", active=1, kind="asynchronous")
    assert is_plain(found, text)
    found, text = read("Prob050_kmap1")
    assert (found.clock, found.reset) == (None, None)
    assert is_plain(found, text)
    found, _ = read("Prob046_dff8p")
    assert found.clock is not None
    assert found.clock.edge == "falling"


def test_a_model_adds_the_rest_and_overrules_nothing() -> None:
    form = {
        "ports": [
            {"name": "tick", "direction": "input", "width": 1},
            {"name": "go", "direction": "in"},
            {"name": "q", "direction": "output", "width": "[3:0]"},
        ],
        "clock": {"port": "tick", "edge": "rising"},
        "reset": None,
        "corner_cases": ["q wraps", 7],
        "open_questions": "What is q at power-up?",
    }
    damaged = f"Sure:\n```json\n{json.dumps(form)[:-1]},}}\n```"
    with scripted(normalise_spec=["no form", damaged]) as script:
        found = normalise(Asker(asking()), PROSE, "counter")
    assert [(p.name, p.direction, p.width) for p in found.ports] == [
        ("tick", "in", 1), ("go", "in", 1), ("q", "out", 4),
    ]  # fmt: skip
    assert (found.clock is not None, found.corner_cases) == (True, ("q wraps", "7"))
    assert found.open_questions == ("What is q at power-up?",)
    assert "holds no JSON object" in script.question("normalise_spec")
    stated = COUNTER.format("up")
    lies = {
        "ports": [
            {"name": name, "direction": "out", "width": 9} for name in ("clk", "reset", "up", "q")
        ],
        "reset": {"port": "up", "active": 0, "kind": "asynchronous"},
    }
    found = parse(reply(json.dumps(lies)), stated, "counter")
    assert found.required == plain(stated).required
    assert found.reset == plain(stated).reset


def test_a_model_is_asked_only_where_the_text_is_not_plain() -> None:
    text = COUNTER.format("up")
    with scripted(normalise_spec=["nonsense"]) as script:
        assert normalise(Asker(asking()), text, "counter") == read_plainly(text, "counter")
        assert not script.asked
        assert normalise(Asker(asking()), text, "counter", ask=True).clock is not None
        assert len(script.asked) == 2
        with pytest.raises(WrongAnswer):
            normalise(Asker(asking()), PROSE, "counter")
        with pytest.raises(WrongAnswer):
            normalise(Asker(asking()), PROSE, "counter", ask=False)


@given(st.text() | st.dictionaries(st.text(), st.integers() | st.none()).map(json.dumps))
def test_any_answer_is_read_or_refused(answer: str) -> None:
    with contextlib.suppress(WrongAnswer):
        assert parse(reply(answer), PROSE, "counter").outputs


def test_stimulus_depends_on_ports_and_seed_alone() -> None:
    spec = plain(COUNTER.format("up"))
    rows = make(spec).rows
    assert rows == make(spec).rows
    assert rows != make(spec, seed=2).rows
    assert rows[0]["reset"] == 1
    assert 0.5 < sum(1 - row["reset"] for row in rows) / len(rows) < 1
    longest = max(len(run) for run in "".join(str(row["up"]) for row in rows).split("0"))
    assert longest >= 16  # reaches states behind many ones in a row
    case = [{"up": 1, "other": 3}, {}]
    assert make(spec, cases=[case]).rows[-2:] == (
        {"up": 1, "reset": 0},
        {"up": 0, "reset": 0},
    )
    keys = plain("- input code (16 bits)\n- output up (1 bit)\n")
    text = "16'he0_75 is up, 8'b1x is not, 0x1234 and 4321 neither"
    assert literals(text) == (0xE075, 0x1234, 4321)
    assert {0xE075, 0x1234, 4321} <= {row["code"] for row in make(keys, text=text).rows}
    small = plain("- input a (3 bits)\n- input b (2 bits)\n- output y (1 bit)\n")
    assert len({(row["a"], row["b"]) for row in make(small).rows}) == 32
