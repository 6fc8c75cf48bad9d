"""Packs, code blocks and interfaces: the plain text around a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_stages.code_block import extract_hdl
from llm_stages.errors import InputError
from llm_stages.exchange import Request
from llm_stages.interface import RequiredPort, differences, required_ports
from llm_stages.prompt_pack import error_notes, load_pack
from llm_stages.slang import Port
from llm_stages.store import request_key

MODULE = "module top(input a);\nendmodule\n"
OTHER = "module other; endmodule\n"
OLD = "module top(input b); endmodule\n"
BENCH = "module tb; top t(1); endmodule\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (f"```verilog\n{MODULE}```", MODULE),
        (f"Text\n```\n{MODULE}```\nMore text.", MODULE),
        (f"  ```systemverilog\n{MODULE}  ```", MODULE),
        (f"```sv\n{MODULE}", MODULE),
        (MODULE, MODULE),
        (f"Sure!\n\n{MODULE}\nDone.", MODULE),
        (f"```verilog\n{OTHER}```\nand\n```verilog\n{MODULE}```", f"{OTHER}\n{MODULE}"),
        (f"```verilog\n{OLD}```\nBetter:\n```verilog\n{MODULE}```", MODULE),
        (f"```verilog\n{MODULE}```\nTest it:\n```verilog\n{BENCH}```", MODULE),
        (f"```verilog\n{MODULE}```".replace("\n", "\r\n"), MODULE),
        ("```python\nprint(1)\n```", ""),
        ("No code here.", ""),
        ("", ""),
    ],
)
def test_the_source_is_found(answer: str, expected: str) -> None:
    assert extract_hdl(answer, "top") == expected


@given(st.text())
def test_any_answer_can_be_read(answer: str) -> None:
    source = extract_hdl(answer, "top")
    assert source == "" or source.endswith("\n")


def test_the_most_specific_pack_wins(tmp_path: Path) -> None:
    generic = {
        "stage": "s", "name": "generic", "models": ["*"], "system": ["be brief"],
        "first": ["{{top}}: {{spec}}"], "repair": ["{{errors}}"], "demonstrations": [],
    }  # fmt: skip
    family = {**generic, "name": "family", "models": ["anthropic/*", "*claude*"]}
    shown = {"user": "q", "assistant": "a"}
    (tmp_path / "s.json").write_text(json.dumps(generic))
    (tmp_path / "s.family.json").write_text(json.dumps({**family, "demonstrations": [shown]}))
    assert load_pack("s", "openai/gpt", folder=tmp_path).name == "generic"
    pack = load_pack("s", "Anthropic/Claude-x", folder=tmp_path)
    assert pack.name == "family"
    messages = pack.messages(pack.first, {"top": "{{spec}}", "spec": "text"})
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[-1].content == "{{spec}}: text"
    assert pack.version != load_pack("s", "x", folder=tmp_path).version
    (tmp_path / "s.bad.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        load_pack("s", "x", folder=tmp_path)
    with pytest.raises(InputError, match="no prompt pack"):
        load_pack("t", "x", folder=tmp_path)


OWN = "python/own"


def write_own(folder: Path, name: str = "own", **changes: object) -> Path:
    """A pack of the user's, made from the one that comes with the package."""
    pack = load_pack("spec_to_rtl", "x/y").model_dump(mode="json", exclude={"tuned"})
    pack |= {"name": name, "models": [OWN], "system": ["Mine."], **changes}
    path = folder / f"spec_to_rtl.{name}.json"
    path.write_text(json.dumps(pack))
    return path


def test_the_users_folders_go_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generic = load_pack("spec_to_rtl", OWN)
    first, second = tmp_path / "first", tmp_path / "chipflow" / "prompts"
    first.mkdir()
    second.mkdir(parents=True)
    write_own(first, system=["First."])
    write_own(second, name="openai.gpt-5.mini_x")
    monkeypatch.setenv("CHIPFLOW_PROMPTS", f"{first}:{second}")
    assert load_pack("spec_to_rtl", OWN).system == ("First.",)
    monkeypatch.setenv("CHIPFLOW_PROMPTS", f"{second}:{first}")
    assert load_pack("spec_to_rtl", OWN).system == ("Mine.",)
    monkeypatch.setenv("CHIPFLOW_PROMPTS", "none")
    assert load_pack("spec_to_rtl", OWN) == generic
    monkeypatch.delenv("CHIPFLOW_PROMPTS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_pack("spec_to_rtl", OWN).system == ("Mine.",)
    assert load_pack("spec_to_rtl", "python/other") == generic
    assert load_pack("repair", OWN).name == "generic"
    monkeypatch.setenv("CHIPFLOW_PROMPTS", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="no such folder of prompt packs"):
        load_pack("spec_to_rtl", OWN)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"first": ["{{top}} {{spec}} {{mark}}"]}, "lacks the field {{ports}} in `first`"),
        ({"first": ["{{top}} {{spec}} {{mark}} {{ports}} {{spce}}"]}, "has the field {{spce}}"),
        ({"system": "Mine."}, "damaged: system"),
        ({"sytem": []}, "damaged: sytem: Extra inputs"),
        ({"tuned": {"model": OWN}}, "damaged: tuned.suite"),
    ],
)
def test_a_bad_pack_of_the_users_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict, words: str
) -> None:
    path = write_own(tmp_path, **changes)
    monkeypatch.setenv("CHIPFLOW_PROMPTS", str(tmp_path))
    with pytest.raises(InputError) as raised:
        load_pack("spec_to_rtl", OWN)
    assert words in raised.value.message
    assert raised.value.where == str(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="damaged"):
        load_pack("spec_to_rtl", "python/other")


