"""What generated HDL must not contain: anything that could end a simulation or forge its verdict.

A device under test has no business with files, time limits, the screen or the test bench, nor with
modules that are not its own: one that holds the reference of a benchmark always agrees with it. The
check works on the text that the simulator compiles, after its own preprocessor, so conditional
compilation cannot show one text to the check and another to the simulator.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path, PurePath

from pyslang import parsing, syntax

from llm_stages import slang
from llm_stages.slang import Diagnostic

#: System functions that only compute. All other names that begin with $ are refused.
ALLOWED_SYSTEM_FUNCTIONS = frozenset(
    f"${name}"
    for name in (
        *("clog2", "signed", "unsigned", "bits", "cast", "size", "left", "right", "low", "high"),
        *("increment", "dimensions", "unpacked_dimensions", "countones", "countbits", "onehot"),
        *("onehot0", "isunknown", "itor", "rtoi", "realtobits", "bitstoreal", "ln", "log10", "exp"),
        *("sqrt", "pow", "floor", "ceil", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    )
)

_REFUSED_SYNTAX = {
    syntax.SyntaxKind.DPIImport: "DPI import: generated HDL must not call foreign code",
    syntax.SyntaxKind.DPIExport: "DPI export: generated HDL must not call foreign code",
    syntax.SyntaxKind.BindDirective: "bind: generated HDL must not reach into other modules",
    syntax.SyntaxKind.ProgramDeclaration: "program block: it can end the simulation",
    syntax.SyntaxKind.ConfigDeclaration: "config: generated HDL must not rebind modules",
    syntax.SyntaxKind.LibraryDeclaration: "library: generated HDL must not rebind modules",
    syntax.SyntaxKind.DefParam: "defparam: generated HDL must set parameters in instances",
    syntax.SyntaxKind.ClassDeclaration: "class: generated HDL is for hardware",
    syntax.SyntaxKind.CheckerDeclaration: "checker: generated HDL is for hardware",
    syntax.SyntaxKind.NetAlias: "alias: it can join an input to something else",
    # Nets are joined through ports, so these reach what is outside.
    syntax.SyntaxKind.ProceduralForceStatement: "force: it can change what is outside",
    syntax.SyntaxKind.ProceduralReleaseStatement: "release: it can change what is outside",
    syntax.SyntaxKind.ProceduralAssignStatement: "procedural assign: it can change what is outside",
    syntax.SyntaxKind.ProceduralDeassignStatement: "deassign: it can change what is outside",
    # The simulator has done its preprocessing: what is left would be read again.
    syntax.SyntaxKind.IncludeDirective: "`include where none can be: it is made up by a macro",
    syntax.SyntaxKind.DefineDirective: "`define where none can be: it is made up by a macro",
}
_SWITCHES = frozenset(("tran", "rtran", "tranif0", "tranif1", "rtranif0", "rtranif1"))
_REACHING = (
    syntax.SyntaxKind.InvocationExpression,
    syntax.SyntaxKind.ExpressionStatement,
    syntax.SyntaxKind.DisableStatement,
)


def check_includes(
    files: Sequence[Path], *, include_dirs: Sequence[Path] = (), defines: Sequence[str] = ()
) -> list[Diagnostic]:
    """Find `include directives that leave the include folders: absolute paths and `..`."""
    elaborated = slang.elaborate(files, include_dirs=include_dirs, defines=defines)
    found = []
    for include in elaborated.tree.getIncludeDirectives():
        path = PurePath(include.path)
        if path.is_absolute() or ".." in path.parts:
            place = elaborated.place(include.syntax.sourceRange.start)
            message = f"`include {include.path!r}: only names in the include folders are allowed"
            found.append(Diagnostic(*place, "error", "UnsafeInclude", message))
    return found


