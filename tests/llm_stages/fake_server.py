"""Servers on loopback that speak the protocols of providers and answer what a test tells them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Dialect = Literal["openai", "anthropic", "ollama", "gemini"]

#: A model string of each dialect, less its address.
MODELS: dict[Dialect, str] = {
    "openai": "openai/any",
    "anthropic": "anthropic/any",
    "ollama": "ollama_chat/any",
    "gemini": "gemini/any",
}


@dataclass(frozen=True)
class Error:
    """An error of the provider, in the words of its dialect."""

    status: int
    message: str
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """A body that is no answer of any dialect."""

    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True)
class Cut:
    """An answer whose connection is closed in the middle of it."""

    text: str


@dataclass(frozen=True)
class Trickle:
    """A byte every so often, for ever: no single read takes long."""

    pause_s: float


@dataclass(frozen=True)
class Refusal:
    """No text, since the provider's policy forbids it."""


#: Texts are answers; a number is seconds to stall before one.
Answer = str | float | tuple[int, dict[str, Any]] | Error | Raw | Cut | Trickle | Refusal


@dataclass
class FakeModel:
    """The answers to give, in order (the last one again and again), and the requests that came."""

    answers: list[Answer]
    dialect: Dialect = "openai"
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    api_base: str = ""
    finish_reason: str = "stop"
    at_once: int = 0
    most_at_once: int = 0
    usage: bool = True

    @property
    def model(self) -> str:
        """The one string that names this server's model."""
        return f"{MODELS[self.dialect]}@{self.api_base}"


@contextmanager
def serve(*answers: Answer, dialect: Dialect = "openai") -> Iterator[FakeModel]:
    model = FakeModel(list(answers), dialect)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/api/show"):  # Ollama is asked about the model first
                return self.send(200, json.dumps({"template": "", "capabilities": []}).encode())
            with lock:
                model.requests.append(asked)
                model.headers.append(dict(self.headers))
                model.paths.append(self.path)
                model.times.append(time.monotonic())
                answer = model.answers[min(len(model.requests), len(model.answers)) - 1]
                model.at_once += 1
                model.most_at_once = max(model.most_at_once, model.at_once)
            try:
                self.answer(answer)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the caller has given up
            finally:
                with lock:
                    model.at_once -= 1

        def answer(self, answer: Answer) -> None:
            if isinstance(answer, tuple):
                self.send(answer[0], json.dumps(answer[1]).encode())
            elif isinstance(answer, Error):
                body = json.dumps(_error(model.dialect, answer)).encode()
                self.send(answer.status, body, headers=answer.headers)
            elif isinstance(answer, Refusal):
                refused = replace(model, finish_reason="content_filter")
                self.send(200, json.dumps(_answer(refused, "")).encode())
            elif isinstance(answer, Raw):
                self.send(200, answer.body, answer.content_type)
            elif isinstance(answer, Cut):
                body = json.dumps(_answer(model, answer.text)).encode()
                self.send(200, body[: len(body) // 2], length=len(body))
                self.close_connection = True
            elif isinstance(answer, Trickle):
                self.head(200, "application/json", 1 << 30)
                while True:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(answer.pause_s)
            else:
                if isinstance(answer, float):
                    time.sleep(answer)
                text = answer if isinstance(answer, str) else "late"
                self.send(200, json.dumps(_answer(model, text)).encode())

        def send(
            self,
            status: int,
            body: bytes,
            content_type: str = "application/json",
            *,
            headers: Mapping[str, str] | None = None,
            length: int | None = None,
        ) -> None:
            self.head(status, content_type, len(body) if length is None else length, headers)
            self.wfile.write(body)

        def head(
            self, status: int, kind: str, length: int, headers: Mapping[str, str] | None = None
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    root = "/v1" if dialect == "openai" else ""
    model.api_base = f"http://127.0.0.1:{server.server_address[1]}{root}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()


def _answer(model: FakeModel, text: str) -> dict[str, Any]:
    """A whole answer; 11 tokens of question and 7 of answer."""
    if model.dialect == "anthropic":
        reasons = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
        return {
            "id": "x",
            "type": "message",
            "role": "assistant",
            "model": "fake-1",
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": reasons[model.finish_reason],
            "usage": {"input_tokens": 11, "output_tokens": 7} if model.usage else {},
        }
    if model.dialect == "ollama":
        counts = {"prompt_eval_count": 11, "eval_count": 7} if model.usage else {}
        return {
            "model": "fake-1",
            "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": model.finish_reason,
            **counts,
        }
    if model.dialect == "gemini":
        reasons = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
        counts = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        content = {"role": "model", "parts": [{"text": text}] if text else []}
        return {
            "candidates": [
                {"content": content, "finishReason": reasons[model.finish_reason], "index": 0}
            ],
            "modelVersion": "fake-1",
            **({"usageMetadata": counts} if model.usage else {}),
        }
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "fake-1",
        "choices": [{"index": 0, "message": message, "finish_reason": model.finish_reason}],
        **({"usage": usage} if model.usage else {}),
    }


def _error(dialect: Dialect, error: Error) -> dict[str, Any]:
    if dialect == "anthropic":
        kind = error.code or "api_error"
        return {"type": "error", "error": {"type": kind, "message": error.message}}
    if dialect == "ollama":
        return {"error": error.message}
    if dialect == "gemini":
        status = error.code or "UNAVAILABLE"
        return {"error": {"code": error.status, "message": error.message, "status": status}}
    return {"error": {"message": error.message, "type": "error", "code": error.code or None}}
