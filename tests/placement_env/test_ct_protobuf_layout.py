"""The two readers of node blocks agree, and errors name the same lines whichever of them reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import ct_protobuf
from placement_env.formats.ct_protobuf_blocks import NodeTable, parse_blocks
from placement_env.formats.ct_protobuf_layout import parse_layout
from placement_env.formats.text import read_text
from placement_env.netlist import Netlist, Placement
from tests.placement_env.random_netlists import clustered

KEYS = ["type", "x", "y", "width", "height", "weight", "macro_name", "x_offset", "y_offset"]
KEYS += ["orientation", "side", "no_such_key"]


def node(name: str, *sinks: str, **attributes: str | float) -> str:
    """A node as programs write it."""
    lines = ["node {", f'  name: "{name}"', *(f'  input: "{sink}"' for sink in sinks)]
    for key, value in attributes.items():
        text = f'placeholder: "{value}"' if isinstance(value, str) else f"f: {value}"
        lines += ["  attr {", f'    key: "{key}"', "    value {", f"      {text}", "    }", "  }"]
    return "\n".join([*lines, "}\n"])


SMALL = "".join(
    [
        "# Current_design: small {0.0 0.0 9.0 9.0}\n\n",
        node("__metadata__", soft_macro_area_bloating_ratio=2.0),
        node("p", "m/a", "g/in", side="LEFT", type="PORT", x=0.5, y=1),
        node("m", type="MACRO", x=2.25, y=-3e-05, width=2.0, height=3.0, orientation="FN"),
        node("m/a", "p", macro_name="m", type="MACRO_PIN", x_offset=0.5, y_offset=-1.25, weight=4),
        node("g", type="macro", x=5.0, y=5.0, width=1.5, height=1.5),
        node("g/in", type="macro_pin", macro_name="g"),
    ]
)


def assert_same(table: NodeTable, other: NodeTable) -> None:
    assert table.name == other.name
    assert list(table.offset) == list(other.offset)
    assert table.sink == other.sink
    assert table.sink_start.tolist() == other.sink_start.tolist()
    assert table.has_metadata == other.has_metadata
    nodes = np.arange(len(table.name))
    for key in KEYS:
        assert table.values(key, nodes) == other.values(key, nodes), key


def agree(text: str) -> bool:
    """Whether the fast reader takes the text; where it does, both must give the same."""
    table = parse_layout(text)
    if table is not None:
        assert_same(table, parse_blocks(text, Path("any.pb.txt")))
    return table is not None


@pytest.mark.parametrize("name", ["ariane133_ng45/netlist", "ariane133_ng45/full"])
def test_real_files_have_the_usual_layout(name: str, data_file: Callable[[str], Path]) -> None:
    text = read_text(data_file(f"tilos/{name}.pb.txt.gz"))
    if name.endswith("full"):
        text = text[: text.index("\nnode {", 6_000_000) + 1]
    assert agree(text)


@given(case=clustered())
@settings(max_examples=50, deadline=None)
def test_written_files_have_the_usual_layout(
    case: tuple[Netlist, Placement], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.pb.txt"
    ct_protobuf.write(path, *case)
    assert agree(read_text(path))


def damaged(text: str) -> Iterator[str]:
    """Every truncation, every character and line left out or doubled, and every other character."""
    for at in range(len(text)):
        yield text[:at]
        yield text[:at] + text[at + 1 :]
        yield text[: at + 1] + text[at:]
        for other in '"\\\n }{#a1é':
            yield text[:at] + other + text[at + 1 :]
    lines = text.splitlines(keepends=True)
    for at in range(len(lines)):
        yield "".join(lines[:at] + lines[at + 1 :])
        yield "".join(lines[: at + 1] + lines[at:])
        yield "".join(lines[:at] + lines[at : at + 2][::-1] + lines[at + 2 :])


def test_whatever_one_damage_does_the_readers_agree() -> None:
    assert agree(SMALL)
    start, end = SMALL.index('node {\n  name: "m"'), SMALL.index('node {\n  name: "g"')
    taken = sum(agree(text) for text in damaged(SMALL[:start] + SMALL[end:]))
    assert taken > 0  # Changes within comments, names and numbers keep the layout.


@pytest.mark.parametrize("literal", ["node {", "  name:", "    value {", "      f: ", "    }", "}"])
@pytest.mark.parametrize("change", [" {0}", "{0} ", "{0}\n", "\t{0}", "{0}#\n", "", "{0}{0}"])
def test_other_layouts_are_left_to_the_other_reader(literal: str, change: str) -> None:
    at = SMALL.index(literal, SMALL.index('name: "p"') if literal != "node {" else 60)
    assert not agree(SMALL[:at] + change.format(literal) + SMALL[at + len(literal) :])


USUAL = st.text(st.sampled_from("ab/[0]# {}:=.$"), max_size=4) | st.just("__metadata__")
ODD = st.sampled_from(['"', "\\", '\\"', "é", "\n", "\r\n", "\x1c", '\n}\nnode {\n  name: "', "\0"])
NUMBERS = st.floats().map(repr) | st.integers().map(repr)
ODD_NUMBERS = st.sampled_from(["1e999", "-", "1 2", "", "wide", "0" * 50, "}", "1_0", "1\x1c"])
ODD_GAPS = st.sampled_from([" ", "\n", "\t", "# é\n", "#\n", '# "\n', "\n\n#\n", "\ufeff"])


def mostly(usual: st.SearchStrategy[str], odd: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draws from `odd` once in forty times."""
    return st.integers(0, 39).flatmap(lambda number: usual if number else odd)


