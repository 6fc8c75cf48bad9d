"""The nets of one Verilog module: their declarations and the expressions that name them.

Gate-level Verilog knows names, bit and part selects, sized constants, concatenations and
replications; anything else is refused.
"""

from __future__ import annotations

from typing import NoReturn

from placement_env.did_you_mean import did_you_mean
from placement_env.formats.gate_module import (
    CONSTANT_ONE,
    CONSTANT_ZERO,
    OPEN,
    canonical,
    def_name,
    plain_name,
)
from placement_env.formats.verilog_tokens import VerilogTokens

_DIGITS = {"b": (1, "01"), "o": (3, "01234567"), "h": (4, "0123456789abcdef")}
_CONSTANTS = {"0": CONSTANT_ZERO, "1": CONSTANT_ONE}
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
#: Wider vectors are taken for a slip, before they fill the memory.
_WIDEST = 1 << 17


class VerilogNets:
    """Nets by name; `at` is always the index of the first word given, for messages.

    Attributes:
        name: [E] name of each net, as DEF spells it.
        bits_of: Nets of each identifier, most significant first.
        range_of: (msb, lsb) of the identifiers that are vectors.
    """

    def __init__(self, tokens: VerilogTokens) -> None:
        self.tokens = tokens
        self.name: list[str] = []
        self.bits_of: dict[str, tuple[int, ...]] = {}
        self.range_of: dict[str, tuple[int, int]] = {}

    def declare(self, token: str, limits: tuple[int, int] | None, at: int) -> None:
        """Add a scalar or a vector; saying the same twice does no harm."""
        if token in self.bits_of:
            if self.range_of.get(token) == limits:
                return
            self._fail(f"{plain_name(token)} is declared twice, with two ranges", at)
        first = len(self.name)
        name = def_name(token)
        if limits is None:
            self.name.append(name)
        else:
            msb, lsb = limits
            if abs(msb - lsb) >= _WIDEST:
                self._fail(f"{plain_name(token)}[{msb}:{lsb}] is too wide", at)
            step = -1 if msb >= lsb else 1
            self.name += [f"{name}[{bit}]" for bit in range(msb, lsb + step, step)]
            self.range_of[token] = limits
        self.bits_of[token] = tuple(range(first, len(self.name)))

    def read_range(
        self, words: list[str], offset: int, at: int
    ) -> tuple[tuple[int, int] | None, int]:
        """`[msb:lsb]` if it is there, and the offset after it."""
        if offset >= len(words) or words[offset] != "[":
            return None, offset
        part = words[offset : offset + 5]
        if part[2::2] == [":", "]"] and _is_index(part[1]) and _is_index(part[3]):
            return (int(part[1]), int(part[3])), offset + 5
        self._fail(f"expected [msb:lsb], found {' '.join(part)!r}", at + offset)

    def bits(self, words: list[str], at: int) -> list[int]:
        """The nets of an expression: a name, a select, a constant or a concatenation."""
        bits, offset = self._term(words, 0, at)
        if offset != len(words):
            self._fail(
                f"{words[offset]!r} in an expression is not gate level",
                at + offset,
                "only names, selects, constants and concatenations; synthesise the design first",
            )
        return bits

    def _term(self, words: list[str], offset: int, at: int) -> tuple[list[int], int]:
        """One operand from `offset` on, and the offset after it."""
        if offset >= len(words):
            self._fail("expected a net", at + max(len(words) - 1, 0))
        word = words[offset]
        if word == "{":
            return self._concatenation(words, offset, at)
        if word[0].isdigit() or word[0] == "'":
            return self._constant(word, at + offset), offset + 1
        token = self.identifier(word, at + offset)
        if token not in self.bits_of:
            if words[offset + 1 : offset + 2] == ["["]:
                near = did_you_mean(token, self.bits_of)
                self._fail(f"{plain_name(token)} is not declared", at + offset, near)
            self.declare(token, None, at + offset)
        nets = list(self.bits_of[token])
        if words[offset + 1 : offset + 2] != ["["]:
            return nets, offset + 1
        if token not in self.range_of:
            self._fail(f"{plain_name(token)} is one bit and has no [", at + offset)
        close = self.closing(words, offset + 1, at)
        select = words[offset + 2 : close]
        first, last = select[0:1], select[2:3] or select[0:1]
        if len(select) not in (1, 3) or not _is_index((first + last or [""])[0]):
            self._fail(f"expected [bit] or [msb:lsb] after {plain_name(token)}", at + offset + 1)
        if len(select) == 3 and (select[1] != ":" or not _is_index(last[0])):
            self._fail(f"expected [msb:lsb] after {plain_name(token)}", at + offset + 1)
        msb, lsb = self.range_of[token]
        positions = [abs(int(bit[0]) - msb) for bit in (first, last)]
        low, high = min(msb, lsb), max(msb, lsb)
        if not all(low <= int(bit[0]) <= high for bit in (first, last)) or positions != sorted(
            positions
        ):
            self._fail(
                f"[{':'.join(select[::2])}] is not within {plain_name(token)}[{msb}:{lsb}]",
                at + offset + 1,
            )
        return nets[positions[0] : positions[1] + 1], close + 1

    def _concatenation(self, words: list[str], offset: int, at: int) -> tuple[list[int], int]:
        """`{a, b[1:0], 1'b0}` or `{4{a}}`."""
        close = self.closing(words, offset, at)
        if _is_index(words[offset + 1]) and words[offset + 2 : offset + 3] == ["{"]:
            bits, after = self._concatenation(words, offset + 2, at)
            if after != close:
                self._fail("expected } after a replication", at + after)
            times = int(words[offset + 1])
            if times * len(bits) > _WIDEST:
                self._fail(f"a replication of {times} is too wide", at + offset)
            return bits * times, close + 1
        bits: list[int] = []
        offset += 1
        while offset < close:
            part, offset = self._term(words, offset, at)
            bits += part
            if offset < close and words[offset] != ",":
                self._fail(f"expected , in a concatenation, found {words[offset]!r}", at + offset)
            offset += 1
        return bits, close + 1

    def _constant(self, word: str, at: int) -> list[int]:
        """A sized number as bits; x and z are open."""
        size, tick, digits = "".join(word.lower().replace("_", "").split()).partition("'")
        if not tick or not _is_index(size) or not 0 < int(size) <= _WIDEST:
            self._fail(f"the constant {word} has no usable width", at, "give it one, such as 1'b0")
        width = int(size)
        digits = digits.removeprefix("s")
        base, digits = digits[0], digits[1:]
        if base == "d":
            if not _is_index(digits):
                self._fail(f"{word} has a digit that is not of its base", at)
            bits = format(int(digits), "b")
        else:
            step, allowed = _DIGITS[base]
            if odd := set(digits) - set(allowed + "xz?"):
                self._fail(f"{word} has the digit {min(odd)}, which is not of its base", at)
            bits = "".join(
                "x" * step if digit in "xz?" else format(int(digit, 16), f"0{step}b")
                for digit in digits
            )
        bits = bits.rjust(width, "x" if bits[:1] == "x" else "0")[-width:]
        return [_CONSTANTS.get(bit, OPEN) for bit in bits]

    def identifier(self, word: str, at: int) -> str:
        """A name; an escaped identifier that needs no escape is the same as the plain one."""
        if word.startswith("\\"):
            return canonical(word)
        if not (word[0].isalpha() or word[0] == "_"):
            self._fail(f"expected a name, found {word!r}", at)
        return word

    def closing(self, words: list[str], offset: int, at: int) -> int:
        """Offset of the bracket that closes the one at `offset`."""
        pairs = {"(": ")", "[": "]", "{": "}"}
        if offset >= len(words) or words[offset] not in pairs:
            self._fail("expected a bracket", at + min(offset, len(words) - 1))
        opening, closing = words[offset], pairs[words[offset]]
        depth = 0
        for index in range(offset, len(words)):
            if words[index] == opening:
                depth += 1
            elif words[index] == closing:
                depth -= 1
                if depth == 0:
                    return index
        self._fail(f"{opening} is not closed", at + offset)

    def comma(self, words: list[str], offset: int) -> int:
        """Offset of the next comma that is in no bracket; the end if there is none."""
        depth = 0
        for index in range(offset, len(words)):
            if words[index] in _OPENING:
                depth += 1
            elif words[index] in _CLOSING:
                depth -= 1
            elif words[index] == "," and depth == 0:
                return index
        return len(words)

    def _fail(self, message: str, at: int, hint: str = "") -> NoReturn:
        self.tokens.fail(message, at, hint=hint)


def _is_index(word: str) -> bool:
    """The word is a plain number of sensible length."""
    return word.isdecimal() and len(word) <= 12
