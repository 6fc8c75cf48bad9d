"""Many decimal numbers in a text at once, each as `float` reads it.

A number of up to 15 digits is its digits as a whole number over a power of ten; both are exact, so
that their quotient is the correctly rounded value (W. D. Clinger, "How to read floating point
numbers accurately", PLDI 1990). Others, such as 1e5, are read one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placement_env.netlist import FloatArray, IntArray

_MOST_DIGITS = 15
_LONGEST = _MOST_DIGITS + 1  # With a point.
_TENS = 10.0 ** np.arange(_MOST_DIGITS + 1)
_ZERO, _POINT, _PLUS, _MINUS = b"0.+-"


def decimal(word: str) -> float:
    """The number that a word states, which may be infinite or NaN.

    Python's `float` takes 1_000 and the digits of all scripts as well, which no format does.

    Raises:
        ValueError: It states none.
    """
    if "_" in word or not word.isascii():
        raise ValueError(f"{word!r} is not a decimal number")
    return float(word)


def decimals(codes: NDArray[np.uint8], start: IntArray, end: IntArray) -> FloatArray | None:
    """[W] the numbers at `codes[start:end]`; None where one is no number, or infinite or NaN.

    Args:
        codes: The text, in ASCII.
        start: [W] where each number begins.
        end: [W] where it ends; none is empty.
    """
    sign = codes[start]
    first = start + ((sign == _MINUS) | (sign == _PLUS))
    length = end - first
    whole = np.zeros(start.size, dtype=np.int64)
    digits, places = np.zeros(start.size, dtype=np.int64), np.zeros(start.size, dtype=np.int64)
    after_point = np.zeros(start.size, dtype=bool)
    usual = (length > 0) & (length <= _LONGEST)
    for k in range(min(int(length.max(initial=0)), _LONGEST)):
        inside = k < length
        code = codes[np.minimum(first + k, codes.size - 1)]
        value = code - np.uint8(_ZERO)  # Wraps around below zero.
        is_digit, is_point = inside & (value < 10), inside & (code == _POINT)
        usual &= ~inside | is_digit | (is_point & ~after_point)
        whole = np.where(is_digit, 10 * whole + value, whole)
        digits += is_digit
        places += is_digit & after_point
        after_point |= is_point
    usual &= (digits > 0) & (digits <= _MOST_DIGITS)
    number = whole / _TENS[np.minimum(places, _MOST_DIGITS)]
    number[sign == _MINUS] *= -1
    for k in np.flatnonzero(~usual).tolist():
        try:
            number[k] = decimal(codes[start[k] : end[k]].tobytes().decode("ascii"))
        except ValueError:
            return None
    return number if np.isfinite(number).all() else None
