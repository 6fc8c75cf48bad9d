"""The calls of a run, written down before and after each, in memory or in a file of JSON lines.

Stages run in processes of their own, and a budget is for all of them: the file is what they share.
A line with the same id replaces an earlier one, so a process that dies within a call leaves the
line that counts the call in full.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from llm_stages.errors import InputError

State = Literal["asked", "answered", "failed", "replayed"]

_memory_lock = threading.Lock()


@dataclass(frozen=True)
class Call:
    """One call of a model.

    Attributes:
        id: Its name in the log.
        spender: Who it was for, such as a stage of a flow.
        stage: The LLM stage that asked.
        model: The model that was asked.
        state: "asked" while at work, and for good where the caller died; then the numbers are what
            the call may use at most. "replayed" for an answer from a record, which costs nothing.
        prompt_tokens: Tokens of the question.
        completion_tokens: Tokens of the answer.
        cost_usd: Price; None where it is not known.
        seconds: Time from sending to the end of the answer.
        process: Number of the process that asked.
        error: Why it failed.
    """

    id: str
    spender: str
    stage: str
    model: str
    state: State
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    process: int = 0
    error: str = ""

    @property
    def tokens(self) -> int:
        """Tokens of question and answer."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def at_work(self) -> bool:
        """The process that asked is there and waits for the answer."""
        if self.state != "asked":
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


@dataclass(frozen=True)
class Usage:
    """What the calls of one model came to.

    Attributes:
        calls: Answers, from the model or from a record.
        failed: Calls without a usable answer.
        replayed: How many of the answers came from a record.
        prompt_tokens: Tokens of all questions.
        completion_tokens: Tokens of all answers.
        cost_usd: Price of all calls; None where that of one is not known.
        seconds: Time of all calls.
    """

    calls: int = 0
    failed: int = 0
    replayed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    seconds: float = 0.0


def usage_by_model(calls: Iterable[Call], spender: str) -> dict[str, Usage]:
    """The usage of one spender, by model in the order of the first call."""
    found: dict[str, Usage] = {}
    for call in calls:
        if call.spender != spender:
            continue
        sum_ = found.get(call.model, Usage())
        answered = call.state in ("answered", "replayed")
        known = sum_.cost_usd is not None and call.cost_usd is not None
        found[call.model] = Usage(
            calls=sum_.calls + answered,
            failed=sum_.failed + (not answered),
            replayed=sum_.replayed + (call.state == "replayed"),
            prompt_tokens=sum_.prompt_tokens + call.prompt_tokens,
            completion_tokens=sum_.completion_tokens + call.completion_tokens,
            cost_usd=(sum_.cost_usd or 0.0) + (call.cost_usd or 0.0) if known else None,
            seconds=round(sum_.seconds + call.seconds, 3),
        )
    return found


class CallLog:
    """The calls so far; open it with `held` to read, decide and write as one step."""

    def __init__(self, calls: dict[str, Call]) -> None:
        self.calls = calls
        self.changed: list[Call] = []

    def write(self, call: Call) -> None:
        """Add a call, or replace what was known of it."""
        self.calls[call.id] = call
        self.changed.append(call)

    def end(self, call_id: str, **changes: object) -> None:
        """Say how a call ended."""
        self.write(replace(self.calls[call_id], **changes))  # type: ignore[arg-type]


@contextmanager
def held(file: Path | None, memory: dict[str, Call]) -> Iterator[CallLog]:
    """The log, while no other thread or process has it.

    Args:
        file: The file; None for a log in memory alone.
        memory: The calls where there is no file.

    Raises:
        InputError: The file cannot be written.
    """
    if file is None:
        with _memory_lock:
            yield CallLog(memory)
        return
    try:
        with file.open("a+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # freed by closing, and by the kernel
            stream.seek(0)
            log = CallLog(_parsed(stream))
            yield log
            for call in log.changed:
                # In front, so that half a line of a killed process does not take this one along.
                stream.write("\n" + json.dumps(asdict(call)))
    except OSError as error:
        raise InputError(
            f"the record of the calls cannot be written: {error.strerror}",
            where=str(file),
            hint="make room or mend the permissions, then run the same command",
        ) from error


def read_calls(file: Path) -> list[Call]:
    """The calls in a file; none where it is missing."""
    try:
        with file.open(encoding="utf-8") as stream:
            return list(_parsed(stream).values())
    except OSError:
        return []


def _parsed(lines: Iterable[str]) -> dict[str, Call]:
    calls: dict[str, Call] = {}
    for line in lines:
        try:
            call = Call(**json.loads(line))
        except (ValueError, TypeError):
            continue  # empty, or cut off by a kill
        calls[call.id] = call
    return calls
