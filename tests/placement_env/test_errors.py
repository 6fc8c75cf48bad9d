from __future__ import annotations

from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = InputError("a is wrong", where="f.nodes:3", hint="mend it")
    assert str(error) == "a is wrong\n  at: f.nodes:3\n  try: mend it"
    assert str(InputError("a is wrong")) == "a is wrong"


def test_errors_about_damaged_files_stay_short() -> None:
    line = "a" + "x" * 10_000_000 + "z"
    error = InputError(f"first\nfound {line}", where=line, hint=line)
    assert len(str(error)) < 3000
    assert error.message.startswith("first\nfound axxx")
    assert error.message.endswith("xxxz")
    assert error.args == (error.message,)
    # Many lines of a log are no damage.
    log = "\n".join(["a line of a log"] * 1000)
    assert InputError(log).message == log


def test_hints_for_damaged_words() -> None:
    assert did_you_mean("clkk", ["clk", "rst"]) == "did you mean clk?"
    # Comparing this one would take hours.
    assert did_you_mean("clk" * 3_000_000, ["clk", "clk" * 2_999_999]) == ""
