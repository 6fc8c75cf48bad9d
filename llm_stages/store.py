"""Recorded replies, one JSON file a request, so that a flow can run again without a model.

The name of a file is the sha256 of what determines the answer: model, messages, temperature, length
and seed. The server's address and the time limit are not part of it, nor is any key.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from llm_stages.errors import InputError, NotRecorded
from llm_stages.exchange import Reply, Request


@dataclass(frozen=True)
class Store:
    """A folder of recorded replies.

    Attributes:
        folder: Where the files are.
        mode: "record" asks the model and keeps its reply; "replay" never asks a model.
    """

    folder: Path
    mode: Literal["record", "replay"]

    @property
    def replays(self) -> bool:
        """No model is asked."""
        return self.mode == "replay"

    def load(self, request: Request) -> dict[str, Any]:
        """The fields of the recorded `Reply`.

        Raises:
            NotRecorded: The folder holds no reply to this request.
            InputError: The file is damaged.
        """
        path = self.folder / f"{request_key(request)}.json"
        try:
            return json.loads(path.read_text("utf-8"))["reply"]
        except FileNotFoundError:
            raise NotRecorded(
                "no reply to this request is recorded",
                where=f"{request.model} in {self.folder}",
                hint="the prompt, the model or a parameter changed: record again with "
                "CHIPFLOW_LLM_RECORD, or unset CHIPFLOW_LLM_REPLAY",
            ) from None
        except (json.JSONDecodeError, KeyError) as error:
            raise InputError(
                f"the recorded reply is damaged: {error}", where=str(path), hint="delete the file"
            ) from None

    def save(self, request: Request, reply: Reply) -> None:
        """Write the reply so that a reader sees all of it or nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {"request": _determining(request), "reply": asdict(reply)}, indent=1, sort_keys=True
        )
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.replace(name, self.folder / f"{request_key(request)}.json")


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


def _determining(request: Request) -> dict[str, Any]:
    fields = asdict(request)
    del fields["api_base"], fields["timeout_s"]
    return fields
