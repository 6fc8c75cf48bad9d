"""Parses the body of one structural Verilog module.

Gate-level netlists consist of declarations, instances with named connections and plain `assign`s.
The usual instance, whose pins all connect to single nets, is cut up by slicing; the rest goes
through the expressions of `VerilogNets`.
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
    def_name,
    plain_name,
)
from placement_env.formats.net_aliases import ShortError, merge_aliases
from placement_env.formats.verilog_nets import VerilogNets
from placement_env.formats.verilog_tokens import VerilogTokens

_DIRECTIONS = {"input": "INPUT", "output": "OUTPUT", "inout": "INOUT"}
_NET_TYPES = frozenset({"wire", "tri", "wand", "wor", "supply0", "supply1", "logic"})
_BEHAVIOURAL = frozenset(
    {"always", "always_comb", "always_ff", "always_latch", "initial", "reg", "integer", "real"}
    | {"time", "event", "function", "task", "generate", "genvar", "for", "if", "case", "specify"}
)


class ModuleParser:
    """Parses `words[start:end]`, the words after `module` up to `endmodule`."""

    def __init__(self, tokens: VerilogTokens, start: int, end: int) -> None:
        self.tokens = tokens
        self.words = tokens.words
        self.start = start
        self.at = start
        self.end = end
        self.nets = VerilogNets(tokens)
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
                self.header.append(self.nets.identifier(ports[offset], at + 1 + offset))
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
                limits, offset = self.nets.read_range(words, offset, at)
            if offset >= len(words) or not direction:
                self._fail(
                    "expected a port name in the port list", at + min(offset, len(words) - 1)
                )
            token = self.nets.identifier(words[offset], at + offset)
            self.header.append(token)
            self.directions[token] = direction
            self.nets.declare(token, limits, at + offset)
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
        limits, offset = self.nets.read_range(words, offset, at)
        while offset < len(words):
            token = self.nets.identifier(words[offset], at + offset)
            if words[0] in _DIRECTIONS:
                if token in self.directions:
                    self._fail(f"port {plain_name(token)} is declared twice", at + offset)
                self.directions[token] = _DIRECTIONS[words[0]]
            self.nets.declare(token, limits, at + offset)
            if kind in ("supply0", "supply1"):
                tied = CONSTANT_ZERO if kind == "supply0" else CONSTANT_ONE
                self.aliases += [(net, tied, at) for net in self.nets.bits_of[token]]
            offset += 1
            if offset < len(words) and words[offset] == "=":
                stop = self.nets.comma(words, offset)
                self._join(
                    list(self.nets.bits_of[token]), words[offset + 1 : stop], at + offset + 1
                )
                offset = stop
            if offset < len(words) and words[offset] != ",":
                self._fail(
                    f"expected , or ; in a declaration, found {words[offset]!r}", at + offset
                )
            offset += 1

    # Instances

    def _instance(self, words: list[str], at: int) -> None:
        """`CELL name (.A(n1), .B({n2, n3[1:0]}))`."""
        cell = self.nets.identifier(words[0], at)
        offset = 1
        if words[offset : offset + 1] == ["#"]:
            offset = self.nets.closing(words, offset + 1, at) + 1
        if len(words) < offset + 3 or words[offset + 1] != "(" or words[-1] != ")":
            self._fail(
                f"expected {plain_name(cell)} name (.PIN(net), ...);, "
                f"found {' '.join(words[:6])!r}",
                at,
            )
        self.instance_name.append(def_name(self.nets.identifier(words[offset], at + offset)))
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
                bits = self.nets.bits_of.get(token)
                self._connect(pin, bits or self.nets.bits([token], at))
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
            stop = self.nets.closing(body, offset + 2, at)
            inner = body[offset + 3 : stop]
            self._connect(pin, self.nets.bits(inner, at + offset + 3) if inner else (OPEN,))
            offset = stop + 1
            if offset < len(body) and body[offset] != ",":
                self._fail(f"expected , between connections, found {body[offset]!r}", at + offset)
            offset += 1

    def _connect(self, pin: str, bits: tuple[int, ...] | list[int]) -> None:
        self.connection_pin.append(plain_name(pin))
        self.bit_net.extend(bits)
        self.bit_start.append(len(self.bit_net))

    # Aliases

    def _assign(self, words: list[str], at: int) -> None:
        """`assign a = b, c = d`."""
        offset = 0
        while offset < len(words):
            stop = self.nets.comma(words, offset)
            if "=" not in words[offset:stop]:
                self._fail("expected = in an assign", at + offset)
            equals = words.index("=", offset)
            left = self.nets.bits(words[offset:equals], at + offset)
            self._join(left, words[equals + 1 : stop], at + equals + 1)
            offset = stop + 1

    def _join(self, left: list[int], words: list[str], at: int) -> None:
        right = self.nets.bits(words, at)
        if len(left) != len(right):
            self._fail(f"an assign of {len(right)} bits to {len(left)} bits", at)
        self.aliases += [(a, b, at) for a, b in zip(left, right, strict=True)]

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
        rank = [2] * len(self.nets.name)
        for token, direction in self.directions.items():
            for net in self.nets.bits_of[token]:
                rank[net] = 0 if direction == "INPUT" else 1
        try:
            becomes = merge_aliases(
                len(self.nets.name),
                [(left, right) for left, right, _ in self.aliases],
                rank,
                (CONSTANT_ZERO, CONSTANT_ONE),
            )
        except ShortError as short:
            left, right, at = self.aliases[short.args[0]]
            culprit = self.nets.name[left if left >= 0 else right]
            self._fail(f"{culprit} is tied to both 0 and 1", at)
        # Appended so that OPEN, ZERO and ONE (-3, -2, -1 as indices) map to themselves.
        lookup = np.array([*becomes, OPEN, CONSTANT_ONE, CONSTANT_ZERO], dtype=np.int64)
        bit_net = lookup[np.array(self.bit_net, dtype=np.int64)]
        port_nets = {
            token: lookup[np.array(self.nets.bits_of[token], dtype=np.int64)]
            for token in self.header
        }
        used = np.zeros(len(self.nets.name), dtype=bool)
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
                    tuple(self.nets.name[net] for net in self.nets.bits_of[token]),
                    tuple(number[port_nets[token]].tolist()),
                )
                for token in self.header
            ),
            net_name=tuple(self.nets.name[net] for net in kept.tolist()),
            instance_name=tuple(self.instance_name),
            instance_cell=tuple(self.instance_cell),
            connection_start=np.array(self.connection_start, dtype=np.int64),
            connection_pin=tuple(self.connection_pin),
            bit_start=np.array(self.bit_start, dtype=np.int64),
            bit_net=number[bit_net],
            source=self.tokens.path,
        )

    def _fail(self, message: str, at: int, hint: str = "") -> NoReturn:
        self.tokens.fail(message, at, hint=hint)
