"""Single keys of a TOML file change, and nothing else does."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipflow.toml_edit import remove_key, set_key
from placement_env.errors import InputError

FILE = Path("design.toml")
TEXT = """\
# A design.
name = "gcd" # its name
rtl = [
  "a.v", # first
  "b.v",
]

[floorplan]
utilization = 0.6  # full
[placement]
seed = 1
"""


@pytest.mark.parametrize(
    ("name", "value", "gone", "come"),
    [
        ("floorplan.utilization", 0.5, "utilization = 0.6  # full\n", "utilization = 0.5\n"),
        ("floorplan.aspect_ratio", 2.0, "", "aspect_ratio = 2.0\n"),
        ("macros.gap_um", 4.0, "", "\n[macros]\ngap_um = 4.0\n"),
        ("rtl", ["c.v"], 'rtl = [\n  "a.v", # first\n  "b.v",\n]\n', 'rtl = ["c.v"]\n'),
        ("constraints", "x.sdc", "", 'constraints = "x.sdc"\n'),
    ],
)
def test_a_key_is_set_where_it_belongs(name: str, value, gone: str, come: str) -> None:
    after = set_key(TEXT, name, value, file=FILE)
    assert gone not in after or not gone
    assert come in after
    assert "# A design." in after
    assert 'name = "gcd" # its name\n' in after
    values = tomllib.loads(after)
    table, _, key = name.rpartition(".")
    assert (values[table] if table else values)[key] == value


def test_a_key_is_removed_with_all_its_lines() -> None:
    assert remove_key(TEXT, "rtl", file=FILE) == TEXT.replace(
        TEXT[TEXT.index("rtl") : TEXT.index("\n[fl")], ""
    )
    with pytest.raises(InputError, match="cannot change spec"):
        remove_key(TEXT, "spec", file=FILE)


def test_what_is_written_another_way_is_left_to_the_user() -> None:
    inline = 'name = "a"\nfloorplan = {utilization = 0.6}\n'
    with pytest.raises(InputError) as caught:
        set_key(inline, "floorplan.utilization", 0.5, file=FILE)
    assert "on a line of its own" in caught.value.hint


@given(st.floats(0.01, 0.95), st.text(), st.sampled_from(["floorplan.utilization", "placement.x"]))
def test_whatever_is_set_nothing_else_changes(value: float, word: str, name: str) -> None:
    before = tomllib.loads(TEXT)
    try:
        after = tomllib.loads(
            set_key(set_key(TEXT, name, value, file=FILE), "spec", word, file=FILE)
        )
    except InputError:
        return
    table, _, key = name.rpartition(".")
    assert after.pop("spec") == word
    assert after[table].pop(key) == value
    before[table].pop(key, None)
    assert after == before
