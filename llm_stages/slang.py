"""Parses and elaborates SystemVerilog with slang, and turns its findings into plain values.

All files form one compilation unit, as they do for Icarus Verilog and Yosys: a macro defined in one
file is seen by the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyslang
from pyslang import analysis, ast, driver, syntax

from llm_stages.errors import InputError

Severity = Literal["error", "warning"]

#: Warnings on top of slang's defaults: likely mistakes that tools accept in silence.
_EXTRA_WARNINGS = "-Wimplicit-net -Winferred-latch"

_NAMED = (
    syntax.ModuleHeaderSyntax,
    syntax.InstanceNameSyntax,
    syntax.NamedBlockClauseSyntax,
    syntax.NamedLabelSyntax,
)
_ONE = pyslang.TimeScaleMagnitude.One
_DEFAULT_TIME_SCALE = pyslang.TimeScale(
    pyslang.TimeScaleValue(pyslang.TimeUnit.Nanoseconds, _ONE),
    pyslang.TimeScaleValue(pyslang.TimeUnit.Picoseconds, _ONE),
)


@dataclass(frozen=True)
class Diagnostic:
    """One finding in one place.

    Attributes:
        file: The file, as it was passed; empty where the finding has no place.
        line: Line, from 1; 0 where there is no place.
        column: Column, from 1; 0 where there is no place.
        severity: "error" or "warning".
        code: slang's name of the finding, such as "UndeclaredIdentifier".
        message: One sentence.
    """

    file: str
    line: int
    column: int
    severity: Severity
    code: str
    message: str

    def __str__(self) -> str:
        """As compilers print it: `file:line:column: severity: message [code]`."""
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{place}{self.severity}: {self.message} [{self.code}]"


@dataclass(frozen=True)
class Port:
    """A port of a module as it is elaborated.

    Attributes:
        name: Name of the port.
        direction: "in", "out", "inout" or "ref"; "interface" for an interface port.
        width: Bits; 0 for an interface.
    """

    name: str
    direction: str
    width: int


@dataclass(frozen=True)
class Elaborated:
    """Sources after elaboration; it keeps alive what the slang objects in it refer to."""

    compilation: ast.Compilation
    tree: syntax.SyntaxTree
    engine: pyslang.DiagnosticEngine
    sources: pyslang.SourceManager
    _driver: driver.Driver

    def diagnostics(self) -> list[Diagnostic]:
        """Errors and warnings in source order; analysis of drivers and latches included."""
        found = list(self.compilation.getAllDiagnostics())
        if not any(self._severity(item) == "error" for item in found):
            self.compilation.freeze()
            analyses = analysis.AnalysisManager()
            analyses.analyze(self.compilation)
            found += list(analyses.getDiagnostics())
        listed = [value for item in found if (value := self._value(item)) is not None]
        return sorted(set(listed), key=lambda d: (d.file, d.line, d.column, d.code, d.message))

    def module_names(self) -> list[str]:
        """Names of all modules that the sources define, sorted."""
        definitions = self.compilation.getDefinitions()
        kind = ast.DefinitionKind.Module
        return sorted(
            item.name
            for item in definitions
            if isinstance(item, ast.DefinitionSymbol) and item.definitionKind == kind
        )

    def ports(self, module: str) -> list[Port] | None:
        """The ports of a top module in order, or None if it is not among the tops."""
        for top in self.compilation.getRoot().topInstances:
            if top.name == module:
                return list(_ports(top.body))
        return None

    def driven_inputs(self) -> list[tuple[str, pyslang.SourceLocation]]:
        """Input ports, in all instances, that the module itself drives, with where it does.

        Simulators join a net through its ports: whoever drives an input from inside changes what
        the other side sees.
        """
        self.compilation.getAllDiagnostics()  # elaborates, which analysis needs
        self.compilation.freeze()
        analyses = analysis.AnalysisManager()
        analyses.analyze(self.compilation)
        found: list[tuple[str, pyslang.SourceLocation]] = []

        def visit(item: object) -> None:
            if not isinstance(item, ast.InstanceBodySymbol):
                return
            for port in item.portList:
                if not isinstance(port, ast.PortSymbol):
                    continue
                inner = port.internalSymbol
                is_input = port.direction == ast.ArgumentDirection.In
                if not is_input or not isinstance(inner, ast.ValueSymbol):
                    continue
                found.extend(
                    (port.name, driver.sourceRange.start)
                    for driver in analyses.getDrivers(inner)
                    if not driver.isInputPort
                )

        self.compilation.getRoot().visit(visit)
        return found

    def place(self, location: pyslang.SourceLocation) -> tuple[str, int, int]:
        """File, line and column of a location; where a macro is used, not where it is defined."""
        if location == pyslang.SourceLocation.NoLocation:
            return "", 0, 0
        spot = self.sources.getFullyExpandedLoc(location)
        if not self.sources.isFileLoc(spot):
            return "", 0, 0
        return (
            self.sources.getFileName(spot),
            self.sources.getLineNumber(spot),
            self.sources.getColumnNumber(spot),
        )

    def _severity(self, item: pyslang.Diagnostic) -> Severity | None:
        level = self.engine.getSeverity(item.code, item.location)
        if level in (pyslang.DiagnosticSeverity.Error, pyslang.DiagnosticSeverity.Fatal):
            return "error"
        return "warning" if level == pyslang.DiagnosticSeverity.Warning else None

    def _value(self, item: pyslang.Diagnostic) -> Diagnostic | None:
        severity = self._severity(item)
        if severity is None:
            return None
        code = repr(item.code).removeprefix("DiagCode(").removesuffix(")")
        return Diagnostic(
            *self.place(item.location), severity, code, self.engine.formatMessage(item)
        )


def elaborate(
    files: Sequence[Path],
    *,
    tops: Sequence[str] = (),
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    ignore_unknown_modules: bool = False,
    lenient: bool = False,
) -> Elaborated:
    """Parse and elaborate files.

    Args:
        files: Sources in the order in which they are read.
        tops: Names of the top modules; every module that nothing instantiates where empty.
        include_dirs: Folders searched for `include files, after the including file's own.
        defines: Preprocessor macros, each NAME or NAME=VALUE.
        ignore_unknown_modules: Do not report instances of modules that are not in the files.
        lenient: Accept what simulators accept against the standard: names that are used before they
            are declared, and numbers as values of an enum.

    Raises:
        InputError: There is no file, or one of them cannot be read.
    """
    if not files:
        raise InputError("no source files to read", hint="name at least one Verilog file")
    for path in files:
        check_readable(path)
    tool = driver.Driver()
    tool.addStandardArgs()
    tool.parseCommandLine(f"slang {_EXTRA_WARNINGS}")
    tool.processOptions(checkFiles=False)
    options = tool.createOptionBag()
    preprocessor = options.preprocessorOptions
    preprocessor.predefines = list(defines)
    preprocessor.additionalIncludePaths = [path.resolve() for path in include_dirs]
    options.preprocessorOptions = preprocessor
    compilation_options = options.compilationOptions
    compilation_options.topModules = set(tops)
    # One file with a time scale and one without is an error in slang and normal in practice.
    compilation_options.defaultTimeScale = _DEFAULT_TIME_SCALE
    if ignore_unknown_modules:
        compilation_options.flags |= ast.CompilationFlags.IgnoreUnknownModules
    if lenient:
        compilation_options.flags |= ast.CompilationFlags.AllowUseBeforeDeclare
        compilation_options.flags |= ast.CompilationFlags.RelaxEnumConversions
    compilation_options.flags |= ast.CompilationFlags.AllowTopLevelIfacePorts
    options.compilationOptions = compilation_options
    sources = tool.sourceManager
    sources.setDisableProximatePaths(True)
    tree = syntax.SyntaxTree.fromFiles([str(path) for path in files], sources, options)
    compilation = ast.Compilation(options)
    compilation.addSyntaxTree(tree)
    return Elaborated(compilation, tree, tool.diagEngine, sources, tool)


def scope_names(files: Sequence[Path]) -> frozenset[str]:
    """Names by which something outside could reach into the sources.

    They are those of modules, packages, instances, named blocks, tasks and functions. The files are
    only parsed; includes are read where they are found.
    """
    named: set[str] = set()

    def visit(item: object) -> None:
        token = None
        if isinstance(item, _NAMED):
            token = item.name
        elif isinstance(item, syntax.FunctionPrototypeSyntax):
            token = item.name.getLastToken()
        if token is not None and token.valueText:
            named.add(token.valueText)

    for path in files:
        check_readable(path)
        syntax.SyntaxTree.fromFile(str(path)).root.visit(visit)
    return frozenset(named)


def check_readable(path: Path) -> None:
    """Raise `InputError` unless the path is a file that can be read."""
    try:
        with path.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise InputError(
            f"the source file cannot be read: {error.strerror}",
            where=str(path),
            hint="check the path in design.toml or on the command line",
        ) from None


def _ports(body: ast.InstanceBodySymbol) -> Iterator[Port]:
    for port in body.portList:
        if isinstance(port, ast.InterfacePortSymbol):
            yield Port(port.name, "interface", 0)
        elif isinstance(port, ast.PortSymbol):
            direction = str(port.direction).rpartition(".")[2].lower()
            yield Port(port.name, direction, port.type.bitWidth)
