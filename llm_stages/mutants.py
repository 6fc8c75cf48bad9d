"""Mutants of RTL: the source with one deliberate mistake, to see whether a test bench finds it.

A mistake is an edit of the text at a place that slang's syntax tree names, so all the rest stays as
it was written. Which mutants there are depends on the text alone. Some mutants mean the same as the
source; nobody can tell which in general (DeMillo, Lipton, Sayward: Hints on Test Data Selection,
IEEE Computer 11(4), 1978), so who counts those that a test bench does not find must say so.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pyslang import parsing, syntax

from llm_stages import slang

Kind = Literal[
    "output inverted", "state stuck", "reset ignored", "constant off by one", "operator swapped"
]
KINDS: tuple[Kind, ...] = (
    "output inverted",
    "state stuck",
    "reset ignored",
    "constant off by one",
    "operator swapped",
)

_SWAPPED = {
    **{"&": "|", "|": "&", "^": "~^", "~^": "^", "^~": "^", "&&": "||", "||": "&&"},
    **{"==": "!=", "!=": "==", "===": "!==", "!==": "===", "+": "-", "-": "+", "*": "+"},
    **{"<": "<=", ">": ">=", ">=": ">", "<<": ">>", ">>": "<<", "<<<": ">>>", ">>>": "<<<"},
}
_RESET_NAME = re.compile(r"(^|_)([as]?_?n?re?se?t_?[nb]?|a?r|clr|clear)($|_)", re.IGNORECASE)
_INTEGER = re.compile(r"(?P<size>\d+)?\s*'[sS]?(?P<base>[bodhBODH])\s*(?P<digits>[0-9a-fA-F_]+)$")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
_ASSIGNMENTS = (
    syntax.SyntaxKind.NonblockingAssignmentExpression,
    syntax.SyntaxKind.AssignmentExpression,
)
# Constants there are sizes and places, not values.
_NO_VALUES = (
    syntax.VariableDimensionSyntax,
    syntax.ElementSelectSyntax,
    syntax.ParameterValueAssignmentSyntax,
    syntax.DelaySyntax,
    syntax.LoopGenerateSyntax,
    syntax.ForLoopStatementSyntax,
    syntax.TypedefDeclarationSyntax,
    syntax.EnumTypeSyntax,
)


@dataclass(frozen=True)
class Mutant:
    """A source with one mistake.

    Attributes:
        kind: What kind of mistake.
        line: Line of the original, from 1.
        was: The text that was replaced, shortened.
        now: What replaced it, shortened.
        text: The whole source.
    """

    kind: Kind
    line: int
    was: str
    now: str
    text: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.kind} in line {self.line}: {self.was!r} -> {self.now!r}"


@dataclass(frozen=True)
class _Edit:
    """Replace the bytes from `start` to `end`."""

    start: int
    end: int
    new: str


def mutants(text: str, top: str) -> list[Mutant]:
    """All mutants of a source, by kind and place.

    Args:
        text: SystemVerilog that elaborates.
        top: The module whose outputs are inverted.

    Returns:
        The mutants; none where the source does not define `top`. Two never have the same text.
    """
    source = text.encode()
    root = syntax.SyntaxTree.fromText(text).root
    found = {mutant.text: mutant for mutant in _inverted_outputs(text, root, top)}
    for kind, edits in _edits_of(root, source):
        mutant = _mutant(kind, source, edits)
        if mutant.text != text:
            found.setdefault(mutant.text, mutant)
    return sorted(found.values(), key=lambda item: (KINDS.index(item.kind), item.line))


def _mutant(kind: Kind, source: bytes, edits: list[_Edit]) -> Mutant:
    parts, done = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += [source[done : edit.start], edit.new.encode()]
        done = edit.end
    first = edits[0]
    return Mutant(
        kind=kind,
        line=source.count(b"\n", 0, first.start) + 1,
        was=_short(source[first.start : first.end].decode(errors="replace")),
        now=_short(first.new),
        text=b"".join([*parts, source[done:]]).decode(errors="replace"),
    )


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else f"{words[:37]}..."


def _inverted_outputs(text: str, root: syntax.SyntaxNode, top: str) -> Iterator[Mutant]:
    """For each output: `top` under another name, and around it a module that inverts the output."""
    headers = [
        node
        for node in _walk(root)
        if isinstance(node, syntax.ModuleHeaderSyntax) and node.name.valueText == top
    ]
    with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
        path = Path(folder) / "source.sv"
        path.write_text(text, encoding="utf-8")
        ports = slang.elaborate([path], tops=[top]).ports(top) if headers else None
    if not ports or any(port.width < 1 or port.direction == "interface" for port in ports):
        return
    words = {"in": "input", "out": "output", "inout": "inout"}
    for inverted in ports:
        if inverted.direction != "out":
            continue
        declared = ", ".join(
            f"{words[port.direction]} wire [{port.width - 1}:0] {port.name}" for port in ports
        )
        connected = ", ".join(
            f".{port.name}({'straight' if port is inverted else port.name})" for port in ports
        )
        around = (
            f"\nmodule {top}({declared});\n  wire [{inverted.width - 1}:0] straight;\n"
            f"  {top}_straight inner({connected});\n  assign {inverted.name} = ~straight;\n"
            "endmodule\n"
        )
        place, source = headers[0].name.range, text.encode()
        renamed = _Edit(place.start.offset, place.end.offset, f"{top}_straight")
        end = len(source)
        whole = _mutant("output inverted", source, [renamed, _Edit(end, end, around)])
        yield replace(whole, was=inverted.name, now=f"~{inverted.name}")


def _edits_of(root: syntax.SyntaxNode, source: bytes) -> Iterator[tuple[Kind, list[_Edit]]]:
    for node in _walk(root):
        if isinstance(node, syntax.ProceduralBlockSyntax):
            clocked = _clocked(node)
            if clocked is not None:
                yield from _stuck(clocked, source)
                yield from _ignored_resets(clocked)
        elif isinstance(node, syntax.BinaryExpressionSyntax):
            swapped = _SWAPPED.get(node.operatorToken.rawText)
            if swapped and node.kind not in _ASSIGNMENTS and not _within(node, _NO_VALUES):
                yield "operator swapped", [_replace(node.operatorToken, swapped)]
        elif isinstance(node, syntax.PrefixUnaryExpressionSyntax):
            if node.operatorToken.rawText in ("~", "!") and not _within(node, _NO_VALUES):
                yield "operator swapped", [_replace(node.operatorToken, "")]
        elif isinstance(node, syntax.ConditionalExpressionSyntax):
            left, right = node.left.sourceRange, node.right.sourceRange
            swap = [
                _Edit(left.start.offset, left.end.offset, _text(node.right, source)),
                _Edit(right.start.offset, right.end.offset, _text(node.left, source)),
            ]
            yield "operator swapped", swap
        elif isinstance(
            node, syntax.LiteralExpressionSyntax | syntax.IntegerVectorExpressionSyntax
        ):
            number = _one_more(_text(node, source))
            if number and not _within(node, _NO_VALUES) and not _is_count(node):
                yield "constant off by one", [_replace(node, number)]


def _clocked(block: syntax.ProceduralBlockSyntax) -> syntax.TimingControlStatementSyntax | None:
    """The statement of an always block that waits for an edge."""
    statement = block.statement
    if not isinstance(statement, syntax.TimingControlStatementSyntax):
        return None
    edges = [node for node in _walk(statement.timingControl) if _is_edge(node)]
    return statement if edges else None


def _is_edge(node: syntax.SyntaxNode) -> bool:
    return isinstance(node, syntax.SignalEventExpressionSyntax) and bool(node.edge.rawText)


def _stuck(
    clocked: syntax.TimingControlStatementSyntax, source: bytes
) -> Iterator[tuple[Kind, list[_Edit]]]:
    """For each register: it keeps its value wherever it would take one, but in a reset."""
    edits: dict[str, list[_Edit]] = {}
    resets = [
        node.statement
        for node in _walk(clocked.statement)
        if isinstance(node, syntax.ConditionalStatementSyntax) and _resets_tested(node, clocked)
    ]
    for node in _walk(clocked.statement):
        if (
            isinstance(node, syntax.BinaryExpressionSyntax)
            and isinstance(node.parent, syntax.ExpressionStatementSyntax)
            and node.kind in _ASSIGNMENTS
            and not any(_contains(branch, node) for branch in resets)
        ):
            target = _text(node.left, source)
            edits.setdefault(target, []).append(_replace(node.right, target))
    for of_target in edits.values():
        yield "state stuck", of_target


def _ignored_resets(
    clocked: syntax.TimingControlStatementSyntax,
) -> Iterator[tuple[Kind, list[_Edit]]]:
    """For each test of a reset: it finds it inactive, and the event list does not wait for it."""
    for node in _walk(clocked.statement):
        if not isinstance(node, syntax.ConditionalStatementSyntax):
            continue
        for signal in _resets_tested(node, clocked):
            negated = isinstance(signal.parent, syntax.PrefixUnaryExpressionSyntax)
            edits = [_replace(signal, "1'b1" if negated else "1'b0")]
            name = signal.identifier.valueText
            for event in _walk(clocked.timingControl):
                if not isinstance(event, syntax.BinaryEventExpressionSyntax):
                    continue
                left, right = event.left.sourceRange, event.right.sourceRange
                if _is_edge(event.right) and name in _names(event.right):
                    edits.append(_Edit(left.end.offset, right.end.offset, ""))
                elif _is_edge(event.left) and name in _names(event.left):
                    edits.append(_Edit(left.start.offset, right.start.offset, ""))
            yield "reset ignored", edits


def _resets_tested(
    node: syntax.ConditionalStatementSyntax, clocked: syntax.TimingControlStatementSyntax
) -> list[syntax.IdentifierNameSyntax]:
    """The resets in a condition: signals in the event list, and those with a reset's name."""
    edges = [item for item in _walk(clocked.timingControl) if _is_edge(item)]
    waited_for = {name for item in edges for name in _names(item)} if len(edges) > 1 else set()
    return [
        item
        for item in _walk(node.predicate)
        if isinstance(item, syntax.IdentifierNameSyntax)
        and (
            item.identifier.valueText in waited_for or _RESET_NAME.search(item.identifier.valueText)
        )
    ]