def test_the_question_of_the_generic_pack_stays_as_it_was() -> None:
    pack = load_pack("spec_to_rtl", "anything/at-all")
    fields = {"top": "m", "spec": "A wire.", "mark": "0123", "ports": ""}
    asked = Request("a/b", pack.messages(pack.first, fields), seed=1)
    # Records of others hang on it: who changes it has to have all of them made again.
    assert pack.version == "efba8d73eec1"
    assert request_key(asked) == "232b268edf328a072bee64a9d315d30894aed272c5d0dfc949ded170e37c7926"


def test_the_shipped_pack_and_notes_are_whole() -> None:
    pack = load_pack("spec_to_rtl", "anything/at-all")
    assert {"{{spec}}", "{{errors}}", "{{rtl}}"} <= set(" ".join(pack.repair).split())
    import pyslang

    own = {"DrivenInput", "PortMismatch", "UnsafeConstruct", "UnsafeInclude"}
    unknown = [code for code in error_notes() if not hasattr(pyslang.Diags, code)]
    assert set(unknown) <= own


HEADER = """Text.
```verilog
module top #() (input wire clk, input [7:0] d, output reg [15:0] q);
```
"""
TABLE = """
| Signal | Direction | Width | Meaning |
| --- | --- | --- | --- |
| `clk` | input | 1 | clock |
| `d[7:0]` | in | | data |
| q | Output | 16 | result |

| other | table |
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (" - input clk\n - input  d (8 bits)\n - output q (16 bits)\n", [1, 8, 16]),
        ("* `input` clk\n* input [7:0] d\n* output reg [15:0] q\n", [1, 8, 16]),
        ("- input clk\n- input d\n- output q\n", [None, None, None]),
        (HEADER.replace("#() ", ""), [1, 8, 16]),
        (HEADER.replace("#()", "#(parameter W = 8)"), [None, None, None]),
        (TABLE, [1, 8, 16]),
    ],
)
def test_required_ports_are_read(spec: str, expected: list[int | None]) -> None:
    found = required_ports(spec, "top")
    assert [(port.name, port.direction) for port in found] == [
        ("clk", "in"), ("d", "in"), ("q", "out"),
    ]  # fmt: skip
    assert [port.width for port in found] == expected


def test_prose_requires_no_ports() -> None:
    assert required_ports("The input is data and the output is more data.", "top") == ()
    assert differences((), [Port("a", "in", 1)]) == []


def test_every_real_prompt_states_its_ports(data_file: Callable[[str], Path]) -> None:
    folder = data_file("verilog-eval/LICENSE").parent
    odd = {
        "Prob031_dff_prompt.txt",  # states its output as an input
        "Prob062_bugs_mux2_prompt.txt",  # shows a broken module in place of a list
        "Prob131_mt2015_q4_prompt.txt",  # has no widths
    }
    prompts = [path for path in sorted(folder.glob("*_prompt.txt")) if path.name not in odd]
    assert len(prompts) > 100
    for prompt in prompts:
        ports = required_ports(prompt.read_text(), "TopModule")
        assert "out" in {port.direction for port in ports}, prompt.name
        assert all(port.width for port in ports), prompt.name


def test_differences_name_the_port() -> None:
    required = (RequiredPort("a", "in", 4), RequiredPort("b", "out", None))
    assert differences(required, [Port("a", "in", 4), Port("b", "out", 9)]) == []
    found = differences(required, [Port("a", "out", 4), Port("c", "in", 1)])
    assert [item.message.split("'")[1] for item in found] == ["a", "b", "c"]


@given(st.text(alphabet="-*| \n`[]():0123456789abinputoutputx", max_size=200))
def test_any_specification_can_be_read(spec: str) -> None:
    for port in required_ports(spec, "top"):
        assert port.direction in ("in", "out", "inout")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("- input `a`, input `b`, input `c`: one bit each", ["a in", "b in", "c in"]),
        ("- input `a`, `b` and `c`: the operands", ["a in", "b in", "c in"]),
        ("- input a, b, c", ["a in", "b in", "c in"]),
        ("- input [7:0] a, output [3:0] y (4 bits)", ["a in 8", "y out 4"]),
        ("- input a (8 bits), b (4 bits)", ["a in 8", "b in 4"]),
        ("- input a, the first operand, signed", ["a in"]),
        ("- output y, signed", ["y out"]),
        ("- input clk and nothing else", ["clk in"]),
    ],
)
def test_one_line_may_state_several_ports(line: str, expected: list[str]) -> None:
    found = required_ports(f"Ports:\n{line}\n\nIt adds, `z` is prose.\n", "top")
    assert [f"{p.name} {p.direction} {p.width or ''}".strip() for p in found] == expected
