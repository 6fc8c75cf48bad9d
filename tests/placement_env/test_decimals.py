from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.formats.decimals import decimal, decimals
from placement_env.netlist import FloatArray


def read(words: list[str]) -> FloatArray | None:
    text = " ".join(words).encode()
    length = np.array([len(word) for word in words], dtype=np.int64)
    start = np.cumsum(length + 1) - length - 1
    return decimals(np.frombuffer(text, dtype=np.uint8), start, start + length)


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-(10**9), 10**9, places=4).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["0", "-0", "+7", ".5", "5.", "-.25", "1e5", "-1.5E-3", "00012"]),
    st.from_regex(r"[-+]?[0-9]{0,18}\.[0-9]{1,18}", fullmatch=True),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_numbers_are_read_as_python_reads_them(words: list[str]) -> None:
    expected = np.array([float(word) for word in words])
    found = read(words)
    assert found is not None
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "word", ["x", "-", ".", "1.2.3", "1-2", "nan", "inf", "1e400", "--1", ":", "1_0", "_1"]
)
def test_what_is_no_finite_number_is_refused(word: str) -> None:
    assert read(["1", word, "2"]) is None


@pytest.mark.parametrize("word", ["1_000", "1_0.5", "½", "٣", "１２", "x", ""])
def test_what_only_python_takes_for_a_number_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decimal(word)


def test_no_numbers() -> None:
    found = decimals(np.zeros(1, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert found is not None
    assert found.size == 0
