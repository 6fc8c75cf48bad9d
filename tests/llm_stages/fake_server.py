"""A server on loopback that speaks the OpenAI protocol and answers what a test tells it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeModel:
    """The answers to give, in order (the last one again and again), and the requests that came.

    An answer is a text, or a status and a JSON body for an error, or a number of seconds to stall.
    """

    answers: list[str | tuple[int, dict[str, Any]] | float]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    api_base: str = ""
    finish_reason: str = "stop"


@contextmanager
def serve(*answers: str | tuple[int, dict[str, Any]] | float) -> Iterator[FakeModel]:
    model = FakeModel(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            model.requests.append(json.loads(self.rfile.read(length)))
            model.headers.append(dict(self.headers))
            index = min(len(model.requests), len(model.answers)) - 1
            answer = model.answers[index]
            if isinstance(answer, tuple):
                status, body = answer
            elif isinstance(answer, str):
                status, body = 200, self.completion(answer)
            else:
                time.sleep(answer)
                status, body = 200, self.completion("late")
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def completion(self, text: str) -> dict[str, Any]:
            message = {"role": "assistant", "content": text}
            return {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": "fake-1",
                "choices": [{"index": 0, "message": message, "finish_reason": model.finish_reason}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
            }

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.api_base = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
