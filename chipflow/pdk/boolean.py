"""Boolean expressions of Liberty: parse, evaluate, write as Verilog.

Syntax (Liberty Reference Manual, "function"): `!A` or `A'` inverts, `*`, `&` or a space is AND,
`+` or `|` is OR, `^` is XOR. Inversion binds tightest, then XOR, AND, OR.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w\[\]]*)|([01])|([!'^*&+|()]))")


@dataclass(frozen=True)
class Expr:
    """A node: `op` is "name", "const", "!", "&", "|" or "^".

    Attributes:
        op: What the node is.
        args: Its operands.
        name: The variable's name, or "0" or "1".
    """

    op: str
    args: tuple[Expr, ...] = ()
    name: str = ""

    def variables(self) -> list[str]:
        """Names that occur in the expression, in order of first appearance."""
        own = [self.name] if self.op == "name" else []
        return list(dict.fromkeys(own + [v for arg in self.args for v in arg.variables()]))

    def evaluate(self, values: Mapping[str, bool]) -> bool:
        """The value for given values of all variables."""
        match self.op:
            case "name":
                return values[self.name]
            case "const":
                return self.name == "1"
            case "!":
                return not self.args[0].evaluate(values)
        left, right = (arg.evaluate(values) for arg in self.args)
        if self.op == "&":
            return left and right
        return left or right if self.op == "|" else left != right

    def verilog(self) -> str:
        """The expression as Verilog, fully parenthesised."""
        match self.op:
            case "name":
                return self.name
            case "const":
                return f"1'b{self.name}"
            case "!":
                return f"(~{self.args[0].verilog()})"
        left, right = (arg.verilog() for arg in self.args)
        return f"({left} {self.op} {right})"


def parse(text: str) -> Expr:
    """Parse an expression.

    Raises:
        ValueError: It does not follow the syntax.
    """
    tokens = _tokens(text)
    expr, rest = _either(tokens)
    if rest:
        raise ValueError(f"unexpected {rest[0]!r} in {text!r}")
    return expr


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise ValueError(f"unexpected {text[position:].strip()[:1]!r} in {text!r}")
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


def _either(tokens: list[str]) -> tuple[Expr, list[str]]:
    left, rest = _both(tokens)
    while rest and rest[0] in "+|":
        right, rest = _both(rest[1:])
        left = Expr("|", (left, right))
    return left, rest


def _both(tokens: list[str]) -> tuple[Expr, list[str]]:
    left, rest = _differ(tokens)
    while rest and rest[0] not in ")+|^'":
        right, rest = _differ(rest[1:] if rest[0] in "*&" else rest)
        left = Expr("&", (left, right))
    return left, rest


def _differ(tokens: list[str]) -> tuple[Expr, list[str]]:
    left, rest = _inverted(tokens)
    while rest and rest[0] == "^":
        right, rest = _inverted(rest[1:])
        left = Expr("^", (left, right))
    return left, rest


def _inverted(tokens: list[str]) -> tuple[Expr, list[str]]:
    if not tokens:
        raise ValueError("the expression ends too early")
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        inner, rest = _inverted(rest)
        return Expr("!", (inner,)), rest
    if first == "(":
        expr, rest = _either(rest)
        if not rest or rest[0] != ")":
            raise ValueError("a closing parenthesis is missing")
        rest = rest[1:]
    elif first in "01":
        expr = Expr("const", name=first)
    elif first[0].isalpha() or first[0] == "_":
        expr = Expr("name", name=first)
    else:
        raise ValueError(f"unexpected {first!r}")
    while rest and rest[0] == "'":
        expr, rest = Expr("!", (expr,)), rest[1:]
    return expr, rest
