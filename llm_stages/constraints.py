"""The stage that writes timing constraints (SDC) from prose."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llm_stages.answer_parts import Block, Label, parts
from llm_stages.code_block import without_control_characters
from llm_stages.errors import InputError, WrongAnswer
from llm_stages.sdc import Command, parse, write
from llm_stages.sdc_commands import COMMANDS
from llm_stages.sdc_names import DesignNames, check_names
from llm_stages.typed_answer import Asked, ask
from llm_stages.untrusted_text import cleaned

_MAX_SPEC_BYTES = 65536
_SHOWN_PORTS = 200
_COMMAND_LINE = re.compile(
    rf"^[ \t]*(?:{'|'.join(COMMANDS)})\b[^\n\\]*(?:\\\n?[^\n\\]*)*", re.MULTILINE
)


class ConstraintsTask(BaseModel):
    """What `write_constraints` is given.

    Attributes:
        spec: What is said of timing, in prose.
        inputs: Bits of the input ports.
        outputs: Bits of the output ports.
        clock_port: The clock: the port that the design names, or what the flow calls one without.
        period_ns: Its period.
    """

    model_config = ConfigDict(frozen=True)

    spec: str = Field(min_length=1)
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    clock_port: str
    period_ns: float = Field(gt=0)


class ConstraintsDraft(BaseModel):
    """What `write_constraints` returns.

    Attributes:
        sdc: The constraints, as `sdc.write` writes them.
        questions: What the prose leaves open, in the model's words.
        asked: How the answer came to be.
    """

    model_config = ConfigDict(frozen=True)

    sdc: str = Field(min_length=1)
    questions: tuple[str, ...]
    asked: Asked


def write_constraints(
    spec_text: str,
    *,
    names: DesignNames,
    clock_port: str,
    period_ns: float,
    model: str,
    check: Callable[[Sequence[Command]], object] | None = None,
    **asking: Any,
) -> ConstraintsDraft:
    """Have a model write the constraints that prose asks for.

    An answer is accepted when the allowlist (`sdc.py`) reads it and all that it names exists.

    Args:
        spec_text: What is said of timing.
        names: Ports, pins and cells of the design.
        clock_port: The clock port that the design names; where it is none of the inputs, the name
            of the clock without a port that the flow creates.
        period_ns: Its period.
        model: The model string.
        check: Checks the constraints further; raises `InputError`.
        asking: As for `typed_answer.ask`.

    Raises:
        InputError: No model is named, or the prose is empty.
        ProviderError: The model could not be asked.
        DraftRejected: No answer could be used.
    """
    spec = cleaned(spec_text, most_bytes=_MAX_SPEC_BYTES).strip()
    if not spec:
        raise InputError("there is no prose to write constraints from", where="write_constraints")
    task = ConstraintsTask(
        spec=spec,
        inputs=names.inputs,
        outputs=names.outputs,
        clock_port=clock_port,
        period_ns=period_ns,
    )

    def read(answer: str, last: bool) -> tuple[str, tuple[str, ...]]:
        text, questions = _constraints_in(answer)
        commands = parse(text, file="line")
        if not commands:
            raise WrongAnswer("the code block holds no constraints")
        check_names(commands if _has_clock(commands) else _with_clock(commands, task), names)
        if check:
            check(commands)
        return write(commands), questions

    fields = {
        "spec": task.spec,
        "inputs": _ports(task.inputs),
        "outputs": _ports(task.outputs),
        "clock": f"{_clock_in_words(task)}, period {task.period_ns:g} ns",
        "commands": ", ".join(COMMANDS),
    }
    (sdc, questions), asked = ask("write_constraints", fields, read, model=model, **asking)
    return ConstraintsDraft(sdc=sdc, questions=questions, asked=asked)


def _constraints_in(answer: str) -> tuple[str, tuple[str, ...]]:
    """The constraints in an answer, and the questions beside them."""
    found = parts(answer, ["question"])
    questions = tuple(
        part.text[:500] for part in found if isinstance(part, Label) and part.value.strip()
    )
    blocks = [part.text for part in found if isinstance(part, Block)]
    if blocks:
        return "\n".join(blocks), questions
    bare = _COMMAND_LINE.findall(without_control_characters(answer))
    if not bare:
        raise WrongAnswer("the answer holds no constraints; write them in one ```sdc code block")
    return "\n".join(bare), questions


def _has_clock(commands: Sequence[Command]) -> bool:
    return any(command.name == "create_clock" for command in commands)


def _with_clock(commands: Sequence[Command], task: ConstraintsTask) -> tuple[Command, ...]:
    """The constraints behind the clock that the flow creates where they create none."""
    source = f" [get_ports {{{task.clock_port}}}]" if task.clock_port in task.inputs else ""
    clock = f"create_clock -name {task.clock_port} -period {task.period_ns!r}{source}"
    return (*parse(clock), *commands)


def _clock_in_words(task: ConstraintsTask) -> str:
    if task.clock_port in task.inputs:
        return task.clock_port
    return f"none; the clock {task.clock_port} has no port"


def _ports(bits: Sequence[str]) -> str:
    """Ports in words, a bus as its range."""
    buses: dict[str, list[int]] = {}
    for bit in bits:
        match = re.fullmatch(r"(.*)\[(\d+)\]", bit)
        buses.setdefault(match[1] if match else bit, []).extend([int(match[2])] if match else [])
    listed = [
        f"{name}[{max(numbers)}:{min(numbers)}]" if numbers else name
        for name, numbers in buses.items()
    ]
    more = f" and {len(listed) - _SHOWN_PORTS} more" if len(listed) > _SHOWN_PORTS else ""
    return (", ".join(listed[:_SHOWN_PORTS]) + more) or "none"