def check_source(
    path: Path, *, defines: Sequence[str] = (), outside: Collection[str] = ()
) -> list[Diagnostic]:
    """Find what a preprocessed untrusted source must not contain.

    Each module is elaborated on its own: a name that only resolves through the module's parents, as
    `tb.errors` does, is then an error. So is a module that the source does not define, and
    everything else that slang does not understand, since what it skips it cannot check.

    Args:
        path: The source.
        defines: Preprocessor macros, each NAME or NAME=VALUE.
        outside: Names of the test bench's scopes (`slang.scope_names`). The source must not reach
            into them even where it seems to be out of use, in a branch of a generate statement
            which another choice of parameters brings to life.

    Returns:
        The findings in source order; none when the source may be simulated.
    """
    elaborated = slang.elaborate([path], defines=defines, ignore_unknown_modules=True)
    found = list(_refused_words(elaborated, frozenset(outside)))
    for module in elaborated.module_names():
        alone = slang.elaborate([path], tops=[module], defines=defines, lenient=True)
        found += [
            Diagnostic(
                item.file,
                item.line,
                item.column,
                item.severity,
                item.code,
                f"{item.message} (module {module!r} must be complete without its parents)",
            )
            for item in alone.diagnostics()
            if item.severity == "error"
        ]
        found += _driven_inputs(alone)
    return sorted(set(found), key=lambda item: (item.file, item.line, item.column, item.code))


def check_in_place(
    path: Path,
    files: Sequence[Path],
    *,
    top: str,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
) -> list[Diagnostic]:
    """Find inputs that a source drives with the parameters that its test bench gives it.

    `check_source` sees each module with its default parameters only.

    Args:
        path: The source, which has passed `check_source`.
        files: All others of the simulation.
        top: Top module of the test bench.
        include_dirs: Folders searched for `include files of the others.
        defines: Preprocessor macros of the others.
    """
    whole = slang.elaborate([*files, path], tops=[top], include_dirs=include_dirs, defines=defines)
    return [item for item in _driven_inputs(whole) if item.file == str(path)]


def _driven_inputs(elaborated: slang.Elaborated) -> list[Diagnostic]:
    return [
        Diagnostic(
            *elaborated.place(location),
            "error",
            "DrivenInput",
            f"the input {name!r} is driven from inside: that changes what is outside",
        )
        for name, location in elaborated.driven_inputs()
    ]


def _refused_words(elaborated: slang.Elaborated, outside: frozenset[str]) -> list[Diagnostic]:
    found: list[Diagnostic] = []

    def visit(item: object) -> None:
        if isinstance(item, parsing.Token):
            message = _refused_token(item)
            location = item.location
        elif isinstance(item, syntax.SyntaxNode):
            message = _REFUSED_SYNTAX.get(item.kind, "") or _refused_node(item, outside)
            location = item.sourceRange.start
        else:
            return
        if message:
            place = elaborated.place(location)
            found.append(Diagnostic(*place, "error", "UnsafeConstruct", message))

    elaborated.tree.root.visit(visit)
    return found


def _refused_node(node: syntax.SyntaxNode, outside: frozenset[str]) -> str:
    if isinstance(node, syntax.PrimitiveInstantiationSyntax):
        if node.type.rawText in _SWITCHES:
            return f"{node.type.rawText}: it can join an input to something else"
    elif isinstance(node, syntax.IdentifierNameSyntax | syntax.IdentifierSelectNameSyntax):
        name, parent = node.identifier.valueText, node.parent
        if name in outside and parent is not None:
            dotted = isinstance(parent, syntax.ScopedNameSyntax) and parent.left == node
            if dotted or parent.kind in _REACHING:
                return f"{name}: the test bench has something of this name; take another"
    return ""


def _refused_token(token: parsing.Token) -> str:
    kind = token.kind
    if kind == parsing.TokenKind.SystemIdentifier:
        name = token.valueText
        if name not in ALLOWED_SYSTEM_FUNCTIONS:
            return f"{name}: generated HDL may only use system functions that compute a value"
    elif kind == parsing.TokenKind.RootSystemName:
        return "$root: generated HDL must not reach into other modules"
    elif kind == parsing.TokenKind.Identifier and token.valueText.startswith("$"):
        return f"{token.rawText.strip()}: a name must not look like a system task"
    return ""
