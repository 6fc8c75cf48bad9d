"""Edits are made where their text is found once; notes stay short."""

from __future__ import annotations

import pytest

from llm_stages.edits import apply
from llm_stages.edits import read as read_edits
from llm_stages.errors import WrongAnswer
from llm_stages.notes import MOST_BYTES as MOST_BYTES_OF_NOTES
from llm_stages.notes import Notes


def test_edits_are_made_where_the_text_is_found_once() -> None:
    source = "module top;\n  assign a = b;\n  assign c = b;\nendmodule\n"

    def changed(old: str, new: str) -> str:
        block = f"Text\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
        return apply(source, read_edits(block, "top"))

    assert "assign a = d;" in changed("assign a = b;", "assign a = d;")
    assert "assign a = d;" in changed("assign   a =\n b;", "assign a = d;")
    assert "assign a = d;" in changed("   2   assign a = b;", "  assign a = d;")
    for old, message in (("= b;", "in 2 places"), ("assign x", "is not in the source")):
        with pytest.raises(WrongAnswer, match=message):
            changed(old, "y")
    assert changed("assign a = b;", "assign a = b;") == source
    with pytest.raises(WrongAnswer, match="empty"):
        changed("", "y")
    with pytest.raises(WrongAnswer, match="neither"):
        read_edits("I would rather not.", "top")
    whole = read_edits("```verilog\nmodule top; endmodule\n```", "top")
    assert apply(source, whole) == "module top; endmodule\n"


def test_notes_stay_short_and_forget_the_oldest_first() -> None:
    notes = Notes().with_fact("q is right up to cycle 4")
    for number in range(200):
        notes = notes.with_refuted(f"attempt number {number} of many")
    text = notes.text()
    assert len(text.encode()) <= MOST_BYTES_OF_NOTES
    assert "q is right up to cycle 4" in text
    assert "number 199 " in text
    assert "number 3 " not in text
    assert Notes().text() == ""