def _names(node: syntax.SyntaxNode) -> list[str]:
    return [
        item.identifier.valueText
        for item in _walk(node)
        if isinstance(item, syntax.IdentifierNameSyntax)
    ]


def _one_more(text: str) -> str:
    """The number plus one, in its width; empty where it is no plain number."""
    if text.isdigit():
        return str(int(text) + 1)
    match = _INTEGER.match(text)
    if match is None:
        return {"'0": "'1", "'1": "'0"}.get(text, "")
    size = match["size"]
    try:
        value = int(match["digits"].replace("_", ""), _BASES[match["base"].lower()]) + 1
    except ValueError:
        return ""
    return f"{size}'d{value % 2 ** int(size)}" if size else f"'d{value}"


def _is_count(node: syntax.SyntaxNode) -> bool:
    """Whether a constant says how often something is repeated, or how wide it is made."""
    parent = node.parent
    if isinstance(parent, syntax.MultipleConcatenationExpressionSyntax):
        return parent.expression == node
    return isinstance(parent, syntax.CastExpressionSyntax) and parent.left == node


def _within(node: syntax.SyntaxNode, kinds: tuple[type, ...]) -> bool:
    above = node.parent
    while above is not None:
        if isinstance(above, kinds):
            return True
        above = above.parent
    return False


def _contains(outer: syntax.SyntaxNode, inner: syntax.SyntaxNode) -> bool:
    return (
        outer.sourceRange.start.offset <= inner.sourceRange.start.offset
        and inner.sourceRange.end.offset <= outer.sourceRange.end.offset
    )


def _replace(what: syntax.SyntaxNode | parsing.Token, new: str) -> _Edit:
    place = what.range if isinstance(what, parsing.Token) else what.sourceRange
    return _Edit(place.start.offset, place.end.offset, new)


def _text(node: syntax.SyntaxNode, source: bytes) -> str:
    place = node.sourceRange
    return source[place.start.offset : place.end.offset].decode(errors="replace")


def _walk(node: syntax.SyntaxNode) -> Iterator[syntax.SyntaxNode]:
    """A node and all below it, in the order of the text."""
    yield node
    for child in node:
        if isinstance(child, syntax.SyntaxNode):
            yield from _walk(child)
