"""The ports that a specification asks for, and how a module's own differ from them.

Three common ways to state ports are understood: a Verilog module header in a code block, a list of
`- input name (8 bits)` lines, each with one port or several, and Markdown tables with name,
direction and width. A specification in free prose states none, and then nothing is checked.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llm_stages import slang
from llm_stages.slang import Diagnostic, Port

_FENCE = re.compile(r"^[ \t]*```[^\n]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_DIRECTION = {"input": "in", "output": "out", "inout": "inout", "in": "in", "out": "out"}
_DECLARED = (
    r"(?:(?:wire|reg|logic|signed|unsigned)\b[ \t]*)*"
    r"(?:\[[ \t]*(?P<high>\d+)[ \t]*:[ \t]*(?P<low>\d+)[ \t]*\][ \t]*)?"
)
_BITS = r"[ \t]*(?:\([ \t]*(?P<bits>\d+)[ \t-]*bits?[ \t]*\))?"
_BULLET = re.compile(
    r"^[ \t]*[-*+][ \t]*`?(?P<direction>input|output|inout)\b`?[ \t]*"
    rf"{_DECLARED}`?(?P<name>[A-Za-z_]\w*)`?{_BITS}",
    re.MULTILINE,
)
# Further ports on the line, `, input b` or ``, `b` `` or `, b:`. A bare word counts only where it
# stands alone, so that prose after a comma does not.
_FURTHER = re.compile(
    r"[ \t]*(?:,[ \t]*(?:and\b)?|\band\b)[ \t]*"
    rf"(?:`?(?P<direction>input|output|inout)\b`?[ \t]*{_DECLARED}`?(?P<name>[A-Za-z_]\w*)`?"
    r"|`(?P<quoted>[A-Za-z_]\w*)`"
    r"|(?P<bare>(?!(?:signed|unsigned|wire|reg|logic)\b)[A-Za-z_]\w*)(?=[ \t]*(?:[,:(]|$)))"
    rf"{_BITS}",
    re.MULTILINE,
)


@dataclass(frozen=True)
class RequiredPort:
    """A port that a specification asks for.

    Attributes:
        name: Name of the port.
        direction: "in", "out" or "inout".
        width: Bits; None where the specification does not say, or says it with a parameter.
    """

    name: str
    direction: str
    width: int | None


def required_ports(spec: str, top: str) -> tuple[RequiredPort, ...]:
    """The ports of module `top` as the specification states them; empty where it does not."""
    return _from_header(spec, top) or _from_table(spec) or _from_list(spec)


def differences(required: Sequence[RequiredPort], found: Sequence[Port]) -> list[Diagnostic]:
    """What is missing, what is too many, and what differs in direction or width."""
    messages = []
    by_name = {port.name: port for port in found}
    for want in required:
        have = by_name.pop(want.name, None)
        if have is None:
            messages.append(f"the port {want.name!r} ({want.direction}) is missing")
        elif have.direction != want.direction:
            messages.append(
                f"the port {want.name!r} must be {want.direction}, found {have.direction}"
            )
        elif want.width is not None and have.width != want.width:
            messages.append(
                f"the port {want.name!r} must be {want.width} bits wide, found {have.width}"
            )
    if required:
        messages += [f"the port {name!r} is not in the specification" for name in by_name]
    return [Diagnostic("", 0, 0, "error", "PortMismatch", message) for message in messages]


def ports_in_words(top: str, required: Sequence[RequiredPort]) -> str:
    """The header to begin with where every width is known, else a list of the ports."""
    if not required:
        return ""
    words = {"in": "input", "out": "output"}
    named = [(words.get(port.direction, port.direction), port) for port in required]
    if all(port.width for port in required):
        lines = [
            f"  {word} {'wire' if word == 'inout' else 'logic'} "
            f"{f'[{port.width - 1}:0] ' if port.width and port.width > 1 else ''}{port.name}"
            for word, port in named
        ]
        return f"Begin with this header:\nmodule {top} (\n" + ",\n".join(lines) + "\n);"
    return "The module has exactly these ports:\n" + "\n".join(
        f"- {word} {port.name}" + (f" ({port.width} bits)" if port.width else "")
        for word, port in named
    )


def _from_header(spec: str, top: str) -> tuple[RequiredPort, ...]:
    """Ports of a module header in a code block; the body, if any, is elaborated as it is."""
    pattern = re.compile(rf"\bmodule\s+{re.escape(top)}\b.*?;", re.DOTALL)
    for block in _FENCE.findall(spec):
        header = pattern.search(block)
        if header is None:
            continue
        with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
            path = Path(folder) / "header.sv"
            path.write_text(header.group(0) + "\nendmodule\n", encoding="utf-8")
            ports = slang.elaborate([path], tops=[top]).ports(top)
        # A width that hangs on a parameter is checked by nobody: another default is legitimate.
        fixed = not re.search(r"#\s*\(|\bparameter\b", header.group(0))
        return tuple(
            RequiredPort(port.name, port.direction, port.width if fixed else None)
            for port in ports or ()
        )
    return ()


def _from_list(spec: str) -> tuple[RequiredPort, ...]:
    stated = [port for bullet in _BULLET.finditer(spec) for port in _ports_of_line(spec, bullet)]
    explicit = any(port.width for port in stated)
    default = 1 if explicit or re.search(r"one\s+bit\s+unless", spec) else None
    ports: dict[str, RequiredPort] = {}
    for port in stated:
        given = replace(port, width=default if port.width is None else port.width or None)
        ports.setdefault(port.name, given)
    return tuple(ports.values())


def _ports_of_line(spec: str, bullet: re.Match[str]) -> list[RequiredPort]:
    """Every port that one line of a list states. A width of 0 is one that the line leaves open.

    In `input [7:0] a, b` the range is of both. In `input a, b (8 bits)` the bits may be.
    """
    direction = _DIRECTION[bullet["direction"]]
    found = [RequiredPort(bullet["name"], direction, _width(bullet))]
    shared = _width(bullet) if bullet["high"] else None
    last, begun = bullet, 0
    while further := _FURTHER.match(spec, last.end()):
        if further["direction"]:
            direction, shared, begun = _DIRECTION[further["direction"]], None, len(found)
        name = further["name"] or further["quoted"] or further["bare"]
        width = _width(further)
        if further["high"]:
            shared = width
        elif width is not None and not further["direction"]:
            found[begun:] = [replace(port, width=port.width or 0) for port in found[begun:]]
        found.append(RequiredPort(name, direction, shared if width is None else width))
        last = further
    return found


def _width(match: re.Match[str]) -> int | None:
    if match["bits"]:
        return int(match["bits"])
    if match["high"]:
        return abs(int(match["high"]) - int(match["low"])) + 1
    return None


def _from_table(spec: str) -> tuple[RequiredPort, ...]:
    ports: dict[str, RequiredPort] = {}
    columns: dict[str, int] | None = None
    for line in spec.splitlines():
        if not line.strip().startswith("|"):
            columns = None
            continue
        cells = [cell.strip().strip("`*").strip() for cell in line.strip().strip("|").split("|")]
        if columns is None:
            columns = _columns(cells)
        elif columns and len(cells) > max(columns.values()):
            direction = _DIRECTION.get(cells[columns["direction"]].lower())
            if direction is not None:
                name, width = _name_and_width(cells, columns)
                ports.setdefault(name, RequiredPort(name, direction, width))
    return tuple(ports.values())


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Where name, direction and width are in a table; empty if it is not a table of ports."""
    found: dict[str, int] = {}
    for index, cell in enumerate(header):
        word = cell.lower()
        if word in ("name", "port", "signal", "pin"):
            found.setdefault("name", index)
        elif word in ("direction", "dir", "i/o", "in/out", "type"):
            found.setdefault("direction", index)
        elif word.startswith(("width", "bits", "size")):
            found.setdefault("width", index)
    return found if "name" in found and "direction" in found else {}


def _name_and_width(cells: Sequence[str], columns: dict[str, int]) -> tuple[str, int | None]:
    name, width = cells[columns["name"]], None
    if bits := re.search(r"\[\s*(\d+)\s*:\s*(\d+)\s*\]", " ".join(cells)):
        width = abs(int(bits[1]) - int(bits[2])) + 1
        name = re.sub(r"\s*\[.*?\]\s*", "", name)
    elif "width" in columns and (number := re.match(r"\d+", cells[columns["width"]])):
        width = int(number.group())
    return name, width
