"""Parses the body of one structural Verilog module.

Gate-level netlists consist of declarations, instances with named connections and plain `assign`s.
The usual instance, whose pins all connect to single nets, is cut up by slicing; the rest goes
through a small recursive parser of net expressions.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from placement_env.formats.gate_module import (
    CONSTANT_ONE,
    CONSTANT_ZERO,
    OPEN,
    GateModule,
    GatePort,
    canonical,
    def_name,
    plain_name,
)
from placement_env.formats.net_aliases import ShortError, merge_aliases
from placement_env.formats.textfile import did_you_mean
from placement_env.formats.verilog_tokens import VerilogTokens

_DIRECTIONS = {"input": "INPUT", "output": "OUTPUT", "inout": "INOUT"}
_NET_TYPES = frozenset({"wire", "tri", "wand", "wor", "supply0", "supply1", "logic"})
_BEHAVIOURAL = frozenset(
    {"always", "always_comb", "always_ff", "always_latch", "initial", "reg", "integer", "real"}
    | {"time", "event", "function", "task", "generate", "genvar", "for", "if", "case", "specify"}
)
_DIGIT_BITS = {"b": 1, "o": 3, "h": 4}
_CONSTANTS = {"0": CONSTANT_ZERO, "1": CONSTANT_ONE}


class ModuleParser:
    """Parses `words[start:end]`, the words after `module` up to `endmodule`."""

    def __init__(self, tokens: VerilogTokens, start: int, end: int) -> None:
        self.tokens = tokens
        self.words = tokens.words
        self.start = start
        self.at = start
        self.end = end
        # Vectors by token: their nets, most significant first, and the index of the first.
        self.bits_of: dict[str, tuple[int, ...]] = {}
        self.range_of: dict[str, tuple[int, int]] = {}
        self.net_name: list[str] = []
        self.directions: dict[str, str] = {}
        self.header: list[str] = []
        self.instance_name: list[str] = []
        self.instance_cell: list[str] = []
        self.instance_at: list[int] = []
        self.connection_start: list[int] = [0]
        self.connection_pin: list[str] = []
        self.bit_start: list[int] = [0]
        self.bit_net: list[int] = []
        self.aliases: list[tuple[int, int, int]] = []

    def parse(self) -> GateModule:
        """The module with nets joined by `assign` merged into one."""
        name = def_name(self.words[self.at])
        self.at += 1
        self._read_header()
        while self.at < self.end:
            self._read_statement()
        self._check_names()
        return self._finish(name)

    # Statements

    def _read_header(self) -> None:
        at = self.at
        header = self._statement()
        if header[:1] == ["#"]:
            self._fail("a module with parameters is not gate level", at, "synthesise it first")
        if not header:
            return
        if header[0] != "(" or header[-1] != ")":
            self._fail(f"expected a port list, found {' '.join(header[:4])!r}", at)
        ports = header[1:-1]
        if any(word in _DIRECTIONS for word in ports):
            self._declare_ansi_ports(ports, at + 1)
        else:
            for offset in range(0, len(ports), 2):
                self.header.append(self._identifier(ports[offset], at + 1 + offset))
                if offset + 1 < len(ports) and ports[offset + 1] != ",":
                    self._fail(
                        f"expected , in the port list, found {ports[offset + 1]!r}", at + offset + 2
                    )

    def _read_statement(self) -> None:
        at = self.at
        words = self._statement()
        if not words:
            return
        first = words[0]
        if first in _DIRECTIONS or first in _NET_TYPES:
            self._declare(words, at)
        elif first == "assign":
            self._assign(words[1:], at + 1)
        elif first == "defparam":
            return
        elif first in _BEHAVIOURAL:
            self._fail(
                f"{first!r} is not gate level", at, "synthesise the design, then read the result"
            )
        else:
            self._instance(words, at)

    def _statement(self) -> list[str]:
        """The words up to the next `;`, which is taken as well but not given."""
        try:
            end = self.words.index(";", self.at, self.end)
        except ValueError:
            self._fail(
                "a statement before endmodule has no ;",
                self.at,
                "the file was probably cut off; fetch or write it again",
            )
        words = self.words[self.at : end]
        self.at = end + 1
        return words

    # Declarations

    def _declare_ansi_ports(self, words: list[str], at: int) -> None:
        """`input [3:0] a, b, output c`: a direction and a range hold until the next direction."""
        offset = 0
        direction, limits = "", None
        while offset < len(words):
            if words[offset] in _DIRECTIONS:
                direction = _DIRECTIONS[words[offset]]
                offset += 1
                while offset < len(words) and words[offset] in _NET_TYPES:
                    offset += 1
                limits, offset = self._range(words, offset, at)
            if offset >= len(words) or not direction:
                self._fail(
                    "expected a port name in the port list", at + min(offset, len(words) - 1)
                )
            token = self._identifier(words[offset], at + offset)
            self.header.append(token)
            self.directions[token] = direction
            self._declare_net(token, limits, at + offset)
            offset += 1
            if offset < len(words) and words[offset] != ",":
                self._fail(f"expected , in the port list, found {words[offset]!r}", at + offset)
            offset += 1

    def _declare(self, words: list[str], at: int) -> None:
        """`input [3:0] a, b` or `wire c = d`."""
        offset = 1
        kind = words[0]
        while offset < len(words) and (words[offset] in _NET_TYPES or words[offset] == "signed"):
            kind = words[offset] if kind == "wire" else kind
            offset += 1
        limits, offset = self._range(words, offset, at)
        while offset < len(words):
            token = self._identifier(words[offset], at + offset)
            if words[0] in _DIRECTIONS:
                if token in self.directions:
                    self._fail(f"port {plain_name(token)} is declared twice", at + offset)
                self.directions[token] = _DIRECTIONS[words[0]]
            self._declare_net(token, limits, at + offset)
            if kind in ("supply0", "supply1"):
                tied = CONSTANT_ZERO if kind == "supply0" else CONSTANT_ONE
                self.aliases += [(net, tied, at) for net in self.bits_of[token]]
            offset += 1
            if offset < len(words) and words[offset] == "=":
                stop = self._comma(words, offset)
                self._join(list(self.bits_of[token]), words[offset + 1 : stop], at + offset + 1)
                offset = stop
            if offset < len(words) and words[offset] != ",":
                self._fail(
                    f"expected , or ; in a declaration, found {words[offset]!r}", at + offset
                )
            offset += 1

    def _range(self, words: list[str], offset: int, at: int) -> tuple[tuple[int, int] | None, int]:
        """`[msb:lsb]` if it is there, and the offset after it."""
        if offset >= len(words) or words[offset] != "[":
            return None, offset
        part = words[offset : offset + 5]
        if part[2::2] == [":", "]"] and part[1].isdecimal() and part[3].isdecimal():
            return (int(part[1]), int(part[3])), offset + 5
        self._fail(f"expected [msb:lsb], found {' '.join(part)!r}", at + offset)

    def _declare_net(self, token: str, limits: tuple[int, int] | None, at: int) -> None:
        if token in self.bits_of:
            if self.range_of.get(token) == limits:
                return
            self._fail(f"{plain_name(token)} is declared twice, with two ranges", at)
        first = len(self.net_name)
        name = def_name(token)
        if limits is None:
            self.net_name.append(name)
        else:
            msb, lsb = limits
            step = -1 if msb >= lsb else 1
            self.net_name += [f"{name}[{bit}]" for bit in range(msb, lsb + step, step)]
            self.range_of[token] = limits
        self.bits_of[token] = tuple(range(first, len(self.net_name)))

    # Instances

    def _instance(self, words: list[str], at: int) -> None:
        """`CELL name (.A(n1), .B({n2, n3[1:0]}))`."""
        cell = self._identifier(words[0], at)
        offset = 1
        if words[offset : offset + 1] == ["#"]:
            offset = self._closing(words, offset + 1, at) + 1
        if len(words) < offset + 3 or words[offset + 1] != "(" or words[-1] != ")":
            self._fail(
                f"expected {plain_name(cell)} name (.PIN(net), ...);, "
                f"found {' '.join(words[:6])!r}",
                at,
            )
        self.instance_name.append(def_name(self._identifier(words[offset], at + offset)))
        self.instance_cell.append(plain_name(cell))
        self.instance_at.append(at)
        body = words[offset + 2 : -1]
        simple, rest = divmod(len(body) + 1, 6)
        if (
            rest == 0
            and body[0::6].count(".") == simple
            and body[2::6].count("(") == simple
            and body[4::6].count(")") == simple
            and body[5::6].count(",") == simple - 1
        ):
            for pin, token in zip(body[1::6], body[3::6], strict=True):
                bits = self.bits_of.get(token)
                self._connect(pin, bits or self._bits([token], at))
        elif body:
            self._connections(body, at + offset + 2)
        self.connection_start.append(len(self.connection_pin))

    def _connections(self, body: list[str], at: int) -> None:
        """Named connections of any form."""
        offset = 0
        while offset < len(body):
            if body[offset] != "." or body[offset + 2 : offset + 3] != ["("]:
                self._fail(
                    f"expected a connection .PIN(net), found {body[offset]!r}",
                    at + offset,
                    "connections by position need the cell's port order; write them by name",
                )
            pin = body[offset + 1]
            stop = self._closing(body, offset + 2, at)
            inner = body[offset + 3 : stop]
            self._connect(pin, self._bits(inner, at + offset + 3) if inner else (OPEN,))
            offset = stop + 1
            if offset < len(body) and body[offset] != ",":
                self._fail(f"expected , between connections, found {body[offset]!r}", at + offset)
            offset += 1

    def _connect(self, pin: str, bits: tuple[int, ...] | list[int]) -> None:
        self.connection_pin.append(plain_name(pin))
        self.bit_net.extend(bits)
        self.bit_start.append(len(self.bit_net))

    # Net expressions

    def _assign(self, words: list[str], at: int) -> None:
        """`assign a = b, c = d`."""
        offset = 0
        while offset < len(words):
            stop = self._comma(words, offset)
            if "=" not in words[offset:stop]:
                self._fail("expected = in an assign", at + offset)
            equals = words.index("=", offset)
            left = self._bits(words[offset:equals], at + offset)
            self._join(left, words[equals + 1 : stop], at + equals + 1)
            offset = stop + 1

    def _join(self, left: list[int], words: list[str], at: int) -> None:
        right = self._bits(words, at)
        if len(left) != len(right):
            self._fail(f"an assign of {len(right)} bits to {len(left)} bits", at)
        self.aliases += [(a, b, at) for a, b in zip(left, right, strict=True)]

    def _bits(self, words: list[str], at: int) -> list[int]:
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
        token = self._identifier(word, at + offset)
        if token not in self.bits_of:
            if words[offset + 1 : offset + 2] == ["["]:
                near = did_you_mean(token, self.bits_of)
                self._fail(f"{plain_name(token)} is not declared", at + offset, near)
            self._declare_net(token, None, at + offset)
        nets = list(self.bits_of[token])
        if words[offset + 1 : offset + 2] != ["["]:
            return nets, offset + 1
        if token not in self.range_of:
            self._fail(f"{plain_name(token)} is one bit and has no [", at + offset)
        close = self._closing(words, offset + 1, at)
        select = words[offset + 2 : close]
        first, last = select[0:1], select[2:3] or select[0:1]
        if len(select) not in (1, 3) or not (first + last)[0].isdecimal():
            self._fail(f"expected [bit] or [msb:lsb] after {plain_name(token)}", at + offset + 1)
        if len(select) == 3 and (select[1] != ":" or not last[0].isdecimal()):
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
        close = self._closing(words, offset, at)
        if words[offset + 1].isdecimal() and words[offset + 2 : offset + 3] == ["{"]:
            bits, after = self._concatenation(words, offset + 2, at)
            if after != close:
                self._fail("expected } after a replication", at + after)
            return bits * int(words[offset + 1]), close + 1
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
        size, tick, digits = word.replace("_", "").lower().replace(" ", "").partition("'")
        digits = digits.removeprefix("s")
        if not tick or not size or not int(size):
            self._fail(f"the constant {word} has no width", at, f"write it as {len(word)}'d{word}")
        width, base, digits = int(size), digits[0], digits[1:].strip()
        if base == "d":
            if not digits.isdecimal():
                self._fail(f"{word} is not a constant of gates", at)
            bits = bin(int(digits))[2:]
        else:
            bits = ""
            for digit in digits:
                if digit in "xz?":
                    bits += "x" * _DIGIT_BITS[base]
                elif digit in "01" or base in "oh":
                    bits += format(int(digit, 16), f"0{_DIGIT_BITS[base]}b")
                else:
                    self._fail(f"{word} has a digit that is not of its base", at)
        bits = bits.rjust(width, "x" if bits[:1] == "x" else "0")[-width:]
        return [_CONSTANTS.get(bit, OPEN) for bit in bits]

    # The end

    def _check_names(self) -> None:
        for token in self.header:
            if token not in self.directions:
                self._fail(
                    f"port {plain_name(token)} is in the header but declared nowhere",
                    self.start,
                    "declare it as input, output or inout",
                )
        if len(self.header) != len(self.directions) or len(set(self.header)) != len(self.header):
            listed = set(self.header)
            odd = [token for token in self.directions if token not in listed] or self.header
            self._fail(f"port {plain_name(odd[0])} is not in the header once", self.start)
        if len(set(self.instance_name)) == len(self.instance_name):
            return
        seen: set[str] = set()
        for name, at in zip(self.instance_name, self.instance_at, strict=True):
            if name in seen:
                self._fail(f"instance {name} comes twice", at, "names must be unique")
            seen.add(name)

    def _finish(self, name: str) -> GateModule:
        rank = [2] * len(self.net_name)
        for token, direction in self.directions.items():
            for net in self.bits_of[token]:
                rank[net] = 0 if direction == "INPUT" else 1
        try:
            becomes = merge_aliases(
                len(self.net_name),
                [(left, right) for left, right, _ in self.aliases],
                rank,
                (CONSTANT_ZERO, CONSTANT_ONE),
            )
        except ShortError as short:
            left, right, at = self.aliases[short.args[0]]
            culprit = self.net_name[left if left >= 0 else right]
            self._fail(f"{culprit} is tied to both 0 and 1", at)
        # Appended so that OPEN, ZERO and ONE (-3, -2, -1 as indices) map to themselves.
        lookup = np.array([*becomes, OPEN, CONSTANT_ONE, CONSTANT_ZERO], dtype=np.int64)
        bit_net = lookup[np.array(self.bit_net, dtype=np.int64)]
        port_nets = {
            token: lookup[np.array(self.bits_of[token], dtype=np.int64)] for token in self.header
        }
        used = np.zeros(len(self.net_name), dtype=bool)
        for nets in (bit_net, *port_nets.values()):
            used[nets[nets >= 0]] = True
        kept = np.flatnonzero(used)
        number = np.full(len(lookup), OPEN, dtype=np.int64)
        number[kept] = np.arange(len(kept))
        number[-3:] = [OPEN, CONSTANT_ONE, CONSTANT_ZERO]
        return GateModule(
            name=name,
            ports=tuple(
                GatePort(
                    def_name(token),
                    self.directions[token],
                    tuple(self.net_name[net] for net in self.bits_of[token]),
                    tuple(number[port_nets[token]].tolist()),
                )
                for token in self.header
            ),
            net_name=tuple(self.net_name[net] for net in kept.tolist()),
            instance_name=tuple(self.instance_name),
            instance_cell=tuple(self.instance_cell),
            connection_start=np.array(self.connection_start, dtype=np.int64),
            connection_pin=tuple(self.connection_pin),
            bit_start=np.array(self.bit_start, dtype=np.int64),
            bit_net=number[bit_net],
            source=self.tokens.path,
        )

    # Pieces

    def _identifier(self, word: str, at: int) -> str:
        """A name; an escaped identifier that needs no escape is the same as the plain one."""
        if word.startswith("\\"):
            return canonical(word)
        if not (word[0].isalpha() or word[0] == "_"):
            self._fail(f"expected a name, found {word!r}", at)
        return word

    def _closing(self, words: list[str], offset: int, at: int) -> int:
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

    def _comma(self, words: list[str], offset: int) -> int:
        """Offset of the next comma that is in no bracket; the end if there is none."""
        depth = 0
        for index in range(offset, len(words)):
            if words[index] in "([{":
                depth += 1
            elif words[index] in ")]}":
                depth -= 1
            elif words[index] == "," and depth == 0:
                return index
        return len(words)

    def _fail(self, message: str, at: int, hint: str = "") -> NoReturn:
        self.tokens.fail(message, at, hint=hint)
