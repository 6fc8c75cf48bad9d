"""Slips of syntax that small models make again and again, corrected by rule before one is asked.

They cost no token. Each rule changes only what no Verilog compiler takes, so a right source stays
as it is; the gates judge the result like any other. Most compile errors of models are of a few
kinds (RTLFixer, arXiv 2311.16543).
"""

from __future__ import annotations

import re

#: Longer sources are not those of small models, and the patterns take their time.
_MOST_CHARACTERS = 20_000
_HEADER = re.compile(
    r"(?P<header>\bmodule\s+(?P<name>\w+)\s*(?:#\s*\([^;]*?\)\s*)?\((?P<ports>[^;]*?)\))\s*begin\b"
)
_MODULE = re.compile(r"\bmodule\s+(?P<name>\w+)[^;]*;", re.DOTALL)
_CLOCKED = re.compile(r"\balways(?:_ff)?\s*@\s*\((?P<events>[^()]*\b(?:pos|neg)edge\b[^()]*)\)")
_WORDS = re.compile(r"//[^\n]*|/\*.*?\*/|\b(begin|end|endmodule|module)\b", re.DOTALL)
_TWO_TYPES = re.compile(r"\b(?:reg\s+logic|logic\s+reg|logic\s+wire|reg\s+wire|wire\s+reg)\b")
_DECLARED = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?:input|output|inout)\s+)?(?:(?:wire|reg|logic)\s+)?(?:signed\s+)?"
    r"(?:\[[^\]\n]*\]\s*)?(?P<name>\w+)\s*(?:=\s*(?P<value>[^;\n]+))?;[^\n]*\n",
    re.MULTILINE,
)
_DECLARED_AGAIN = re.compile(r"^\s*output\s+(?:reg|logic)\b[^;\n]*?(\w+)\s*;", re.MULTILINE)
_TYPED = re.compile(r"^\s*(?:input|output|inout|wire|reg|logic)\b")


def corrected(rtl: str, top: str) -> str:
    """The source without known slips; as it is where there are none.

    A header that ends with `begin`, a module without `endmodule`, a clock that is declared nowhere,
    ports declared again in the body, two types in one declaration, and an output that an always
    block drives and that is a net.

    Args:
        rtl: A source that does not compile.
        top: Its top module.
    """
    if len(rtl) > _MOST_CHARACTERS:
        return rtl
    text = _header_that_begins(rtl)
    text = _with_endmodule(text)
    text = _TWO_TYPES.sub("logic", text)
    text = _CLOCKED.sub(lambda match: _unclocked(match, text), text)
    header = re.search(rf"\bmodule\s+{re.escape(top)}\b[^;]*;", text)
    if header is None:
        return text
    end = text.find("endmodule", header.end())
    body = text[header.end() : end if end >= 0 else len(text)]
    head = header.group()
    ports = set(re.findall(r"(\w+)\s*(?=[,)]|$)", re.sub(r"//[^\n]*", "", head)))
    body = _DECLARED.sub(lambda match: _undeclared(match, ports), body)
    for name in set(
        re.findall(r"^\s*output\s+(?:reg|logic)\b[^;\n]*?(\w+)\s*;", rtl, re.MULTILINE)
    ):
        head = _variable(head, name)
    for block in re.findall(r"\balways\w*\b.*?(?=\balways|\bassign|\Z)", body, re.DOTALL):
        for name in re.findall(r"(\w+)\s*(?:\[[^\]]*\]\s*)?<?=(?!=)", block):
            head = _variable(head, name)
    return text[: header.start()] + head + body + (text[end:] if end >= 0 else "")


def _header_that_begins(text: str) -> str:
    """`module m (...) begin ... end` becomes `module m (...); ... endmodule`."""
    found = _HEADER.search(text)
    if found is None:
        return text
    text = text[: found.start()] + found["header"] + ";" + text[found.end() :]
    ends = [match for match in _WORDS.finditer(text, found.end()) if match[1] == "end"]
    if not ends:
        return text
    last = ends[-1]
    closes = "" if "endmodule" in text[last.end() :] else "endmodule"
    return text[: last.start()] + closes + text[last.end() :]


def _with_endmodule(text: str) -> str:
    """The last module is closed where nothing is open but it."""
    words = [match[1] for match in _WORDS.finditer(text) if match[1]]
    if words.count("module") != words.count("endmodule") + 1:
        return text
    missing = words.count("begin") - words.count("end")
    return text.rstrip() + "\n" + "end\n" * max(0, missing) + "endmodule\n"


def _unclocked(match: re.Match[str], text: str) -> str:
    """An always block at edges of signals that are declared nowhere describes plain logic."""
    names = re.findall(r"\b(?:pos|neg)edge\s+(\w+)", match["events"])
    declared = [
        name
        for name in names
        if re.search(rf"\b(?:input|output|inout|wire|reg|logic)\b[^;)]*\b{name}\b", text)
    ]
    return match.group() if declared else "always @(*)"


def _undeclared(match: re.Match[str], ports: set[str]) -> str:
    """A declaration in the body, without it where it declares a port again."""
    if match["name"] not in ports or not _TYPED.match(match.group()):
        return match.group()
    if match["value"]:
        return f"{match['indent']}assign {match['name']} = {match['value'].strip()};\n"
    return ""


def _variable(header: str, name: str) -> str:
    """The header with an output made a variable."""
    return re.sub(
        rf"\boutput\s+(?:wire\s+)?(?!reg\b|logic\b)(?=(?:signed\s+)?(?:\[[^\]]*\]\s*)?{name}\b)",
        "output logic ",
        header,
    )
