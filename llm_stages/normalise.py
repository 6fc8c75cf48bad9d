"""The stage that normalises a specification: what a test bench must know, as typed values.

What the text states plainly (ports in a list, a table or a header; "asynchronous", "active low") is
read from it. A model is asked for the rest only, and cannot overrule what was read.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_stages.asker import Asker
from llm_stages.errors import WrongAnswer
from llm_stages.exchange import Reply
from llm_stages.interface import RequiredPort, ports_in_words, required_ports

STAGE = "normalise_spec"

_CLOCK = re.compile(r"(?i)^(i_)?(clk|clock|ck)(_i)?$")
_RESET = re.compile(r"(?i)^(i_)?(a|s)?_?n?(rst|reset|resetn|areset|aresetn)(_?[nbi])?$")
_LOW = re.compile(r"(?i)(^n_?(rst|reset)|(rst|reset)_?[nb](_i)?$)")
_ACTIVE = re.compile(r"(?i)\bactive[\s-]+(low|high)\b")
_OF_RESET = re.compile(r"(?i)reset|\brst")
# Where a sentence, an item or a row of a table ends; what begins with "it" goes on with the last.
_SENTENCE = re.compile(r"(?i)(?:[.;](?=\s)|\n\s*\n|\n(?=\s*[-*+|#]))(?!\s*(?:it|this)\b)")
_JSON = re.compile(r"\{.*\}", re.DOTALL)
_WITHIN = re.compile(r"(?i)\bwithin\b[^.]*\bcycles\b")
_FREE = re.compile(r"(?i)\b(result|answer|response|quotient)s?\b[^.]*\bwithin\b[^.]*\bcycles\b")
_MOST_WORDS = 300


class SpecPort(BaseModel):
    """A port: name, direction ("in" or "out") and width in bits."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")
    direction: Literal["in", "out"]
    width: int = Field(ge=1, le=4096)


class SpecClock(BaseModel):
    """The clock: its port, and the edge at which registers change."""

    model_config = ConfigDict(frozen=True)

    port: str
    edge: Literal["rising", "falling", "both"] = "rising"


class SpecReset(BaseModel):
    """The reset: its port, its active level, and whether it waits for the clock.

    With "unknown" nothing is checked where the two kinds differ.
    """

    model_config = ConfigDict(frozen=True)

    port: str
    active: Literal[0, 1] = 1
    kind: Literal["synchronous", "asynchronous", "unknown"] = "unknown"


class NormalisedSpec(BaseModel):
    """A specification as values.

    Attributes:
        top: The module.
        ports: All ports, in order.
        clock: None for a combinational module.
        reset: None where there is none.
        latency: "exact": outputs are specified cycle by cycle. "free": the specification leaves
            open in which cycle a result appears ("within 100 cycles"), so no reference can say it.
        corner_cases: Cases that a test should hold, one sentence each.
        open_questions: What the specification leaves open.
    """

    model_config = ConfigDict(frozen=True)

    top: str
    ports: tuple[SpecPort, ...]
    clock: SpecClock | None = None
    reset: SpecReset | None = None
    latency: Literal["exact", "free"] = "exact"
    corner_cases: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[SpecPort, ...]:
        """The inputs without the clock."""
        clock = self.clock.port if self.clock else ""
        return tuple(p for p in self.ports if p.direction == "in" and p.name != clock)

    @property
    def outputs(self) -> tuple[SpecPort, ...]:
        """The outputs."""
        return tuple(port for port in self.ports if port.direction == "out")

    @property
    def required(self) -> tuple[RequiredPort, ...]:
        """The ports as the gates check them."""
        return tuple(RequiredPort(p.name, p.direction, p.width) for p in self.ports)


def stated_ports(spec: str, top: str) -> tuple[RequiredPort, ...]:
    """The ports that the text states; none where there is no output, since that cannot be meant."""
    found = required_ports(spec, top)
    return found if any(port.direction != "in" for port in found) else ()


def read_plainly(spec: str, top: str) -> NormalisedSpec | None:
    """What the text states plainly; None where it does not state all ports with their widths."""
    stated = stated_ports(spec, top)
    if not stated or any(p.width is None or p.direction not in ("in", "out") for p in stated):
        return None
    ports = [{"name": p.name, "direction": p.direction, "width": p.width} for p in stated]
    try:
        return _checked({"top": top, "ports": ports}, spec, top)
    except WrongAnswer:
        return None


def is_plain(found: NormalisedSpec, spec: str) -> bool:
    """Whether the text states all that a test bench must know, so that nobody need be asked."""
    if found.reset and found.reset.kind == "unknown":
        return False
    if found.clock is None:
        # Without a port that looks like a clock, words about one mean that it has another name.
        return not re.search(r"(?i)\b(clocked|(positive|rising|negative|falling) edge)", spec)
    return not re.search(r"(?i)\blatency\b", spec) and not _WITHIN.search(spec)


def normalise(asker: Asker, spec: str, top: str, *, ask: bool | None = None) -> NormalisedSpec:
    """Normalise a specification.

    Args:
        asker: Asks models.
        spec: The specification.
        top: The module.
        ask: Ask a model always, or never; by default where the text is not plain.

    Raises:
        WrongAnswer: The ports are not stated and no model could say them.
        EffortSpent: The effort is spent.
        StageError: See `provider.complete`.
    """
    plain = read_plainly(spec, top)
    if plain is not None and (ask is False or (ask is None and is_plain(plain, spec))):
        return plain
    if ask is False:
        raise WrongAnswer("the specification does not state the ports")
    fields = {"top": top, "spec": spec, "ports": ports_in_words(top, stated_ports(spec, top))}
    try:
        return asker.ask(STAGE, lambda reply: parse(reply, spec, top), fields)
    except WrongAnswer:
        if plain is None:
            raise
        return plain


