"""What drives a wrong output: statements up to two levels back, and the signals they read.

The source is only parsed, so that a module which does not elaborate can be traced too. Tracing a
mismatch back through the drivers is what VerilogCoder's waveform tool does (arXiv 2408.08927).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyslang import syntax

#: The drivers of a signal, of what they read, and of what those read.
_LEVELS = 3
_MOST_DRIVERS = 12
_ASSIGNMENTS = frozenset(
    kind
    for name in ("Assignment", "NonblockingAssignment", "AndAssignment", "OrAssignment")
    if (kind := getattr(syntax.SyntaxKind, f"{name}Expression", None)) is not None
)


@dataclass(frozen=True)
class Driver:
    """One statement, or one connection to an instance, that drives a signal.

    Attributes:
        signal: The signal, with the instances that it is in, such as `u1.count`.
        line: Line of the statement, from 1.
        conditions: Lines of what decides whether it is run: if, case and always.
        reads: Signals that its value depends on, those of the conditions among them.
    """

    signal: str
    line: int
    conditions: tuple[int, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class _Assignment:
    line: int
    conditions: tuple[int, ...]
    targets: frozenset[str]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class _Instance:
    line: int
    name: str
    module: str
    # Port name to the names in what is connected to it.
    connections: dict[str, tuple[str, ...]]


def drivers(
    source: str, top: str, signals: Sequence[str], *, levels: int = _LEVELS
) -> tuple[Driver, ...]:
    """The drivers of signals of a module, nearest first.

    Args:
        source: The RTL.
        top: The module.
        signals: Names in it.
        levels: How many levels of drivers; 1 for those of the signals alone.
    """
    modules = {
        node.header.name.valueText: node
        for node in _walk(syntax.SyntaxTree.fromText(source).root)
        if isinstance(node, syntax.ModuleDeclarationSyntax)
    }
    outputs = {name: frozenset(_outputs(node)) for name, node in modules.items()}
    found: list[Driver] = []
    seen: set[tuple[str, str]] = set()
    waiting = [(top, "", signal) for signal in signals]
    for _ in range(levels):
        further: list[tuple[str, str, str]] = []
        for module, scope, signal in waiting:
            if module not in modules or (scope, signal) in seen:
                continue
            seen.add((scope, signal))
            for driver, next_ones in _of_signal(
                modules[module], source, module, scope, signal, outputs
            ):
                found.append(driver)
                further += next_ones
        waiting = further
    return tuple(dict.fromkeys(found))[:_MOST_DRIVERS]


def _of_signal(
    module: syntax.ModuleDeclarationSyntax,
    source: str,
    name: str,
    scope: str,
    signal: str,
    outputs: Mapping[str, frozenset[str]],
) -> Iterator[tuple[Driver, list[tuple[str, str, str]]]]:
    for item in _assignments(module, source):
        if signal in item.targets:
            reads = tuple(scope + read for read in item.reads)
            driver = Driver(scope + signal, item.line, item.conditions, reads)
            yield driver, [(name, scope, read) for read in item.reads if read != signal]
    for instance in _instances(module, source):
        for port, names in instance.connections.items():
            if signal in names and port in outputs.get(instance.module, ()):
                inside = f"{scope}{instance.name}."
                driver = Driver(scope + signal, instance.line, (), (inside + port,))
                yield driver, [(instance.module, inside, port)]


def _assignments(module: syntax.SyntaxNode, source: str) -> Iterator[_Assignment]:
    for node in _walk(module):
        if isinstance(node, syntax.BinaryExpressionSyntax) and node.kind in _ASSIGNMENTS:
            conditions, lines = _conditions(node, source)
            reads = [*_names(node.right), *_selects(node.left), *conditions]
            yield _Assignment(
                line=_line(node, source),
                conditions=lines,
                targets=frozenset(_targets(node.left)),
                reads=tuple(dict.fromkeys(reads)),
            )
        elif isinstance(node, syntax.DeclaratorSyntax) and node.initializer is not None:
            reads = tuple(dict.fromkeys(_names(node.initializer)))
            if reads:
                yield _Assignment(_line(node, source), (), frozenset([node.name.valueText]), reads)


def _conditions(node: syntax.SyntaxNode, source: str) -> tuple[list[str], tuple[int, ...]]:
    """Names in what decides whether a statement is run, and the lines of it, outermost first."""
    names: list[str] = []
    lines: list[int] = []
    above, below = node.parent, node
    while above is not None:
        if isinstance(above, syntax.ConditionalStatementSyntax):
            names += _names(above.predicate)
            lines.append(_line(above, source))
        elif isinstance(above, syntax.CaseStatementSyntax):
            names += _names(above.expr)
            lines += [_line(below, source), _line(above, source)]
        elif isinstance(above, syntax.ProceduralBlockSyntax):
            lines.append(_line(above, source))
            break
        above, below = above.parent, above
    return names, tuple(sorted(set(lines) - {_line(node, source)}))


def _instances(module: syntax.SyntaxNode, source: str) -> Iterator[_Instance]:
    for node in _walk(module):
        if not isinstance(node, syntax.HierarchyInstantiationSyntax):
            continue
        for item in _walk(node):
            if isinstance(item, syntax.HierarchicalInstanceSyntax) and item.decl is not None:
                connections = {
                    port.name.valueText: tuple(_names(port))
                    for port in _walk(item)
                    if isinstance(port, syntax.NamedPortConnectionSyntax)
                }
                yield _Instance(
                    _line(item, source),
                    item.decl.name.valueText,
                    node.type.valueText,
                    connections,
                )


def _outputs(module: syntax.SyntaxNode) -> Iterator[str]:
    """Names of the ports that a module drives."""
    direction = ""
    for node in _walk(module):
        if isinstance(node, syntax.ImplicitAnsiPortSyntax | syntax.PortDeclarationSyntax):
            # In a list of ports a direction holds for those after it too.
            stated = getattr(node.header, "direction", None)
            direction = stated.rawText or direction if stated is not None else direction
            if direction in ("output", "inout"):
                for item in _walk(node):
                    if isinstance(item, syntax.DeclaratorSyntax):
                        yield item.name.valueText


def _targets(node: syntax.SyntaxNode) -> Iterator[str]:
    """Names that are assigned: not those in indices."""
    if isinstance(node, syntax.IdentifierNameSyntax | syntax.IdentifierSelectNameSyntax):
        yield node.identifier.valueText
    elif isinstance(node, syntax.ElementSelectExpressionSyntax):
        yield from _targets(node.left)
    elif not isinstance(node, syntax.ElementSelectSyntax):
        for child in node:
            if isinstance(child, syntax.SyntaxNode):
                yield from _targets(child)


def _selects(node: syntax.SyntaxNode) -> Iterator[str]:
    for item in _walk(node):
        if isinstance(item, syntax.ElementSelectSyntax):
            yield from _names(item)


def _names(node: syntax.SyntaxNode) -> list[str]:
    return [
        item.identifier.valueText
        for item in _walk(node)
        if isinstance(item, syntax.IdentifierNameSyntax | syntax.IdentifierSelectNameSyntax)
    ]


def _line(node: syntax.SyntaxNode, source: str) -> int:
    return source.encode().count(b"\n", 0, node.sourceRange.start.offset) + 1


def _walk(node: syntax.SyntaxNode) -> Iterator[syntax.SyntaxNode]:
    yield node
    for child in node:
        if isinstance(child, syntax.SyntaxNode):
            yield from _walk(child)
