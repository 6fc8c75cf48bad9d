"""Value change dumps are read as they are written, damaged ones too."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_stages import vcd
from llm_stages.errors import InputError

DUMP = """$date today $end
$timescale 1ps $end
$scope module tb $end
$var reg 1 ! clk $end
$scope module u $end
$var wire 4 # value [3:0] $end
$upscope $end
$var real 64 % r $end
$upscope $end
$enddefinitions $end
#0
$dumpvars
0!
bx #
r1.5 %
$end
#5
1!
b101 #
#10
0!
"""


def test_signals_and_changes(tmp_path: Path) -> None:
    path = tmp_path / "w.vcd"
    path.write_text(DUMP)
    waves = vcd.read(path)
    assert waves.signals == {"tb.clk": ("!", 1), "tb.u.value": ("#", 4), "tb.r": ("%", 64)}
    assert list(waves.steps()) == [
        (0, {"!": "0", "#": "x"}),
        (5, {"!": "1", "#": "101"}),
        (10, {"!": "0"}),
    ]
    assert waves.extended("tb.u.value", "101") == "0101"
    assert waves.extended("tb.u.value", "x") == "xxxx"


def test_what_is_no_dump_is_an_input_error(tmp_path: Path) -> None:
    for path, content in ((tmp_path / "a.vcd", "hello"), (tmp_path / "absent.vcd", None)):
        if content:
            path.write_text(content)
        with pytest.raises(InputError):
            vcd.read(path)


@settings(deadline=None, max_examples=60)
@given(text=st.text(st.sampled_from("01xzbr#!$ \n59 end"), max_size=120))
def test_any_changes_are_read_or_skipped(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("vcd") / "w.vcd"
    path.write_text(DUMP + text)
    assert len(list(vcd.read(path).steps())) >= 2
