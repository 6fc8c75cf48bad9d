"""Liberty under the mutations that `benchmarks.fuzz_readers` tries on the formats of placement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz_readers.cases import outcome_of, run
from benchmarks.fuzz_readers.readers import Document
from chipflow.pdk import liberty
from placement_env.errors import InputError

LIBRARY = """/* Written by hand,
   with every kind of statement. */
library ("small") {
  delay_model : table_lookup;
  capacitive_load_unit (1, ff);
  voltage_map ("VDD", 1.1);
  lu_table_template (t2x2) {
    variable_1 : input_net_transition;
    index_1 ("0.1, 1.0");
  }
  cell (AND2_X1) {
    area : 1.5
    pg_pin (VDD) { pg_type : primary_power; }
    pin (A, B) { direction : input; capacitance : 0.9; }
    pin (Z) {
      direction : "output";
      function : "(A B)";
      max_capacitance : 60.5;
      timing () {
        related_pin : "A";
        cell_rise (t2x2) {
          index_2 ("1, 2");
          values ("1.0, 2.5", \\
                  "3, 4e-1");
        }
      }
    }
  }
  cell (DFF) {
    ff ("IQ", "IQN") { next_state : "D"; clocked_on : "CK"; }
    pin (D) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; };
  }
}
"""


def read(folder: Path) -> liberty.Group:
    return liberty.read(folder / "small.lib")


def check(group: Any) -> None:
    """Names are words, values are text, and groups hold the same again."""
    for name in (group.kind, *group.attributes):
        assert name.split() == [name]
    assert all(isinstance(word, str) for word in group.args)
    assert all(isinstance(value, str) for value in group.attributes.values())
    for inner in group.groups:
        check(inner)


@pytest.fixture
def document(tmp_path: Path) -> Document:
    folder = tmp_path / "valid"
    folder.mkdir()
    (folder / "small.lib").write_text(LIBRARY)
    return Document(folder, "small.lib", read, check)


def test_liberty_takes_any_damage(document: Document, tmp_path: Path) -> None:
    tally = run("liberty", range(1000), 0, tmp_path, {"liberty": (document,)})
    assert tally.failures == []
    assert min(tally.accepted, tally.refused) > 50


@pytest.mark.slow
def test_liberty_takes_any_damage_many_times(document: Document, tmp_path: Path) -> None:
    tally = run("liberty", range(1000, 20_000), 0, tmp_path, {"liberty": (document,)})
    assert tally.failures == []


@pytest.mark.parametrize(
    "line", ["x", " ", "1 ", "/* ", '"', "(", "\\"], ids=lambda line: f"of {line!r}"
)
def test_a_line_of_ten_megabytes(line: str, document: Document, tmp_path: Path) -> None:
    text = LIBRARY.replace("area : 1.5\n", f"area : 1.5\n{line * (10_000_000 // len(line))}\n")
    outcome = outcome_of(document, text.encode(), document.copy_to(tmp_path), limit_s=4)
    assert outcome.kind != "failed", outcome.message


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_byte_order_marks_and_line_ends_change_nothing(
    prefix: bytes, line_end: bytes, document: Document, tmp_path: Path
) -> None:
    place = document.copy_to(tmp_path)
    whole = read(tmp_path)
    place.write_bytes(prefix + LIBRARY.encode().replace(b"\n", line_end))
    assert read(tmp_path) == whole


def test_files_that_end_too_early_are_refused(document: Document, tmp_path: Path) -> None:
    place = document.copy_to(tmp_path)
    for end in range(len(LIBRARY.rstrip())):
        place.write_text(LIBRARY[:end])
        with pytest.raises(InputError) as caught:
            read(tmp_path)
        assert str(place) in caught.value.where


def test_a_comment_that_does_not_end_is_refused(document: Document, tmp_path: Path) -> None:
    """It would hide the rest of the library otherwise."""
    document.copy_to(tmp_path).write_text(LIBRARY + "\n/* the end\n")
    with pytest.raises(InputError, match="a comment that is not closed") as caught:
        read(tmp_path)
    assert caught.value.where.endswith(f":{LIBRARY.count(chr(10)) + 2}")
