"""Recorded replies, one JSON file a question, so that a flow can run again without a model.

The name of a file is the sha256 of what determines the answer: model, messages, temperature, length
and seed. The server's address, the time limit and the stage are not part of it, nor is any key. The
same question has one answer: who wants another one asks with another seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from llm_stages.errors import InputError, NotRecorded
from llm_stages.exchange import Reply, Request

Mode = Literal["record", "resume", "replay", "off"]

_SHOWN_QUESTION = 120

# Files that this process has written: in "record", a question asked twice has one answer too.
_written: set[Path] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Store:
    """A folder of recorded replies.

    Attributes:
        folder: Where the files are.
        mode: "record" asks the model and keeps its reply; "resume" asks for what is not there;
            "replay" never asks a model; "off" neither reads nor writes.
    """

    folder: Path
    mode: Mode

    @property
    def replays(self) -> bool:
        """No model is asked."""
        return self.mode == "replay"

    def find(self, request: Request) -> Reply | None:
        """The reply that stands for this request; None where a model is to be asked.

        Raises:
            InputError: The file is damaged.
        """
        path = self._path(request)
        if self.mode == "off" or (self.mode == "record" and path not in _written):
            return None
        return _read(path)

    def keep(self, request: Request, reply: Reply) -> Reply:
        """Write the reply so that a reader sees all of it or nothing; return the one that stands.

        Raises:
            InputError: The folder cannot be written.
        """
        if self.mode == "off":
            return reply
        path = self._path(request)
        with _lock:
            # Another thread may have asked the same and be done: both go on with one answer.
            if path in _written and (kept := _read(path)):
                return kept
            _write(path, {"request": _determining(request), "reply": asdict(reply)})
            _written.add(path)
        return reply

    def missing(self, request: Request) -> NotRecorded:
        """The error for a question that has no recorded answer."""
        question = " ".join(request.messages[-1].content.split()) if request.messages else ""
        if len(question) > _SHOWN_QUESTION:
            question = question[:_SHOWN_QUESTION] + "..."
        asker = f"the stage {request.stage}" if request.stage else "somebody"
        count = sum(1 for _ in self.folder.glob("*.json")) if self.folder.is_dir() else 0
        return NotRecorded(
            f"no reply to this question is recorded; {asker} asks {request.model}: {question!r}",
            where=f"{request.model} in {self.folder}, which holds {count} replies",
            hint="the prompt, the model or a parameter changed: record again "
            "(chipflow run --record DIR, or CHIPFLOW_LLM_RECORD), or ask the model: without "
            "--replay and CHIPFLOW_LLM_REPLAY",
        )

    def _path(self, request: Request) -> Path:
        return self.folder / f"{request_key(request)}.json"


def request_key(request: Request) -> str:
    """The sha256 of what determines the answer to a request."""
    text = json.dumps(_determining(request), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def store_from_environment() -> Store | None:
    """The store that CHIPFLOW_LLM_REPLAY or CHIPFLOW_LLM_RECORD names; replay goes first."""
    if folder := os.environ.get("CHIPFLOW_LLM_REPLAY"):
        return Store(Path(folder), "replay")
    if folder := os.environ.get("CHIPFLOW_LLM_RECORD"):
        return Store(Path(folder), "record")
    return None


def _read(path: Path) -> Reply | None:
    try:
        given = json.loads(path.read_text("utf-8"))["reply"]
        kinds = {"text": str, "model": str, "finish_reason": str, "latency_s": float | int}
        kinds |= {"prompt_tokens": int, "completion_tokens": int, "cost_usd": float | int | None}
        if set(given) != {field.name for field in fields(Reply)}:
            raise ValueError("its fields are not those of a reply")
        for name, kind in kinds.items():
            if not isinstance(given[name], kind):
                raise ValueError(f"{name} is {given[name]!r}")
        return Reply(**given)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the recorded reply is damaged: {error}", where=str(path), hint="delete the file"
        ) from None


def _write(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, indent=1, sort_keys=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.replace(name, path)
    except OSError as error:
        raise InputError(
            f"the reply cannot be recorded: {error.strerror}",
            where=str(path.parent),
            hint="make room, or name another folder to record in",
        ) from error


def _determining(request: Request) -> dict[str, Any]:
    values = asdict(request)
    for name in ("api_base", "timeout_s", "stage"):
        del values[name]
    return values