def parse(reply: Reply, spec: str, top: str) -> NormalisedSpec:
    """The values in an answer, under what the text states itself.

    Raises:
        WrongAnswer: The answer holds no JSON object, or one that does not fit.
    """
    found = _JSON.search(reply.text)
    if found is None:
        raise WrongAnswer("the answer holds no JSON object")
    try:
        given = json.loads(re.sub(r",(\s*[}\]])", r"\1", found.group()))
    except json.JSONDecodeError as error:
        raise WrongAnswer(f"the JSON is damaged: {error}") from None
    return _checked(given, spec, top)


def _checked(given: dict[str, Any], spec: str, top: str) -> NormalisedSpec:
    stated = stated_ports(spec, top)
    widths = {port.name: port.width for port in stated if port.width}
    ports = [_port(item, widths) for item in given.get("ports") or () if isinstance(item, dict)]
    if stated:
        by_name = {port["name"]: port for port in ports}
        missing = [port.name for port in stated if port.name not in by_name]
        if missing:
            raise WrongAnswer(f"these ports are missing: {', '.join(missing)}")
        ports = [{**by_name[port.name], "direction": port.direction} for port in stated]
    if not any(port.get("direction") == "out" for port in ports):
        raise WrongAnswer("there is no output among the ports")
    said = str(given.get("latency", "")).lower()
    inputs = {port["name"]: port["width"] for port in ports if port.get("direction") == "in"}
    try:
        return NormalisedSpec(
            top=top,
            ports=tuple(SpecPort.model_validate(port) for port in ports),
            clock=_clock(given.get("clock"), inputs, spec),
            reset=_reset(given.get("reset"), inputs, spec),
            latency="free" if _FREE.search(spec) or said == "free" else "exact",
            corner_cases=_sentences(given.get("corner_cases")),
            open_questions=_sentences(given.get("open_questions")),
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise WrongAnswer(f"{place}: {first['msg']}") from None


def _port(item: dict[str, Any], widths: dict[str, int]) -> dict[str, Any]:
    words = {"input": "in", "output": "out"}
    name, direction = str(item.get("name", "")), str(item.get("direction", "")).lower()
    width = widths.get(name, item.get("width", 1))
    if isinstance(width, str) and (span := re.fullmatch(r"\[?(\d+):(\d+)\]?", width.strip())):
        width = abs(int(span[1]) - int(span[2])) + 1
    return {"name": name, "direction": words.get(direction, direction), "width": width}


def _clock(given: Any, inputs: dict[str, int], spec: str) -> SpecClock | None:
    named = str(given.get("port") or "") if isinstance(given, dict) else str(given or "")
    usable = [name for name in inputs if _CLOCK.match(name) and inputs[name] == 1]
    port = named if inputs.get(named) == 1 else next(iter(usable), "")
    if not port:
        return None
    edge = str(given.get("edge", "")).lower() if isinstance(given, dict) else ""
    if re.search(r"(?i)\bboth\b[^.]*\bedges?\b|\bdual[ -]?edge", spec):
        edge = "both"
    elif not re.search(r"(?i)\b(positive|rising)\b|\bposedge\b", spec) and re.search(
        r"(?i)\b(negative|falling)[ -]edge\b|\bnegedge\b", spec
    ):
        edge = "falling"
    return SpecClock(port=port, edge=edge if edge in ("falling", "both") else "rising")


def _reset(given: Any, inputs: dict[str, int], spec: str) -> SpecReset | None:
    named = str(given.get("port") or "") if isinstance(given, dict) else str(given or "")
    usable = [name for name in inputs if _RESET.match(name) and inputs[name] == 1]
    port = next(iter(usable), "") or (named if inputs.get(named) == 1 else "")
    if not port:
        return None
    said = given if isinstance(given, dict) else {}
    active = 0 if _LOW.search(port) or said.get("active") in (0, "0", "low") else 1
    stated = _stated_levels(spec, port)
    if len(stated) == 1:
        active = int("high" in stated)
    kind = str(said.get("kind", "unknown")).lower()
    plain = re.sub(r"(?i)asynchronous", "", spec)
    is_asynchronous = plain != spec or re.match(r"(?i)a_?n?(rst|reset)", port)
    is_synchronous = re.search(r"(?i)\bsynchronous", plain)
    if is_asynchronous and not is_synchronous:
        kind = "asynchronous"
    elif is_synchronous and not is_asynchronous:
        kind = "synchronous"
    known = ("synchronous", "asynchronous")
    return SpecReset(
        port=port, active=1 if active else 0, kind=kind if kind in known else "unknown"
    )


def _stated_levels(spec: str, port: str) -> set[str]:
    """What the text says of the reset's active level: "low", "high", nothing, or both."""
    named = re.compile(rf"(?<!\w){re.escape(port)}(?!\w)")
    return {
        found.lower()
        for sentence in _SENTENCE.split(spec)
        if named.search(sentence) or _OF_RESET.search(sentence)
        for found in _ACTIVE.findall(sentence)
    }


def _sentences(given: Any) -> tuple[str, ...]:
    items = given if isinstance(given, list) else [given] if isinstance(given, str) else []
    return tuple(str(item)[:_MOST_WORDS] for item in items if str(item).strip())[:12]