STRINGS = mostly(USUAL, ODD)
GAPS = mostly(st.just(""), ODD_GAPS)
KEY = mostly(st.sampled_from(KEYS), STRINGS)
VALUES = STRINGS.map('placeholder: "{}"'.format) | mostly(NUMBERS, ODD_NUMBERS).map("f: {}".format)


@st.composite
def protobuf_texts(draw: st.DrawFn) -> str:
    """Nodes with odd names, numbers and orders of attributes, now and then with odd gaps."""
    parts = [draw(GAPS)]
    for _ in range(draw(st.integers(0, 4))):
        parts += [f'node {{\n  name: "{draw(STRINGS)}"\n', draw(GAPS)]
        for _ in range(draw(st.integers(0, 2))):
            parts += [f'  input: "{draw(STRINGS)}"\n', draw(GAPS)]
        for _ in range(draw(st.integers(0, 3))):
            parts.append(f'  attr {{\n    key: "{draw(KEY)}"\n    value {{\n')
            parts += [f"      {draw(VALUES)}\n    }}\n  }}\n", draw(GAPS)]
        parts += ["}\n", draw(GAPS)]
    return "".join(parts)


@given(text=protobuf_texts(), data=st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_the_text_the_readers_agree(text: str, data: st.DataObject) -> None:
    agree(text)
    cut, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 60))
    agree(text[:cut] + data.draw(ODD | ODD_GAPS | ODD_NUMBERS) + text[cut + length :])


WRONG = [
    ('name: "g"', 'name: "m"', "m", "a second node is called 'm'"),
    ('"MACRO"', '"MACHRO"', "m", "node 'm' has the unknown type 'MACHRO'"),
    ("f: 0.5", "f: 1e999", "p", "'x' of node 'p' is '1e999', expected a number"),
    ("f: -3e-05", "f: nan", "m", "'y' of node 'm' is 'nan', expected a number"),
    ("f: 4\n", "f: 4_\n", "m/a", "'weight' of node 'm/a' is '4_', expected a number"),
    ("f: 3.0", f"f: {'9' * 400}", "m", f"'height' of node 'm' is '{'9' * 400}', expected"),
    ('"width"', '"wide"', "m", "node 'm' has no 'width'"),
    ("f: 3.0", "f: -3.0", "m", "node 'm' has a negative size"),
    ('"FN"', '"Q"', "m", "node 'm' has the orientation 'Q'"),
    ('placeholder: "g"', 'placeholder: "h"', "g/in", "pin 'g/in' belongs to the unknown macro 'h'"),
    ('"x_offset"', '"xoffset"', "m/a", "node 'm/a' has no 'x_offset'"),
    ('input: "g/in"', 'input: "g/out"', "p", "node 'p' drives 'g/out', which does not exist"),
    ("f: 4\n", "f: -4\n", "m/a", "node 'm/a' has the negative weight -4.0"),
]


@pytest.mark.parametrize("first_line", ["", "# é makes the layout unusual\n"])
@pytest.mark.parametrize(("old", "new", "name", "message"), WRONG)
def test_errors_name_the_line_of_the_node(
    old: str, new: str, name: str, message: str, first_line: str, tmp_path: Path
) -> None:
    assert old in SMALL
    text = first_line + SMALL.replace(old, new, 1)
    (tmp_path / "bad.pb.txt").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        ct_protobuf.read(tmp_path / "bad.pb.txt")
    line = text.count("\n", 0, text.rindex(f'name: "{name}"')) + 1
    assert caught.value.message.startswith(message)
    assert caught.value.where == f"{tmp_path / 'bad.pb.txt'}:{line}"


@given(number=st.floats(-1e18, 1e18) | st.integers(-(10**18), 10**18))
def test_numbers_are_those_of_python(
    number: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "number.pb.txt"
    path.write_text(SMALL.replace("f: 0.5", f"f: {number!r}", 1))
    _, placement = ct_protobuf.read(path)
    assert placement.x_um[0] == float(repr(number))


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    long = "m" * 10_000_000
    path = tmp_path / "long.pb.txt"
    path.write_text(SMALL.replace('"m"', f'"{long}"').replace('"m/a"', f'"{long}/a"'))
    netlist, _ = ct_protobuf.read(path)
    assert netlist.node_name == ("p", long, "g")
    assert netlist.pin_name == ("", "a", "in", "a", "")
